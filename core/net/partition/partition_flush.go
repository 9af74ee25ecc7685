// partition_flush.go: when what the task wrote becomes visible before its buffer is full, and who sees to it.

package partition

import (
	"sync"
	"sync/atomic"

	"xbench/core/buffer"
	"xbench/core/meter"
)

// written is what the task has under its pen. It belongs to whoever holds pen: the task, from its first call to its last; while
// it is idle, whoever calls RequestFlush. So a flusher can publish for a task that sleeps, and a task that works is asked to do
// it itself.
type written struct {
	unicast   []buffer.Builder // per subpartition; all closed while broadcast is open
	broadcast buffer.Builder
	finished  bool // no more records
	ended     bool // end of data was announced
	closed    bool
	held      bool // whether the task holds pen; only the task looks
	records   uint64
	toPush    []Listener // whom the task has told of something pending

	pen   sync.Mutex
	asked atomic.Uint32
}

// What the task has to look at before it goes on writing.
const (
	idle        = 1 << iota // it does not hold pen
	flushWanted             // somebody wants what is written to be flushed
)

func (w *written) init(subpartitions int) {
	w.unicast = make([]buffer.Builder, subpartitions)
	w.asked.Store(idle)
}

// own makes the builders the task's, and answers those who asked for a flush in the meantime.
func (p *ResultPartition) own() {
	if !p.held {
		p.pen.Lock()
		p.held = true
		p.time.Enter(meter.Busy)
	}
	if p.asked.Load() != 0 && p.asked.Swap(0)&flushWanted != 0 {
		p.flushAll()
	}
}

// Idle says that the task may not call for a while: because it waits for input, or for the time of its next record. It costs
// next to nothing, and until the task's next call a flusher does the publishing. A task that computes for long between two
// records should call it too. Task.
func (p *ResultPartition) Idle() {
	if !p.held {
		return
	}
	p.held = false
	p.asked.Or(idle)
	p.pen.Unlock()
	if p.asked.Load()&flushWanted != 0 {
		p.answer() // asked since the task's last look, by somebody who saw no idle task or found pen taken
	}
}

// RequestFlush flushes everything written so far: at once if the task is idle, otherwise as soon as the task wants to write.
// Called by the output flusher; any goroutine may. Nothing happens where nobody reads before the end.
func (p *ResultPartition) RequestFlush() {
	if p.store != nil {
		return
	}
	before := p.asked.Or(flushWanted)
	switch {
	case before&idle != 0:
		p.answer()
	case before&flushWanted != 0:
		// Not answered since the last time: the task is busy elsewhere, or in a wait of its own. What it had published need not
		// wait for it.
		for i := range p.subs {
			p.subs[i].flush()
		}
	}
}

// answer flushes for a task that is idle, unless it has woken up: then it will do so itself.
func (p *ResultPartition) answer() {
	if !p.pen.TryLock() {
		return // the task has it, and answers in own; or another answer, since whose beginning nothing can have been written
	}
	if p.asked.And(^uint32(flushWanted))&flushWanted != 0 {
		p.flushAll()
	}
	p.pen.Unlock()
}

// Flush publishes what is written to subpartition ch and makes it readable. In a replayable partition it ends the buffer and
// stores it, as in Flink; if that fails, the next call that can say so does. Task.
func (p *ResultPartition) Flush(ch int) {
	p.own()
	if p.store != nil {
		_, _ = p.end(p.laneToAll()), p.end(p.lane(ch)) // the partition is released with the error
		return
	}
	p.records += p.broadcast.TakeRecords() + p.unicast[ch].TakeRecords()
	p.publishRecords()
	p.broadcast.Publish()
	p.unicast[ch].Publish()
	p.pending(p.subs[ch].flushPending())
	p.push()
}

// FlushAll is Flush for every subpartition. Task.
func (p *ResultPartition) FlushAll() {
	p.own()
	if p.store != nil {
		p.flushAll()
		return
	}
	p.publishAll()
	for i := range p.subs {
		p.pending(p.subs[i].flushPending())
	}
	p.push()
}

// pending remembers whom to push; nil: nobody.
func (p *ResultPartition) pending(l Listener) {
	if l != nil {
		p.toPush = append(p.toPush, l)
	}
}

// push has everything sent that is pending: by the task itself where it can be, which is nearest to the data, and where nobody has to be woken.
func (p *ResultPartition) push() {
	for _, l := range p.toPush {
		l.Push()
	}
	clear(p.toPush)
	p.toPush = p.toPush[:0]
}

// publishAll is called by whoever holds pen.
func (p *ResultPartition) publishAll() {
	p.records += p.broadcast.TakeRecords()
	p.broadcast.Publish()
	for i := range p.unicast {
		p.records += p.unicast[i].TakeRecords()
		p.unicast[i].Publish()
	}
	p.publishRecords()
}

// flushAll is called by whoever holds pen.
func (p *ResultPartition) flushAll() {
	if p.store != nil {
		_ = p.endAll() // as in Flush
		return
	}
	p.publishAll()
	for i := range p.subs {
		p.subs[i].flush()
	}
}
