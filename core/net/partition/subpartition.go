// subpartition.go: the state of a pipelined subpartition and what its writing side does to it: add, finish, flush.

package partition

import (
	"math"
	"sync"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// subpartition is the queue between a writing task and one reader (Flink: PipelinedSubpartition).
// Every element but the last is finished; the last one may still be written to while it is read.
type subpartition struct {
	parent *ResultPartition
	index  int

	mu struct {
		sync.Mutex
		queue    queue
		view     *View // nil before it is created and after the release
		consumed bool  // a view was created once; there is no second
		finished bool  // end of partition is in the queue, or was
		released bool
		blocked  bool // a blocking event went out; nothing more until resume

		// flushRequested says that the unfinished tail may be read too. It falls when the queue has been polled dry.
		flushRequested bool
		zeroCredit     bool // the reader wants finished buffers also when they are empty

		backlog    int   // data buffers in the queue
		bufferSize int   // how long the reader wants the next buffers, in bytes
		sequence   int32 // of the next buffer to be polled; wraps around

		alignment alignment
	}
}

// refused is the answer to adding to a subpartition that takes nothing any more. It is no size.
const refused = -1

func (s *subpartition) init(parent *ResultPartition, index int) {
	s.parent, s.index = parent, index
	s.mu.bufferSize = math.MaxInt
}

// afterwards is what a step under the lock leaves to be done when the lock is free: captures, then the reader's wake-up,
// priority first.
type afterwards struct {
	captures []Capture
	listener Listener // nil: nobody to wake
	data     bool
	pending  bool // the task will push: the listener need not be woken for data
	priority bool
	sequence int32 // of the event with priority
}

// unlock is the only way out of the lock for steps that may have something to tell.
func (s *subpartition) unlock(todo *afterwards) {
	if s.mu.view != nil {
		todo.listener = s.mu.view.listener
	}
	s.mu.Unlock()
	for _, c := range todo.captures {
		s.parent.captured(c)
	}
	if todo.listener == nil {
		return
	}
	if todo.priority {
		todo.listener.PriorityAvailable(todo.sequence)
	}
	switch {
	case todo.data && todo.pending:
		todo.listener.DataPending()
	case todo.data:
		todo.listener.DataAvailable()
	}
}

// add puts c into the queue and takes it over, in any case. It returns how long the reader wants buffers to be, in bytes, or
// refused. Called by the writing task. (Flink: PipelinedSubpartition.add)
func (s *subpartition) add(c buffer.Consumer) int { return s.enqueue(c, false, &afterwards{}) }

// addPending is add for data, and returns whom to push when everything is added; nil: nobody.
func (s *subpartition) addPending(c buffer.Consumer) (size int, push Listener) {
	todo := afterwards{pending: true}
	size = s.enqueue(c, false, &todo)
	return size, todo.push()
}

// push is who has something pending now.
func (todo *afterwards) push() Listener {
	if todo.data {
		return todo.listener
	}
	return nil
}

// finish adds the end of the partition. It always wakes the reader, who may be waiting for a flush that will not come any more.
func (s *subpartition) finish() {
	content := frame.AppendEvent(nil, frame.EndOfPartition{})
	s.enqueue(buffer.FinishedConsumer(buffer.Unpooled(content, buffer.EndOfPartition)), true, &afterwards{})
}

func (s *subpartition) enqueue(c buffer.Consumer, ends bool, todo *afterwards) int {
	s.mu.Lock()
	if s.mu.finished || s.mu.released {
		s.mu.Unlock()
		c.Close()
		return refused
	}
	switch t := c.Type(); {
	case t.IsBuffer():
		s.mu.backlog++
		s.mu.queue.add(c)
	case t.HasPriority():
		s.overtakeLocked(c, todo)
	default:
		if t == buffer.TimeoutableBarrier {
			s.expectAlignmentLocked(&c, todo)
		}
		s.mu.queue.add(c)
	}
	s.mu.finished = ends
	// The edge: the first buffer that is finished for sure. After it the reader drains the queue without being told again.
	todo.data = ends || !s.mu.flushRequested && !s.mu.blocked && s.finishedLocked() == 1
	size := s.mu.bufferSize
	s.unlock(todo)
	return size
}

// flush makes the unfinished tail readable. Called from any goroutine. (Flink: PipelinedSubpartition.flush)
func (s *subpartition) flush() {
	var todo afterwards
	s.flushTo(&todo)
}

// flushPending is flush for the task, and returns whom to push when everything is flushed; nil: nobody.
func (s *subpartition) flushPending() Listener {
	todo := afterwards{pending: true}
	s.flushTo(&todo)
	return todo.push()
}

func (s *subpartition) flushTo(todo *afterwards) {
	s.mu.Lock()
	if s.mu.queue.size == 0 || s.mu.flushRequested {
		s.mu.Unlock()
		return
	}
	// With more than one buffer in the queue the reader was told when the second one came; telling it again would only cost.
	unread := s.mu.queue.size == 1 && s.mu.queue.at(0).IsDataAvailable()
	s.mu.flushRequested = s.mu.queue.size > 1 || unread
	todo.data = unread && !s.mu.blocked
	s.unlock(todo)
}

// finishedLocked is how many buffers are finished as far as this side knows: all but the last, and the last one only when
// nothing is ahead of it and a poll has seen its end. An end that no poll has seen waits for the next add or flush.
func (s *subpartition) finishedLocked() int {
	n := s.mu.queue.size
	if n == 1 && s.mu.queue.at(0).IsFinished() {
		return 1
	}
	return max(0, n-1)
}

// availableLocked reports whether a poll is worth while. A tail that is being written is readable but not worth a frame until
// it is flushed.
func (s *subpartition) availableLocked() bool {
	return !s.mu.blocked && (s.mu.flushRequested || s.finishedLocked() > 0)
}

// backlogLocked is how many data buffers could be sent now: without the tail, unless that one is flushed or known to be
// finished because something follows it. (Flink asks for the end of the partition too; but that is an event at the tail.)
func (s *subpartition) backlogLocked() int {
	switch {
	case s.mu.blocked || s.mu.queue.size == 0:
		return 0
	case s.mu.flushRequested || !s.mu.queue.last().Type().IsBuffer():
		return s.mu.backlog
	}
	return max(0, s.mu.backlog-1)
}

// release lets go of everything that is queued. It reports whether it was the first to do so, and returns the view that stood
// here. Called from any goroutine.
func (s *subpartition) release() (view *View, first bool) {
	var todo afterwards
	s.mu.Lock()
	if s.mu.released {
		s.mu.Unlock()
		return nil, false
	}
	s.mu.released = true
	dropped := s.mu.queue
	s.mu.queue, s.mu.backlog = queue{}, 0
	view, s.mu.view = s.mu.view, nil
	s.giveUpAlignmentLocked(errCaptureReleased, &todo)
	s.unlock(&todo)

	for dropped.size > 0 {
		c := dropped.poll()
		c.Close()
	}
	return view, true
}
