// waits.go: who stood still, for what, and for how long.

package meter

import "sync/atomic"

// Reason says what was waited for.
type Reason uint8

const (
	Pool   Reason = iota // a buffer of a pool: hard back-pressure, or the setup of a channel
	Credit               // permission of the receiver
	Socket               // room in the connection
	Input                // data: the consumer was idle

	Reasons // how many there are
)

var reasonNames = [Reasons]string{"pool", "credit", "socket", "input"}

// String is the reason's name in reports.
func (r Reason) String() string {
	if r >= Reasons {
		return "invalid"
	}
	return reasonNames[r]
}

// An Observer is told of every wait when it is over, whether it ended well or not. Any goroutine calls it, with
// no lock held, right after it stood still: it must be cheap and must not block. A nil Observer is allowed wherever
// one is taken and means that nobody listens.
type Observer interface {
	// Waited says that somebody stood still for r from one instant to another. channel is the channel or
	// subpartition it was for, -1 for none.
	Waited(r Reason, channel int, from, to Time)
}

// Waits is an Observer that adds up, per reason. Its zero value is ready; any goroutine may call it.
type Waits struct {
	sums [Reasons]waitSum
}

type waitSum struct {
	count, ns, nsMax atomic.Int64
}

// WaitTotal is what one reason adds up to.
type WaitTotal struct {
	Count int64 // waits that are over
	Ns    int64 // their lengths together, in nanoseconds
	MaxNs int64 // the longest of them
}

// Waited adds one wait. A wait that ends before it began (two clocks were mixed) counts with length 0.
func (w *Waits) Waited(r Reason, _ int, from, to Time) {
	ns := max(0, int64(to-from))
	s := &w.sums[r]
	s.count.Add(1)
	s.ns.Add(ns)
	for longest := s.nsMax.Load(); ns > longest; longest = s.nsMax.Load() {
		if s.nsMax.CompareAndSwap(longest, ns) {
			return
		}
	}
}

// Total is what r adds up to so far. The three numbers are read one after the other: while waits are
// being added they may belong to slightly different instants.
func (w *Waits) Total(r Reason) WaitTotal {
	s := &w.sums[r]
	return WaitTotal{Count: s.count.Load(), Ns: s.ns.Load(), MaxNs: s.nsMax.Load()}
}
