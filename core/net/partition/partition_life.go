// partition_life.go: who is done with a partition, and what happens when everybody is.

package partition

import "fmt"

// AllDataProcessed is closed when all consumers have processed everything up to the end of data, or have left. It is closed too
// when the partition is released: then ask Failure. Nobody has to process a replayable partition: it is closed from the beginning.
func (p *ResultPartition) AllDataProcessed() <-chan struct{} { return p.processed }

// AllConsumed is closed when all consumers have left: behind the end of the partition, or before it. It is closed too when the
// partition is released; a replayable one only then, and when its last reader has left.
func (p *ResultPartition) AllConsumed() <-chan struct{} { return p.unread }

// Deserted is how many consumers left before they had processed everything up to the end of data.
func (p *ResultPartition) Deserted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.deserted
}

// acknowledged notes that a consumer has processed everything up to the end of data. A second time changes nothing.
func (p *ResultPartition) acknowledged(sub int) {
	p.mu.Lock()
	done := p.acknowledgeLocked(sub)
	p.mu.Unlock()
	if done {
		close(p.processed)
	}
}

// acknowledgeLocked reports whether sub was the last one.
func (p *ResultPartition) acknowledgeLocked(sub int) bool {
	if p.mu.unprocessed == 0 || p.mu.acknowledged[sub] {
		return false
	}
	p.mu.acknowledged[sub] = true
	p.mu.unprocessed--
	return p.mu.unprocessed == 0
}

// consumed notes that a subpartition's reader is gone for good. Once per subpartition: it has one view, which ends once.
func (p *ResultPartition) consumed(sub int) {
	p.mu.Lock()
	if p.mu.unprocessed > 0 && !p.mu.acknowledged[sub] {
		p.mu.deserted++
	}
	done := p.acknowledgeLocked(sub)
	nobody := p.mu.reading == 1
	p.mu.reading = max(0, p.mu.reading-1) // it is 0 already when the partition was released
	last := p.leaveLocked()
	p.mu.Unlock()
	if done {
		close(p.processed)
	}
	if nobody {
		close(p.unread)
	}
	if last {
		p.Release(nil)
	}
}

// left notes that a stored subpartition is gone, with its last reader.
func (p *ResultPartition) left() {
	p.mu.Lock()
	p.mu.reading--
	nobody := p.mu.reading == 0
	p.mu.Unlock()
	if nobody {
		close(p.unread)
	}
}

// leaveLocked takes one user off and reports whether it was the last.
func (p *ResultPartition) leaveLocked() bool {
	if p.mu.users == 0 {
		panic(fmt.Sprintf("partition: %v: a user left although all %d subpartitions and the task had", p.id, p.Subpartitions()))
	}
	p.mu.users--
	return p.mu.users == 0
}

// Fail gives the partition up: its readers find cause, its task gets a *CancelledError from the next call that needs a buffer,
// also when it is waiting for one now. The task closes the partition as always.
func (p *ResultPartition) Fail(cause error) {
	if cause == nil {
		cause = ErrCancelled
	}
	p.Release(cause)
	p.pool.Destroy()
}

// Release drops everything that is queued, ends the views and takes the partition off its registry. cause, if not nil, is what
// readers find. The first release counts, later ones change nothing. A task that is still writing is not stopped in a wait for
// a buffer: Fail does that.
//
// Without a cause, those who read a replayable partition may go on to the end; the last of them takes the files with him.
func (p *ResultPartition) Release(cause error) {
	if !p.released.CompareAndSwap(nil, &releaseCause{cause}) {
		return
	}
	p.mu.Lock()
	registry := p.mu.registry
	p.mu.registry = nil
	waiting, reading := p.mu.unprocessed > 0, p.mu.reading > 0
	p.mu.unprocessed = 0
	if p.store == nil {
		p.mu.reading = 0
	}
	p.mu.Unlock()
	if registry != nil {
		registry.forget(p)
	}
	if p.store != nil {
		p.store.release(cause)
		return
	}
	for i := range p.subs {
		view, first := p.subs[i].release()
		if first && view != nil && !view.released.Swap(true) {
			view.listener.DataAvailable() // whoever waits for data finds out that none will come
		}
	}
	if waiting {
		close(p.processed)
	}
	if reading {
		close(p.unread)
	}
}

// IsReleased reports whether the partition is over.
func (p *ResultPartition) IsReleased() bool { return p.released.Load() != nil }

// Failure is the cause with which the partition was released, nil if there was none or it lives.
func (p *ResultPartition) Failure() error {
	if cause := p.released.Load(); cause != nil {
		return cause.err
	}
	return nil
}

// producerFailure is Failure as readers find it.
func (p *ResultPartition) producerFailure() error {
	if cause := p.Failure(); cause != nil {
		return &ProducerFailedError{Cause: cause}
	}
	return nil
}

// Close is the task's last call, whatever happened before: it closes the builders and destroys the pool. What is queued, or stored,
// stays for its consumers; but a partition that was neither finished nor released fails with ErrUnfinished, for its consumers would
// wait for ever. Task. Idempotent.
func (p *ResultPartition) Close() {
	p.own()
	if p.closed {
		return
	}
	p.closed = true
	if !p.finished {
		p.Release(ErrUnfinished)
	}
	_ = p.endAll() // nothing is open, or it goes nowhere
	p.pool.Destroy()
	if p.store != nil {
		return
	}
	p.mu.Lock()
	last := p.leaveLocked()
	p.mu.Unlock()
	if last {
		p.Release(nil)
	}
}
