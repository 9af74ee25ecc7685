// barrier.go: barriers with a timeout: announced ahead of the data they are queued behind, and let past it when aligning takes too long.

package gate

import (
	"fmt"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// announcement is the event that goes ahead of a barrier with a timeout, with the barrier's own sequence number.
func announcement(b buffer.Buffer, sequence int32) (arrival, error) {
	event, err := frame.ParseEvent(b.Bytes())
	if err != nil {
		return arrival{}, err
	}
	content := frame.AppendEvent(nil, frame.Announcement{Sequence: sequence, Announced: event})
	return arrival{buf: buffer.Unpooled(content, buffer.PrioritizedEvent), sequence: sequence}, nil
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
	b, err := unaligned(a.buf)
	if err == nil {
		c.mu.received.pushPriority(arrival{buf: b, sequence: sequence})
	}
	c.mu.Unlock()
	a.buf.Recycle()
	if err != nil {
		return false, err
	}
	c.gate.priorityForced(c.index)
	return true, nil
}

func unaligned(b buffer.Buffer) (buffer.Buffer, error) {
	event, err := frame.ParseEvent(b.Bytes())
	if err != nil {
		return buffer.Buffer{}, err
	}
	barrier, ok := event.(frame.CheckpointBarrier)
	if !ok {
		return buffer.Buffer{}, fmt.Errorf("a %T where a barrier was announced: %w", event, frame.ErrPeer)
	}
	return buffer.Unpooled(frame.AppendEvent(nil, barrier.AsUnaligned()), buffer.PrioritizedEvent), nil
}
