// client_drive.go: who reads a consumer's connection: its goroutine, or the one task that it serves.

package net

import (
	"sync"
	"sync/atomic"
	"time"

	"xbench/core/net/gate"
)

// lease is for how long a task that reads may be at work on what it got before the connection's goroutine stands in: then others see what comes
// meanwhile, queues and backlogs, as they would if the goroutine had read all along. Far above what a batch of buffers takes.
const lease = 2 * time.Millisecond

// bulk is how many bytes in one read say that throughput is what counts. With many channels the goroutine then reads ahead while the task works: a
// task that reads, works, and then waits for more has the other end wait meanwhile, which cost 4 x 100 channels a tenth to a half of the throughput.
// Few channels have so few buffers under way that each is waited for anyway: there, one wake-up less is worth a quarter.
const (
	bulk        = 16 << 10
	fewChannels = 8
)

// A seat is the place from which a connection is read. It is the goroutine's, until that has brought something to a task that waits and is the only one whom the
// connection serves. From then on the task reads, and waits for bytes itself: one wake-up instead of two for each message, and a buffer
// is decoded where it was received. The goroutine gets the seat back when the task is away for longer than the lease, wants to wait for something
// else, or when a second task comes.
type seat struct {
	mu     sync.Mutex // held by whoever reads
	byTask atomic.Bool
	back   chan struct{} // one slot: the goroutine is to read again
	lease  *time.Timer   // nil: the stream cannot be read without waiting, and the task never reads

	sole atomic.Pointer[gate.Waiter] // of the only task; nil: none, or several
	few  atomic.Bool                 // there are few channels
	task *gate.Waiter                // that is reading
}

// init makes it the goroutine's.
func (s *seat) init(c *clientConn) {
	s.back = make(chan struct{}, 1)
	if c.recv.direct != nil {
		s.lease = time.AfterFunc(time.Hour, c.Yield)
		s.lease.Stop()
	}
}

// readLoop is the goroutine's: it reads, or waits until it is to read again.
func (c *clientConn) readLoop() error {
	for {
		w, err := c.readOnce()
		if err != nil {
			return err
		}
		if w == nil {
			continue
		}
		w.Signal()
		select {
		case <-c.seat.back:
		case <-c.done:
			return c.failure()
		}
	}
}

// readOnce reads, and returns the task that has the seat from now on; nil: nobody but the goroutine.
func (c *clientConn) readOnce() (*gate.Waiter, error) {
	c.seat.mu.Lock()
	defer c.seat.mu.Unlock()
	if err := c.recv.receiveOnce(); err != nil {
		return nil, err
	}
	return c.handOverLocked(), nil
}

// handOverLocked gives the seat to the only task, if that waits for a signal, and returns where to signal it; nil: it does not. The task may be up and
// away by now: then the lease ends that, as it would have begun with what it left for.
func (c *clientConn) handOverLocked() *gate.Waiter {
	w := c.seat.sole.Load()
	if c.seat.lease == nil || w == nil || c.busy() || !w.Asleep() {
		return nil
	}
	c.seat.byTask.Store(true)
	c.seat.lease.Reset(lease)
	if c.seat.sole.Load() != w { // another one came, and may not have seen it
		c.Yield()
	}
	return w
}

// busy reports whether the last read says that the goroutine had better read.
func (c *clientConn) busy() bool { return c.recv.got >= bulk && !c.seat.few.Load() }

// close waits until no task reads any more, which the end of the stream makes them see, and lets none begin.
func (s *seat) close() {
	s.mu.Lock()
	s.byTask.Store(false)
	if s.lease != nil {
		s.lease.Stop()
	}
}

// Read is gate.Line's. Before it waits, it sends the credit that the task has earned.
func (c *clientConn) Read(w *gate.Waiter) bool {
	if !c.seat.byTask.Load() || !c.seat.mu.TryLock() {
		return false
	}
	defer c.seat.mu.Unlock()
	c.seat.lease.Stop()
	c.seat.task = w
	if c.recv.buffers >= creditEvery && c.inbox.len() > 0 {
		c.recv.buffers = 0
		c.out.push()
	}
	err := c.recv.receiveUnless(c)
	if c.busy() {
		c.Yield()
	}
	if err != nil && err != errInterrupted {
		c.Yield()
		c.end(c.explain(err))
	}
	return true
}

// creditEvery is for how many buffers a task that always finds something to read sends the credit once.
const creditEvery = 4

// park lets the reading task wait if nothing has come up, when its credit is under way: a note that is left from now on wakes the sender.
func (c *clientConn) park() bool {
	if c.inbox.len() > 0 {
		c.out.push()
	}
	may := c.seat.task.Park() && c.seat.byTask.Load()
	if may && c.inbox.len() > 0 {
		c.inbox.signal()
	}
	return may
}

func (c *clientConn) unpark() { c.seat.task.Unpark() }

// Left is gate.Line's.
func (c *clientConn) Left() {
	if c.seat.byTask.Load() {
		c.seat.lease.Reset(lease)
	}
}

// Yield is gate.Line's. Anybody may call it.
func (c *clientConn) Yield() {
	if !c.seat.byTask.CompareAndSwap(true, false) {
		return
	}
	c.seat.back <- struct{}{}
	c.inbox.signal() // credit that the task would have sent
}

// Interrupt is gate.Line's.
func (c *clientConn) Interrupt() { c.recv.direct.interrupt() }

// servedLocked takes note of whom the connection serves now. The caller holds c.mu.
func (c *clientConn) servedLocked(w *gate.Waiter) {
	if len(c.mu.requests) == 0 {
		c.seat.sole.Store(w)
		return
	}
	if before := c.seat.sole.Load(); before != nil && before != w {
		c.seat.sole.Store(nil)
		c.Yield()
		before.Signal()
	}
}
