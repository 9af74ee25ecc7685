// remote.go: the receiving end of a subpartition in another process.

package gate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"xbench/core/buffer"
	"xbench/core/credit"
	"xbench/core/net/frame"
)

// Intent is what a remote channel wants its connection to tell the producer. The message is built when it is written, so that
// credit which arises in between travels along.
type Intent uint8

const (
	AnnounceCredit Intent = iota
	ResumeConsumption
	AcknowledgeRecords
	NewBufferSize
	CancelRequest
)

// Post hands an intent to the connection. It must not block; it is called with no lock held.
type Post func(c *RemoteChannel, what Intent)

// errChannelReleased is what a poll finds after the channel was released (Flink: CancelTaskException).
var errChannelReleased = errors.New("queried for a buffer after channel has been released")

// RemoteChannel is one input channel whose producer is behind a connection (Flink: RemoteInputChannel with its BufferManager).
//
// The connection's reader calls TakeBuffer, OnBuffer, OnEmptyBuffer, OnBacklog; its writer AnnouncedCredit and BufferSize;
// anybody OnError. The task calls the rest through its gate.
//
// Every buffer the producer may send into is owned here beforehand: free = initial credit + what was announced - what
// has arrived. That is why the connection's reader never waits for memory.
type RemoteChannel struct {
	id    frame.ChannelID
	index int
	gate  *InputGate
	post  Post

	bufferSize atomic.Int32 // last size asked for

	mu struct {
		sync.Mutex
		allowance credit.Allowance
		floating  []buffer.Buffer // free, from the gate's pool; free exclusive ones lie in the gate's reserve
		waiting   bool            // listening to the gate's pool
		received  received
		expected  int32 // next sequence number
		err       error
		released  bool
	}
}

// OpenRemote makes channel i of the gate a remote one and takes its exclusive segments: before the partition is requested, so that
// two tasks which each hold half of the memory fail rather than wait for ever (FLINK-12852). Post is used from now on. Errors: those of
// NetworkBufferPool.RequestUnpooled, and ErrClosed.
func (g *InputGate) OpenRemote(ctx context.Context, i int, id frame.ChannelID, post Post) (*RemoteChannel, error) {
	segments, err := g.o.Pool.RequestUnpooled(ctx, g.share.Exclusive)
	if err != nil {
		return nil, err
	}
	c := &RemoteChannel{id: id, index: i, gate: g, post: post}
	c.mu.allowance = credit.NewAllowance(g.share.Exclusive)
	g.reserve.put(segments...)
	if err := g.install(i, c); err != nil {
		g.o.Pool.RecycleUnpooled(g.reserve.takeCold(len(segments)))
		return nil, err
	}
	return c, nil
}

// Waiter is where the channel's task waits.
func (c *RemoteChannel) Waiter() *Waiter { return c.gate.waiter }

// Joined says which connection the channel comes over.
func (c *RemoteChannel) Joined(l Line) { c.gate.waiter.join(l) }

// ID is the channel's name on the wire.
func (c *RemoteChannel) ID() frame.ChannelID { return c.id }

// InitialCredit is the number of exclusive buffers: it travels in the partition request.
func (c *RemoteChannel) InitialCredit() int { return c.gate.share.Exclusive }

// TakeBuffer gives the buffer that the producer's credit stands for, for n bytes of data to be read into. An error is
// the producer's fault: more data than credit, or more bytes than a segment.
func (c *RemoteChannel) TakeBuffer(n int) (buffer.Buffer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.released {
		return buffer.Buffer{}, errChannelReleased
	}
	if size := c.gate.o.Pool.SegmentSize(); n > size {
		return buffer.Buffer{}, fmt.Errorf("a buffer of %d bytes does not fit a segment of %d", n, size)
	}
	floating, ok := c.mu.allowance.Take()
	switch {
	case !ok:
		return buffer.Buffer{}, errors.New("the read buffer is null in credit-based input channel: data beyond credit")
	case floating:
		last := len(c.mu.floating) - 1
		b := c.mu.floating[last]
		c.mu.floating = c.mu.floating[:last]
		return b, nil
	default:
		return c.gate.reserve.take().Lend(c, -1), nil
	}
}

// OnBuffer takes over a buffer that arrived, data or event, with the number of buffers queued behind it at the producer.
func (c *RemoteChannel) OnBuffer(b buffer.Buffer, sequence int32, backlog int) {
	a := arrival{buf: b, sequence: sequence}
	var ahead arrival
	if b.Type().NeedsAnnouncement() {
		var err error
		if ahead, err = announcement(b, sequence); err != nil {
			b.Recycle()
			c.OnError(err)
			return
		}
	}
	c.mu.Lock()
	if want := c.mu.expected; c.mu.released || sequence != want {
		released := c.mu.released
		c.mu.Unlock()
		b.Recycle()
		if !released {
			c.OnError(&ReorderingError{Want: want, Got: sequence})
		}
		return
	}
	c.mu.expected++
	var spare []buffer.Buffer
	if b.Type().BlocksUpstream() {
		spare = c.releaseFloatingLocked()
	}
	wasEmpty, hadPriority := c.mu.received.count == 0, c.mu.received.priority > 0
	if b.Type().HasPriority() {
		c.mu.received.pushPriority(a)
	} else {
		c.mu.received.push(a)
	}
	if !ahead.buf.IsZero() {
		c.mu.received.pushPriority(ahead)
	}
	firstPriority := !hadPriority && c.mu.received.priority > 0
	announce := c.backlogLocked(backlog)
	c.mu.Unlock()

	for _, s := range spare {
		s.Recycle()
	}
	if firstPriority {
		c.gate.priorityAvailable(c.index, sequence)
	}
	if wasEmpty {
		c.gate.dataAvailable(c.index)
	}
	if announce {
		c.post(c, AnnounceCredit)
	}
}

// OnEmptyBuffer counts a data buffer without content: it used a sequence number and a credit, and its buffer is free again.
func (c *RemoteChannel) OnEmptyBuffer(b buffer.Buffer, sequence int32, backlog int) {
	c.mu.Lock()
	if want := c.mu.expected; !c.mu.released && sequence != want {
		c.mu.Unlock()
		b.Recycle()
		c.OnError(&ReorderingError{Want: want, Got: sequence})
		return
	}
	c.mu.expected++
	c.mu.Unlock()
	b.Recycle()
	c.OnBacklog(backlog)
}

// OnError stores the first reason why the channel failed and wakes the task, which finds it at its next poll.
func (c *RemoteChannel) OnError(err error) {
	c.mu.Lock()
	first := c.mu.err == nil && !c.mu.released
	if first {
		c.mu.err = err
	}
	c.mu.Unlock()
	if first {
		c.gate.dataAvailable(c.index)
	}
}

// IsReleased reports whether the channel is gone: the connection then drops what arrives for it.
func (c *RemoteChannel) IsReleased() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.released
}

func (c *RemoteChannel) poll() (a arrival, more, priority, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.mu.err != nil:
		return arrival{}, false, false, false, c.mu.err
	case c.mu.released:
		return arrival{}, false, false, false, errChannelReleased
	}
	a, ok = c.mu.received.pop()
	return a, c.mu.received.count > 0, c.mu.received.priority > 0, ok, nil
}

func (c *RemoteChannel) queued() (buffers, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.received.count, c.mu.received.bytes
}

func (c *RemoteChannel) inUse() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.received.count + max(0, c.mu.allowance.Required()-c.InitialCredit())
}

func (c *RemoteChannel) resume() error {
	if c.IsReleased() {
		return errChannelReleased
	}
	c.post(c, ResumeConsumption)
	return nil
}

func (c *RemoteChannel) acknowledge() error {
	if c.IsReleased() {
		return errChannelReleased
	}
	c.post(c, AcknowledgeRecords)
	return nil
}

func (c *RemoteChannel) setBufferSize(n int) {
	c.bufferSize.Store(int32(n))
	c.post(c, NewBufferSize)
}

// BufferSize is the size that was asked for last, for the message.
func (c *RemoteChannel) BufferSize() int32 { return c.bufferSize.Load() }

// release gives back everything and tells the producer. A buffer that the connection's reader or the task still holds comes
// back through Recycle.
func (c *RemoteChannel) release() {
	c.mu.Lock()
	if c.mu.released {
		c.mu.Unlock()
		return
	}
	c.mu.released = true
	var buffers []buffer.Buffer
	for a, ok := c.mu.received.pop(); ok; a, ok = c.mu.received.pop() {
		buffers = append(buffers, a.buf)
	}
	buffers = append(buffers, c.mu.floating...)
	c.mu.floating = nil
	segments := c.gate.reserve.takeCold(c.mu.allowance.Exclusive())
	c.mu.Unlock()

	for _, b := range buffers {
		b.Recycle()
	}
	c.gate.o.Pool.RecycleUnpooled(segments) // one batch: one redistribution
	c.post(c, CancelRequest)
}
