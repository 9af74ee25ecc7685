// subpartition_barrier.go: barriers that overtake the queue, at once or when they have waited too long.

package partition

import (
	"fmt"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// alignment is a timeoutable barrier in the queue: it leaves aligned when its turn comes, or unaligned when it times out
// before.
type alignment struct {
	pending    bool
	checkpoint int64
}

// overtakeLocked puts an event with priority ahead of the queue. If it is a barrier, the data that it overtakes is captured.
func (s *subpartition) overtakeLocked(c buffer.Consumer, todo *afterwards) {
	barrier, isBarrier := barrierIn(&c)
	q := &s.mu.queue
	q.addPriority(c)
	if isBarrier {
		captured := Capture{Checkpoint: barrier.ID, Subpartition: s.index}
		captured.InFlight = s.inFlightLocked(q.priority, q.size)
		todo.captures = append(todo.captures, captured)
	}
	s.announcePriorityLocked(todo)
}

// announcePriorityLocked tells the reader of the first event with priority. A blocked reader expects nothing and is told
// nothing.
func (s *subpartition) announcePriorityLocked(todo *afterwards) {
	if s.mu.queue.priority == 1 && !s.mu.blocked {
		todo.priority, todo.sequence = true, s.mu.sequence
	}
}

// expectAlignmentLocked remembers that a timeoutable barrier is in the queue.
func (s *subpartition) expectAlignmentLocked(c *buffer.Consumer, todo *afterwards) {
	barrier, _ := barrierIn(c)
	s.giveUpAlignmentLocked(errCaptureReplaced, todo)
	s.mu.alignment = alignment{pending: true, checkpoint: barrier.ID}
}

// leaveAlignedLocked notes that a timeoutable barrier goes out in its turn: it has overtaken nothing.
func (s *subpartition) leaveAlignedLocked(head *buffer.Consumer, todo *afterwards) {
	if barrier, ok := barrierIn(head); ok && s.mu.alignment == (alignment{pending: true, checkpoint: barrier.ID}) {
		s.closeAlignmentLocked(Capture{}, todo)
	} // otherwise its checkpoint was given up while it was queued
}

func (s *subpartition) giveUpAlignmentLocked(cause error, todo *afterwards) {
	if s.mu.alignment.pending {
		s.closeAlignmentLocked(Capture{Err: cause}, todo)
	}
}

func (s *subpartition) closeAlignmentLocked(c Capture, todo *afterwards) {
	c.Checkpoint, c.Subpartition = s.mu.alignment.checkpoint, s.index
	todo.captures = append(todo.captures, c)
	s.mu.alignment = alignment{}
}

// alignedBarrierTimeout turns the queued barrier of a checkpoint into an unaligned one that overtakes the data ahead of it. If
// the barrier has left already, or its checkpoint was given up, nothing happens. (Flink:
// PipelinedSubpartition.alignedBarrierTimeout)
func (s *subpartition) alignedBarrierTimeout(checkpoint int64) {
	var todo afterwards
	s.mu.Lock()
	if s.mu.alignment != (alignment{pending: true, checkpoint: checkpoint}) {
		s.mu.Unlock()
		return
	}
	q := &s.mu.queue
	at, barrier := s.findTimeoutableLocked(checkpoint)
	if at < 0 {
		panic(fmt.Sprintf("partition: barrier %d waits, but is not among the %d of subpartition %d", checkpoint, q.size, s.index))
	}
	inFlight := s.inFlightLocked(q.priority, at)
	aligned := q.remove(at)
	content := frame.AppendEvent(nil, barrier.AsUnaligned())
	q.addPriority(buffer.FinishedConsumer(buffer.Unpooled(content, buffer.PrioritizedEvent)))
	s.closeAlignmentLocked(Capture{InFlight: inFlight}, &todo)
	s.announcePriorityLocked(&todo)
	s.unlock(&todo)
	aligned.Close()
}

func (s *subpartition) findTimeoutableLocked(checkpoint int64) (at int, barrier frame.CheckpointBarrier) {
	for i := s.mu.queue.priority; i < s.mu.queue.size; i++ {
		c := s.mu.queue.at(i)
		if c.Type() != buffer.TimeoutableBarrier {
			continue
		}
		if b, ok := barrierIn(c); ok && b.ID == checkpoint {
			return i, b
		}
	}
	return -1, barrier
}

// abortCheckpoint gives up on the capture of a checkpoint. Its barrier stays in the queue and goes out aligned.
func (s *subpartition) abortCheckpoint(checkpoint int64, cause error) {
	var todo afterwards
	s.mu.Lock()
	if s.mu.alignment == (alignment{pending: true, checkpoint: checkpoint}) {
		s.closeAlignmentLocked(Capture{Err: cause}, &todo)
	}
	s.unlockQuietly(&todo)
}

// inFlightLocked is what is unread of the data buffers in [from, to), each one retained; of the tail, what was written so far.
func (s *subpartition) inFlightLocked(from, to int) []buffer.Buffer {
	if s.parent.capture == nil {
		return nil
	}
	var inFlight []buffer.Buffer
	for i := from; i < to; i++ {
		c := s.mu.queue.at(i)
		if !c.Type().IsBuffer() {
			continue
		}
		twin := c.Copy()
		b := twin.Build()
		twin.Close() // never the last reference: the queue has one
		if b.Len() > 0 {
			inFlight = append(inFlight, b)
		} else {
			b.Recycle() // likewise
		}
	}
	return inFlight
}

// barrierIn reads the event in c without consuming it.
func barrierIn(c *buffer.Consumer) (frame.CheckpointBarrier, bool) {
	twin := c.Copy()
	b := twin.Build()
	event, err := frame.ParseEvent(b.Bytes())
	b.Recycle()
	twin.Close()
	if err != nil {
		panic(fmt.Sprintf("partition: an event of our own cannot be read: %v", err))
	}
	barrier, ok := event.(frame.CheckpointBarrier)
	return barrier, ok
}
