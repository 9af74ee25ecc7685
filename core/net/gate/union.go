// union.go: several gates as one, each in turn.

package gate

import (
	"context"
	"io"
	"sync"

	"xbench/core/meter"
)

// UnionGate reads several gates as one: a task with several inputs (Flink: UnionInputGate). Channel indices count on from gate to gate.
//
// Poll, Next, Resume and Acknowledge belong to one task. Close may be called by anybody.
type UnionGate struct {
	gates  []*InputGate
	offset []int // index of each gate's first channel
	ofGate []int32
	waiter *Waiter

	mu struct {
		sync.Mutex
		ready ready
		ended int
		done  []bool
	}
}

// NewUnion joins gates whose channels are not open yet.
func NewUnion(clock meter.Clock, waits meter.Observer, gates ...*InputGate) *UnionGate {
	u := &UnionGate{gates: gates, waiter: newWaiter(clock, waits), offset: make([]int, len(gates))}
	u.mu.ready = newReady(len(gates))
	u.mu.done = make([]bool, len(gates))
	for k, g := range gates {
		u.offset[k] = len(u.ofGate)
		for range g.Channels() {
			u.ofGate = append(u.ofGate, int32(k))
		}
		g.waiter = u.waiter
		g.nonEmpty = func(p urgent) { u.dataAvailable(k, p) }
	}
	return u
}

// Channels is how many channels all the gates have.
func (u *UnionGate) Channels() int { return len(u.ofGate) }

// dataAvailable is called by gate k, with no lock held, when it has something. A gate with priority goes ahead of the others (R8.1 c).
func (u *UnionGate) dataAvailable(k int, p urgent) {
	if u.push(k, p) {
		u.waiter.Signal()
	}
}

func (u *UnionGate) push(k int, p urgent) (edge bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.mu.done[k]:
		return false
	case bool(p):
		return u.mu.ready.pushPriority(k)
	}
	return u.mu.ready.push(k)
}

// Poll takes the next buffer if there is one now. At the end of all gates err is io.EOF.
func (u *UnionGate) Poll() (item Item, ok bool, err error) {
	for {
		u.mu.Lock()
		k, some := u.mu.ready.pop()
		ended := u.mu.ended == len(u.gates)
		u.mu.Unlock()
		if !some && ended {
			return Item{}, false, io.EOF
		}
		if !some {
			return Item{}, false, nil
		}
		item, rest, ok, err := u.gates[k].poll()
		if err == io.EOF {
			u.end(k)
			continue
		}
		if rest.more || err != nil { // after an error too: the gate's other channels go on
			u.push(k, rest.urgent) // the task is polling, so nobody needs to be woken
		}
		if err != nil {
			return Item{}, false, u.renumber(k, err)
		}
		if ok {
			item.Channel += u.offset[k]
			return item, true, nil
		}
	}
}

// renumber makes an error of one of gate k's channels name the channel by its number in the union.
func (u *UnionGate) renumber(k int, err error) error {
	if of, ok := err.(*ChannelError); ok {
		return &ChannelError{Channel: of.Channel + u.offset[k], Err: of.Err}
	}
	return err
}

func (u *UnionGate) end(k int) {
	u.mu.Lock()
	if !u.mu.done[k] {
		u.mu.done[k] = true
		u.mu.ended++
	}
	u.mu.Unlock()
}

// Next takes the next buffer and waits for one until ctx ends. At the end of all gates err is io.EOF.
func (u *UnionGate) Next(ctx context.Context) (Item, error) {
	item, ok, err := u.Poll()
	if ok || err != nil {
		return item, err
	}
	return u.waiter.next(ctx, u.Poll)
}

// Available signals that something may be there to poll.
func (u *UnionGate) Available() <-chan struct{} {
	u.waiter.yield()
	return u.waiter.wake
}

// Resume lets channel i go on after an event that blocked it.
func (u *UnionGate) Resume(i int) error {
	k := u.ofGate[i]
	return u.gates[k].Resume(i - u.offset[k])
}

// Acknowledge tells the producer of channel i that all its records are processed.
func (u *UnionGate) Acknowledge(i int) error {
	k := u.ofGate[i]
	return u.gates[k].Acknowledge(i - u.offset[k])
}

// Close closes every gate.
func (u *UnionGate) Close() {
	for _, g := range u.gates {
		g.Close()
	}
}
