// source.go: the producing tasks: one record loop for everybody.

package field

import (
	"context"

	"xbench/harness"
	"xbench/harness/pace"
)

// output is where a writer's records go. Records are numbered by the writer's ledger, which the output keeps.
type output interface {
	// longs sends n longs, channel after channel. The first of them is an instant.
	longs(n int, now int64) error
	// next sends one stamped record to the next channel.
	next(due int64) error
	// flush sends whatever is there, on all channels.
	flush() error
	// tick is told the time between two batches, and sees to the buffer timeout if nobody else does.
	tick(now int64) error
	// idle says that the task will wait.
	idle()
	// end says on every channel that nothing follows. When it returns nothing can get lost any more.
	end(ctx context.Context) error
	// release is the task's last call, whatever happened before.
	release()
}

// chunk is how many longs there are between two looks at the clock: some tens of microseconds of work, so that no flush is late by more.
const chunk = 1024

// source is one producing task. It belongs to its goroutine.
type source struct {
	spec  Spec
	index int
	t     *harness.SourceTask
	out   output
}

func (s *source) run(ctx context.Context) error {
	defer s.out.release()
	send := s.sendFreely
	if s.spec.Rate > 0 {
		send = s.sendPaced
	}
	if err := send(ctx); err != nil {
		return err
	}
	return s.out.end(ctx)
}

// sendFreely sends as fast as it goes.
func (s *source) sendFreely(ctx context.Context) error {
	if !s.t.WaitBegin(ctx) {
		return nil
	}
	n := chunk
	if s.spec.Size > longSize {
		n = max(1, chunk*longSize/s.spec.Size) // as many bytes
	}
	for {
		now := s.t.Clock()
		if s.t.Over(now) {
			return nil
		}
		if err := s.out.tick(now); err != nil {
			return err
		}
		if err := s.some(n, now); err != nil {
			return err
		}
		s.t.Sent(n)
	}
}

// some sends n records, the first of which carries an instant.
func (s *source) some(n int, now int64) error {
	if s.spec.Size == longSize {
		return s.out.longs(n, now)
	}
	for range n {
		if err := s.out.next(now); err != nil {
			return err
		}
		now = 0
	}
	return nil
}

// sendPaced sends records when they are due, each with that instant.
func (s *source) sendPaced(ctx context.Context) error {
	pacer := s.t.Pacer(pace.PerSecond(s.spec.Rate, s.index, s.spec.Writers))
	for {
		s.out.idle()
		first, n, ok := pacer.Next(ctx)
		if !ok {
			return nil
		}
		for i := first; i < first+n; i++ {
			if err := s.out.next(pacer.Due(i)); err != nil {
				return err
			}
			if s.spec.Timeout == 0 {
				if err := s.out.flush(); err != nil {
					return err
				}
			}
		}
		s.t.Sent(int(n))
		if err := s.out.tick(s.t.Clock()); err != nil {
			return err
		}
	}
}
