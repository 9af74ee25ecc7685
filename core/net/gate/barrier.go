// barrier.go: barriers with a timeout: announced ahead of the data they are queued behind, and let past it when aligning takes too long.

package gate

import (
	"fmt"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// announcement is the event that goes ahead of a barrier with a timeout, with the barrier's own sequence number.
func announcement(b buffer.Buffer, sequence int32) (arrival, error) {
	barrier, err := barrierIn(b)
	if err != nil {
		return arrival{}, err
	}
	content := frame.AppendEvent(nil, frame.Announcement{Sequence: sequence, Announced: barrier})
	return arrival{buf: buffer.Unpooled(content, buffer.PrioritizedEvent), sequence: sequence}, nil
}

// barrierIn is the barrier that b's type says is in it. What is in it comes from a peer.
func barrierIn(b buffer.Buffer) (frame.CheckpointBarrier, error) {
	event, err := frame.ParseEvent(b.Bytes())
	if err != nil {
		return frame.CheckpointBarrier{}, err
	}
	barrier, ok := event.(frame.CheckpointBarrier)
	if !ok {
		return barrier, fmt.Errorf("a %T in a %v: %w", event, b.Type(), frame.ErrPeer)
	}
	return barrier, nil
}

// prioritizeBarrier makes the queued barrier with this sequence number an unaligned one at the head of the queue. It reports whether it was
// still queued.
func (c *RemoteChannel) prioritizeBarrier(sequence int32) (queued bool, err error) {
	c.mu.Lock()
	a, ok := c.mu.received.take(sequence, buffer.TimeoutableBarrier)
	if !ok {
		c.mu.Unlock()
		return false, nil
	}
	barrier, err := barrierIn(a.buf)
	if err == nil {
		content := frame.AppendEvent(nil, barrier.AsUnaligned())
		c.mu.received.pushPriority(arrival{buf: buffer.Unpooled(content, buffer.PrioritizedEvent), sequence: sequence})
	}
	c.mu.Unlock()
	a.buf.Recycle()
	if err != nil {
		return false, err
	}
	c.gate.priorityForced(c.index)
	return true, nil
}
