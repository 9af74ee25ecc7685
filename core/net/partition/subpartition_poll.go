// subpartition_poll.go: what a subpartition's reader does to it: poll, ask for availability, resume.

package partition

import (
	"fmt"

	"xbench/core/buffer"
)

// outcome says what became of one look at the head of the queue.
type outcome uint8

const (
	taken   outcome = iota // there is a buffer for the reader
	skipped                // the head was finished and empty: look at the next one
	nothing                // nothing to read now
)

// poll takes what is readable of the head. (Flink: PipelinedSubpartition.pollBuffer)
func (s *subpartition) poll() (Polled, bool) {
	for {
		p, what := s.pollHead()
		if what == taken {
			return p, true
		}
		if !p.Buffer.IsZero() {
			p.Buffer.Recycle() // empty; perhaps the last reference, so not under the lock
		}
		if what == nothing {
			return Polled{}, false
		}
	}
}

// pollHead builds what is new in the head. Unless the outcome is taken, the buffer is empty or zero and is the caller's to
// recycle.
func (s *subpartition) pollHead() (p Polled, what outcome) {
	var todo afterwards
	s.mu.Lock()
	if s.mu.blocked {
		s.mu.Unlock()
		return Polled{}, nothing
	}
	q := &s.mu.queue
	if q.size == 0 {
		s.mu.flushRequested = false
		s.mu.Unlock()
		return Polled{}, nothing
	}
	head := q.at(0)
	t := head.Type()
	if t == buffer.TimeoutableBarrier {
		s.leaveAlignedLocked(head, &todo)
	}
	b := head.Build()
	finished := head.IsFinished()
	if q.size == 1 {
		s.mu.flushRequested = false
	} else if !finished {
		panic(fmt.Sprintf("partition: subpartition %d has an unfinished buffer at the head of %d", s.index, q.size))
	}
	if finished {
		c := q.poll()
		c.Close() // never the last reference: b is one
		if t.IsBuffer() {
			s.mu.backlog--
		}
	}
	switch {
	case b.Len() > 0 || finished && s.mu.zeroCredit:
		// A reader without buffers of its own has lent one for this turn; it gets it back also when it is empty.
	case finished:
		s.unlockQuietly(&todo)
		return Polled{Buffer: b}, skipped
	default:
		s.unlockQuietly(&todo)
		return Polled{Buffer: b}, nothing
	}
	if t.BlocksUpstream() {
		s.mu.blocked = true
	}
	p = Polled{Buffer: b, Backlog: s.backlogLocked(), Sequence: s.mu.sequence}
	if s.availableLocked() && q.size > 0 {
		p.Next = q.at(0).Type()
	}
	s.mu.sequence++
	s.unlockQuietly(&todo)
	return p, taken
}

// unlockQuietly is unlock for steps of the reader itself: it needs no waking.
func (s *subpartition) unlockQuietly(todo *afterwards) {
	s.mu.Unlock()
	for _, c := range todo.captures {
		s.parent.captured(c)
	}
}

// availability says whether a poll is worth while with and without credit, and how many data buffers could be sent. Without
// credit only an event can go. (Flink: getAvailabilityAndBacklog, which forgets there that a blocked one can send nothing.)
func (s *subpartition) availability(credit bool) (available bool, backlog int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if credit {
		available = s.availableLocked()
	} else {
		available = !s.mu.blocked && s.mu.queue.size > 0 && s.mu.queue.at(0).Type().IsEvent()
	}
	return available, s.backlogLocked()
}

// resume lets the reader go on behind a blocking event. It wakes nobody: who resumes asks for the availability next.
func (s *subpartition) resume() error {
	s.mu.Lock()
	was := s.mu.blocked
	s.mu.blocked = false
	s.mu.Unlock()
	if !was {
		return &ConsumerError{ID: s.parent.id, Subpartition: s.index, Reason: "Should be blocked by checkpoint."}
	}
	return nil
}

func (s *subpartition) setBufferSize(n int) error {
	if n < 0 {
		return &ConsumerError{ID: s.parent.id, Subpartition: s.index, Reason: fmt.Sprintf("New buffer size %d is negative.", n)}
	}
	s.mu.Lock()
	s.mu.bufferSize = n
	s.mu.Unlock()
	return nil
}

func (s *subpartition) setZeroCredit() {
	s.mu.Lock()
	s.mu.zeroCredit = true
	s.mu.Unlock()
}

func (s *subpartition) acknowledge() { s.parent.acknowledged(s.index) }

// leave is the end of the only view.
func (s *subpartition) leave() {
	s.release()
	s.parent.consumed(s.index)
}

func (s *subpartition) failure() error { return s.parent.producerFailure() }

// queued is how many buffers and events wait, the unfinished tail included.
func (s *subpartition) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.queue.size
}
