// traffic.go: what one goroutine of a connection counts until it publishes it.

package net

import (
	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
)

// tally is what a sender or a receiver has counted since it published last: plain additions for a frame, a few atomic ones for a batch.
type tally struct{ frames, buffers, events, bytes, credits uint64 }

// buffer counts a frame with a buffer or an event.
func (n *tally) buffer(t buffer.DataType) {
	n.frames++
	if t.IsBuffer() {
		n.buffers++
	} else {
		n.events++
	}
}

// messages counts the frames of messages that stand one behind the other.
func (n *tally) messages(b []byte) {
	for len(b) > 0 {
		h, err := frame.ParseHeader(b)
		if err != nil {
			panic("net: a message of our own without a header: " + err.Error())
		}
		n.frames++
		b = b[h.Length:]
	}
}

// sent publishes, and begins anew.
func (n *tally) sent(t *meter.Traffic) {
	n.publish(&t.FramesOut, &t.BuffersOut, &t.EventsOut, &t.BytesOut, &t.CreditsOut)
}

// received publishes, and begins anew.
func (n *tally) received(t *meter.Traffic) {
	n.publish(&t.FramesIn, &t.BuffersIn, &t.EventsIn, &t.BytesIn, &t.CreditsIn)
}

func (n *tally) publish(frames, buffers, events, bytes, credits *meter.Counter) {
	add := func(c *meter.Counter, n uint64) {
		if n > 0 {
			c.Add(n)
		}
	}
	add(frames, n.frames)
	add(buffers, n.buffers)
	add(events, n.events)
	add(bytes, n.bytes)
	add(credits, n.credits)
	*n = tally{}
}

// traffic is where to count: nowhere, if nobody wants to know.
func (o *Options) traffic() *meter.Traffic {
	if o.Traffic == nil {
		return new(meter.Traffic)
	}
	return o.Traffic
}
