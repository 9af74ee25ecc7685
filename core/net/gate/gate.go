// gate.go: the input gate: channels with data in turn, priority first, and the end of them all.

package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"xbench/core/buffer"
	"xbench/core/meter"
)

// ErrClosed is what a poll of a closed gate gives.
var ErrClosed = errors.New("input gate is already closed")

// Options are what a gate needs. Exclusive and floating counts are Flink's buffers-per-channel and floating-buffers-per-gate.
type Options struct {
	Pool        *buffer.NetworkBufferPool
	Channels    int
	Exclusive   int             // segments of its own for each remote channel; 0: none, credit follows announcements
	Floating    int             // segments that the channels share
	MaxRequired int             // most segments the gate may insist on; 0: no limit (Flink's default for pipelined inputs)
	Clock       meter.Clock     // for waits
	Waits       meter.Observer  // hears of waits for input; may be nil
	Debloat     *DebloatOptions // nil: buffers are as large as segments
	Codec       buffer.Codec    // of compressed buffers: what the producers have
}

// InputGate is one consumer's input: all the channels of one exchange (Flink: SingleInputGate).
//
// Poll, Next, Resume and Acknowledge belong to one task. Close may be called by anybody.
type InputGate struct {
	o        Options
	share    buffer.GateShare
	floating *buffer.LocalBufferPool
	reserve  reserve   // of the remote channels' exclusive segments
	channels []channel // see install
	sizing   *sizing   // nil without debloating

	decompressor *buffer.Decompressor // the task's; nil until something is compressed

	waiter   *Waiter      // where the task waits: the gate's own, or its union's
	nonEmpty func(urgent) // set by a union before any channel is opened; called on the edge from nothing to something, and to priority
	closing  sync.Once

	mu struct {
		sync.Mutex
		ready        ready
		lastPriority []int32 // sequence number of the last event with priority that was polled, per channel
		sawPriority  []bool
		endOfData    []bool
		ended        []bool
		endedCount   int
		dataEnded    int
		closed       bool
		arrived      arrivals // polled so far; see usage.go
	}
}

// New makes a gate and its pool of floating buffers, and reserves one of them: with none, a channel that waits for a buffer
// would never hear of one (FLINK-24035).
func New(ctx context.Context, o Options) (*InputGate, error) {
	if o.Channels < 1 {
		return nil, fmt.Errorf("gate: %d channels: a gate has at least one", o.Channels)
	}
	if o.Exclusive < 0 || o.Floating < 0 {
		return nil, fmt.Errorf("gate: %d exclusive and %d floating buffers: neither may be negative", o.Exclusive, o.Floating)
	}
	if err := o.Codec.Check(); err != nil {
		return nil, err
	}
	if o.MaxRequired == 0 {
		o.MaxRequired = buffer.NoBound
	}
	share := buffer.InputShare(o.Channels, o.Exclusive, o.Floating, o.MaxRequired)
	pool, err := o.Pool.CreateLocal(buffer.LocalOptions{Required: share.Floating.Required, Max: share.Floating.Max})
	if err != nil {
		return nil, err
	}
	if err := pool.Reserve(ctx, 1); err != nil {
		pool.Destroy()
		return nil, err
	}
	g := &InputGate{o: o, share: share, floating: pool, channels: make([]channel, o.Channels), waiter: newWaiter(o.Clock, o.Waits)}
	if o.Debloat != nil {
		g.sizing = newSizing(*o.Debloat, o.Pool.SegmentSize())
	}
	g.mu.ready = newReady(o.Channels)
	g.mu.lastPriority = make([]int32, o.Channels)
	g.mu.sawPriority = make([]bool, o.Channels)
	g.mu.endOfData = make([]bool, o.Channels)
	g.mu.ended = make([]bool, o.Channels)
	return g, nil
}

// Channels is how many channels the gate has.
func (g *InputGate) Channels() int { return len(g.channels) }

// Exclusive is how many exclusive buffers each remote channel has: what was asked for, or less where a limit said so.
func (g *InputGate) Exclusive() int { return g.share.Exclusive }

// Pool is the gate's pool of floating buffers.
func (g *InputGate) Pool() *buffer.LocalBufferPool { return g.floating }

// install makes c channel i of a gate that is not closed. So Close releases every channel: those that were installed before it began, and
// there are no others. The slice is written under the lock, and read by the task, which opens the channels, and by Close.
func (g *InputGate) install(i int, c channel) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.closed {
		return ErrClosed
	}
	g.channels[i] = c
	return nil
}

// dataAvailable is called by channel i, with no lock held, when it has something.
func (g *InputGate) dataAvailable(i int) {
	g.mu.Lock()
	edge := !g.mu.closed && !g.mu.ended[i] && g.mu.ready.push(i)
	g.unlock(edge, false)
}

// priorityAvailable is called by channel i, with no lock held, when an event with priority is at its head. One that was
// polled already is ignored (FLINK-19681); the comparison is of sequence numbers that may wrap.
func (g *InputGate) priorityAvailable(i int, sequence int32) {
	g.mu.Lock()
	edge := false
	old := g.mu.sawPriority[i] && sequence-g.mu.lastPriority[i] <= 0
	if !g.mu.closed && !g.mu.ended[i] && !old {
		edge = g.mu.ready.pushPriority(i)
	}
	g.unlock(edge, true)
}

// priorityForced puts channel i among those with priority whatever was polled of it before: an event that was announced has become one with
// priority, with the sequence number that its announcement had (FLINK-19681).
func (g *InputGate) priorityForced(i int) {
	g.mu.Lock()
	edge := false
	if !g.mu.closed && !g.mu.ended[i] {
		edge = g.mu.ready.pushPriority(i)
	}
	g.unlock(edge, true)
}

// urgent says that what there is to poll has priority.
type urgent bool

func (g *InputGate) unlock(wake bool, u urgent) {
	g.mu.Unlock()
	if !wake {
		return
	}
	if g.nonEmpty != nil {
		g.nonEmpty(u)
	} else {
		g.waiter.Signal()
	}
}

// Poll takes the next buffer if there is one now. At the end of all channels err is io.EOF.
func (g *InputGate) Poll() (item Item, ok bool, err error) {
	item, _, ok, err = g.poll()
	return item, ok, err
}

// rest is what a gate has behind what was polled.
type rest struct {
	more bool
	urgent
}

// poll is Poll, and says what the gate has behind it.
func (g *InputGate) poll() (item Item, r rest, ok bool, err error) {
	for {
		i, ok, err := g.nextReady()
		if !ok || err != nil {
			if g.sizing != nil {
				g.sizing.throughput.pause(g.o.Clock())
			}
			return Item{}, rest{}, false, err
		}
		a, chMore, priority, ok, err := g.channels[i].poll()
		if err != nil {
			return Item{}, rest{}, false, g.channelError(i, err)
		}
		if !ok {
			continue
		}
		r, err := g.polled(i, a, chMore, priority)
		if err != nil {
			a.buf.Recycle()
			return Item{}, rest{}, false, &ChannelError{Channel: i, Err: err}
		}
		if a, err = g.decompress(i, a); err != nil {
			return Item{}, rest{}, false, err
		}
		if g.sizing != nil {
			g.debloat(a.buf.Len())
		}
		return Item{Channel: i, Buffer: a.buf, Sequence: a.sequence}, r, true, nil
	}
}

// channelError is err of channel i; or ErrClosed, of which a channel's error is only the consequence.
func (g *InputGate) channelError(i int, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.closed {
		return ErrClosed
	}
	return &ChannelError{Channel: i, Err: err}
}

func (g *InputGate) nextReady() (i int, ok bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.closed {
		return 0, false, ErrClosed
	}
	i, ok = g.mu.ready.pop()
	if !ok && g.mu.endedCount == len(g.channels) {
		return 0, false, io.EOF
	}
	return i, ok, nil
}

// polled keeps the books after a came from channel i: who goes on, and which channels have ended.
func (g *InputGate) polled(i int, a arrival, more, priority bool) (r rest, err error) {
	t := a.buf.Type()
	g.mu.Lock()
	g.mu.arrived.count(g.channels[i], a.buf.Len())
	if t.HasPriority() {
		g.mu.lastPriority[i], g.mu.sawPriority[i] = a.sequence, true
	}
	switch {
	case t == buffer.EndOfPartition && g.mu.ended[i]:
		err = errors.New("received end of partition twice")
	case t == buffer.EndOfPartition:
		g.mu.ended[i] = true
		g.mu.endedCount++
		g.mu.ready.remove(i)
	case t == buffer.EndOfData && g.mu.endOfData[i]:
		err = errors.New("received end of data twice")
	case t == buffer.EndOfData:
		g.mu.endOfData[i] = true
		g.mu.dataEnded++
	}
	if more && err == nil && !g.mu.ended[i] {
		if priority {
			g.mu.ready.pushPriority(i)
		} else {
			g.mu.ready.push(i)
		}
	}
	r.more = !g.mu.ready.empty() || g.mu.endedCount == len(g.channels)
	r.urgent = urgent(g.mu.ready.priority.count > 0)
	g.mu.Unlock()
	if t == buffer.EndOfPartition && err == nil {
		g.channels[i].release()
	}
	return r, err
}

// Next takes the next buffer and waits for one until ctx ends. At the end of all channels err is io.EOF. A buffer that is there is
// preferred to a context that has ended.
func (g *InputGate) Next(ctx context.Context) (Item, error) {
	item, ok, err := g.Poll()
	if ok || err != nil {
		return item, err
	}
	return g.waiter.next(ctx, g.Poll)
}

// Waiter is where the gate's task waits.
func (g *InputGate) Waiter() *Waiter { return g.waiter }

// Available signals that something may be there to poll; one slot, for the task to select on.
func (g *InputGate) Available() <-chan struct{} {
	g.waiter.yield()
	return g.waiter.wake
}

// DataEnded reports whether every channel has said that its data is over.
func (g *InputGate) DataEnded() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.dataEnded == len(g.channels)
}

// Ended reports whether every channel has come to the end of its partition.
func (g *InputGate) Ended() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.endedCount == len(g.channels)
}

// Resume lets channel i go on after an event that blocked it.
func (g *InputGate) Resume(i int) error { return g.channels[i].resume() }

// Acknowledge tells the producer of channel i that all its records are processed.
func (g *InputGate) Acknowledge(i int) error { return g.channels[i].acknowledge() }

// PrioritizeBarrier lets the barrier with this sequence number, which channel i has announced, overtake what is queued before it, as an unaligned
// barrier: its alignment takes too long (Flink: convertToPriorityEvent). It reports whether the barrier was still queued.
func (g *InputGate) PrioritizeBarrier(i int, sequence int32) (queued bool, err error) {
	c, remote := g.channels[i].(*RemoteChannel)
	if !remote {
		return false, nil // nothing is announced there
	}
	return c.prioritizeBarrier(sequence)
}

// SetBufferSize asks the producers of all channels to close their buffers at n bytes, at least 1. Task, once all channels are open.
func (g *InputGate) SetBufferSize(n int) {
	for _, c := range g.channels {
		c.setBufferSize(n)
	}
}

// Queued is how many buffers and bytes the channels hold that nobody polled. Local channels count no bytes, as in Flink. Task.
func (g *InputGate) Queued() (buffers, bytes int) {
	for _, c := range g.channels {
		if c == nil {
			continue
		}
		n, b := c.queued()
		buffers += n
		bytes += b
	}
	return buffers, bytes
}

// Close releases every channel and the pool, and wakes the task. Anybody may call it, at any time; when it returns everything has gone home that
// nobody holds, also if somebody else called it first.
func (g *InputGate) Close() { g.closing.Do(g.close) }

func (g *InputGate) close() {
	g.mu.Lock()
	g.mu.closed = true
	g.unlock(true, false)
	for _, c := range g.channels {
		if c != nil {
			c.release()
		}
	}
	g.floating.Destroy()
	g.waiter.disregard()
}
