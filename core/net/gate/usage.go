// usage.go: what a gate has polled and what its buffers are doing, for metrics: read by anybody while the task works.

package gate

import (
	"slices"
	"time"

	"xbench/core/meter"
)

// Arrived is what was polled of some channels: buffers and events alike, as Flink counts them.
type Arrived struct{ Buffers, Bytes uint64 }

// arrivals are what was polled, by where it came from. The gate's lock, which is held for every buffer anyway, guards it.
type arrivals struct{ local, remote Arrived }

// count counts one buffer of a channel. The channel itself says where it is, so that the two cannot be mixed up (FLINK-36260).
func (a *arrivals) count(c channel, bytes int) {
	to := &a.remote
	if _, local := c.(*localChannel); local {
		to = &a.local
	}
	to.Buffers++
	to.Bytes += uint64(bytes)
}

// Load is what a gate has polled, and what its buffers are doing. The numbers are read channel by channel while the gate works, so that they may
// belong to slightly different instants.
type Load struct {
	Local, Remote Arrived

	// Exclusive are the remote channels' own buffers: those in use are not free for the producer's next data. Channels that are released count no
	// more: theirs are home.
	Exclusive meter.Usage
	// Floating is the gate's pool. What lies free in a channel is credit and not in use, though the pool has lent it (FLINK-12284).
	Floating meter.Usage

	Queued       int                // buffers and events that nobody has polled
	QueuedBytes  int                // of the remote channels; local ones count no bytes, as in Flink
	RemoteQueues meter.QueueLengths // of the remote channels only, as in Flink

	TimeToConsume time.Duration // see InputGate.TimeToConsume
	BufferSize    int           // see InputGate.BufferSize
}

// Plus is both together, as of one task: sums; the queues and the buffer size stay with their gates, and of two times to consume the longer
// counts.
func (l Load) Plus(m Load) Load {
	return Load{
		Local: l.Local.plus(m.Local), Remote: l.Remote.plus(m.Remote),
		Exclusive: l.Exclusive.Plus(m.Exclusive), Floating: l.Floating.Plus(m.Floating),
		Queued: l.Queued + m.Queued, QueuedBytes: l.QueuedBytes + m.QueuedBytes,
		TimeToConsume: max(l.TimeToConsume, m.TimeToConsume),
	}
}

func (a Arrived) plus(b Arrived) Arrived { return Arrived{a.Buffers + b.Buffers, a.Bytes + b.Bytes} }

// Load may be called by anybody.
func (g *InputGate) Load() Load {
	g.mu.Lock()
	l := Load{Local: g.mu.arrived.local, Remote: g.mu.arrived.remote, TimeToConsume: g.TimeToConsume(), BufferSize: g.BufferSize()}
	channels := slices.Clone(g.channels) // looked at without the gate's lock
	g.mu.Unlock()

	lent := 0 // floating buffers that lie free in channels
	for _, c := range channels {
		if c == nil {
			continue
		}
		buffers, bytes := c.queued()
		l.Queued += buffers
		l.QueuedBytes += bytes
		if r, remote := c.(*RemoteChannel); remote {
			l.RemoteQueues.Add(buffers)
			exclusive, floating := r.usage()
			l.Exclusive = l.Exclusive.Plus(exclusive)
			lent += floating
		}
	}
	l.Floating = floatingUsage(g.floating.Used(), lent, g.floating.Size())
	return l
}

// usage is what the channel uses of its exclusive buffers, and how many floating ones lie free in it.
func (c *RemoteChannel) usage() (exclusive meter.Usage, floating int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.released {
		return meter.Usage{}, 0
	}
	own := c.InitialCredit()
	return meter.Usage{Used: own - c.mu.allowance.Exclusive(), Total: own}, c.mu.allowance.Floating()
}

// floatingUsage clamps what two looks at different instants may make negative.
func floatingUsage(used, lent, size int) meter.Usage {
	return meter.Usage{Used: max(0, used-lent), Total: size}
}
