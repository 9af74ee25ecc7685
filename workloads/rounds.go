// rounds.go: workload latency: so many records, a flush, and nothing more until all of them are read.

package workloads

import (
	"context"

	"xbench/core/net/frame"
	"xbench/harness"
)

// roundRead is the event by which a sink in another process says that it has read a round.
var roundRead = frame.Other{Class: "xbench.RoundRead"}

// sendRounds sends rounds, one after the other.
func (s *source) sendRounds(ctx context.Context, t *harness.SourceTask) error {
	if !t.WaitBegin(ctx) {
		return nil
	}
	l := newLongs(s.p, s.index, s.out, t.Ledger.Entries)
	defer l.enter()
	for {
		now := t.Clock()
		if t.Over(now) {
			return nil
		}
		if err := l.stamp(now); err != nil {
			return err
		}
		if err := l.send(s.p.Round - 1); err != nil {
			return err
		}
		s.out.FlushAll()
		s.out.Idle()
		t.Sent(s.p.Round * l.copies())
		select {
		case <-s.read:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// wasRead tells the source that its round was read. It never waits: the source asks for one round at a time.
func (s *source) wasRead(frame.Event) {
	select {
	case s.read <- struct{}{}:
	default:
	}
}

// round is how far a sink is with the round of one writer.
type round struct {
	begun int64
	left  int // of its records; 0: it has not begun
}

// takeRounds takes the longs of one buffer. When they end a round, its writer is told.
func (s *sink) takeRounds(t *harness.SinkTask, c *channel, _ int64) (n int, err error) {
	r, next := &s.rounds[c.writer], c.next
	for {
		p, ok, err := s.in.Next()
		if !ok {
			return c.taken(next), err
		}
		stamped, err := checkLong(p, s.p.Size, c, next)
		if err != nil {
			return c.taken(next), err
		}
		next++
		if stamped != 0 {
			r.begun = stamped
		}
		if r.left == 0 {
			r.left = s.roundRecords()
		}
		if r.left--; r.left > 0 {
			continue
		}
		t.Latency(r.begun, t.Clock())
		if err := s.tell(c); err != nil {
			return c.taken(next), err
		}
	}
}

// roundRecords is how many records of a writer's round come to its one reader.
func (s *sink) roundRecords() int {
	if s.p.Spread == Broadcast {
		return s.p.Round * s.p.Channels
	}
	return s.p.Round
}

// tell tells a channel's writer that its round was read: in this process at once, in another one by an event against the stream.
func (s *sink) tell(c *channel) error {
	if c.local != nil {
		c.local.wasRead(roundRead)
		return nil
	}
	return s.in.SendTaskEvent(c.index, roundRead)
}
