// waiter.go: where a task waits for its input: for a signal, or for the bytes themselves.

package gate

import (
	"context"
	"sync"
	"sync/atomic"

	"xbench/core/meter"
)

// A Line is a connection as a task knows that waits for something to come over it. If the task is the only one that the connection serves, it may read it
// itself: then a buffer is decoded by the processor that received it, while it is in its cache, and nobody has to be woken in between.
type Line interface {
	// Read receives once, for the task that waits at w, and waits for bytes if there are none. It returns as soon as there may be something to poll.
	// False: somebody else reads, and w will be signalled.
	Read(w *Waiter) bool
	// Left says that the task has what it wanted and is going to work on it.
	Left()
	// Yield makes somebody else read from now on.
	Yield()
	// Interrupt ends a wait in Read.
	Interrupt()
}

// A Waiter is where one task waits for all its channels: those of a gate, or of several in a union. Signal, Asleep and Parked are for anybody, join for who opens
// channels, the rest for the task.
type Waiter struct {
	wake  chan struct{} // one slot: a signal, never data
	clock meter.Clock
	waits meter.Observer

	asleep atomic.Bool // the task waits for a signal
	parked atomic.Bool // the task waits in Read

	line  atomic.Pointer[Line] // nil: none, or not all channels are on one
	local atomic.Bool          // some channel has no connection, or another one than the others

	mu struct {
		sync.Mutex
		heeded    <-chan struct{} // of the context whose end signals; nil: none, or one that does not end
		disregard func() bool     // makes it not signal any more
	}
}

func newWaiter(clock meter.Clock, waits meter.Observer) *Waiter {
	return &Waiter{wake: make(chan struct{}, 1), clock: clock, waits: waits}
}

// Signal wakes the task, or lets it pass when it is about to wait.
func (w *Waiter) Signal() {
	select {
	case w.wake <- struct{}{}:
	default: // already woken
	}
	if w.parked.Load() {
		w.interrupt()
	}
}

func (w *Waiter) interrupt() {
	if l := w.line.Load(); l != nil {
		(*l).Interrupt()
	}
}

// Asleep reports whether the task waits for a signal, and could read itself instead.
func (w *Waiter) Asleep() bool { return w.asleep.Load() && !w.local.Load() }

// Parked reports whether the task waits in Read.
func (w *Waiter) Parked() bool { return w.parked.Load() }

// Park says that the task is about to wait in Read, and reports whether it may: not if there has been a signal, which it forgets. From now on a signal
// interrupts it.
func (w *Waiter) Park() bool {
	w.parked.Store(true)
	return !w.drain()
}

// Unpark says that the task does not wait in Read.
func (w *Waiter) Unpark() { w.parked.Store(false) }

// join says that a channel comes over a connection; nil: over none.
func (w *Waiter) join(l Line) {
	if l != nil && (w.line.CompareAndSwap(nil, &l) || *w.line.Load() == l) {
		return
	}
	if before := w.line.Load(); !w.local.Swap(true) && before != nil {
		(*before).Yield()
		w.Signal()
	}
}

// own is the line that the task may read.
func (w *Waiter) own() Line {
	if l := w.line.Load(); l != nil && !w.local.Load() {
		return *l
	}
	return nil
}

// yield leaves reading to others: the task waits in another way, or not at all.
func (w *Waiter) yield() {
	if l := w.own(); l != nil {
		l.Yield()
	}
}

// heed makes the end of ctx a signal, until disregard or another context.
func (w *Waiter) heed(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Done() == w.mu.heeded {
		return
	}
	w.disregardLocked()
	w.mu.heeded = ctx.Done()
	w.mu.disregard = context.AfterFunc(ctx, w.Signal)
}

func (w *Waiter) disregard() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disregardLocked()
}

func (w *Waiter) disregardLocked() {
	if w.mu.disregard != nil {
		w.mu.disregard()
	}
	w.mu.heeded, w.mu.disregard = nil, nil
}

// next polls until there is something, and reports the time without. What came before the end of ctx is worth more than that end.
func (w *Waiter) next(ctx context.Context, poll func() (Item, bool, error)) (Item, error) {
	if w.waits != nil {
		from := w.clock()
		defer func() { w.waits.Waited(meter.Input, -1, from, w.clock()) }()
	}
	line := w.own()
	for {
		w.drain()
		over := ctx.Err()
		if item, ok, err := poll(); ok || err != nil {
			if line != nil {
				line.Left()
			}
			if err != nil {
				w.disregard() // the gate may have been closed since heed
			}
			return item, err
		}
		if over != nil {
			w.yield()
			return Item{}, over
		}
		if line != nil {
			w.heed(ctx)
		}
		if line == nil || w.local.Load() || !line.Read(w) {
			w.sleep(ctx)
		}
	}
}

// drain forgets a signal, and reports whether there was one: what it was about is looked at next.
func (w *Waiter) drain() bool {
	select {
	case <-w.wake:
		return true
	default:
		return false
	}
}

func (w *Waiter) sleep(ctx context.Context) {
	w.asleep.Store(true)
	select {
	case <-w.wake:
	case <-ctx.Done():
	}
	w.asleep.Store(false)
}
