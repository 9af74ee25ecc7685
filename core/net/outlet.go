// outlet.go: the sending end of a connection: a goroutine of its own, or whoever has something to send and finds it free.

package net

import (
	"net"
	"sync"

	"xbench/core/meter"
)

// sender is one end's sending state machine. Calls are one at a time.
type sender interface {
	// sendOnce applies the notes that have come and writes one batch, and waits where the socket is full. It reports whether there was anything to do.
	sendOnce() (worked bool, err error)
	// sendNow is sendOnce without the wait: what the socket does not take is left to the next sendOnce.
	sendNow() (worked, left bool, err error)
}

// An outlet says whose turn it is to be the sender. Its goroutine is always there. But waking it takes 20 to 30 us, and then it may run on another
// processor than the one whose cache has the data: with one channel, whose ten buffers go round and round between the two, that made every record cost
// 30 ns instead of 11, in every second run. So a task that has filled a buffer or flushes, or a receiver that got credit, pushes: it sends itself, if
// nobody else is at it, as far as the socket takes it.
//
// A task that is hardly back from one push when it comes with the next (100 channels that become full within a microsecond; a flush for each
// record) leaves it to the goroutine, which sends many at once.
type outlet struct {
	mu     sync.Mutex // held by whoever sends
	sender sender
	wake   func()     // the goroutine
	notes  func() int // how many have come that nobody has taken
	clock  meter.Clock
	pushed meter.Time // when the last push was over
	failed error      // nothing is sent any more, and why: what a sender ran into, with which the goroutine ends the connection
	direct bool       // the stream can send without waiting
}

// pushPause is below what lies between two flushes of a task that has anything else to do.
const pushPause = 2000 // ns

// pushRounds bounds how many batches a push sends: a task has its own work.
const pushRounds = 4

// sendOnce is the goroutine's.
func (o *outlet) sendOnce() (worked bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed != nil {
		return false, o.failed
	}
	worked, o.failed = o.sender.sendOnce()
	return worked, o.failed
}

// close lets nobody send any more, and waits for who does.
func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = net.ErrClosed
	}
}

// push sends what notes are about, or wakes the goroutine to do it. Anybody may call it, with no lock held; it does not wait.
func (o *outlet) push() {
	if o.notes() == 0 {
		return // somebody has taken them, and sends
	}
	if !o.direct || !o.mu.TryLock() {
		o.wake()
		return
	}
	if !o.pushLocked() {
		o.wake()
	}
	o.mu.Unlock()
}

// pushLocked reports whether everything is sent.
func (o *outlet) pushLocked() (done bool) {
	if o.failed != nil || o.clock().Sub(o.pushed) < pushPause {
		return false
	}
	for range pushRounds {
		worked, left, err := o.sender.sendNow()
		o.failed = err
		if left || err != nil {
			break
		}
		if !worked {
			done = true
			break
		}
	}
	o.pushed = o.clock()
	return done
}
