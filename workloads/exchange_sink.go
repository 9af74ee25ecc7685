// exchange_sink.go: the consuming tasks: their record loops.

package workloads

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"xbench/core"
	"xbench/core/serde"
	"xbench/harness"
)

// sink is one consuming task. It belongs to its goroutine.
type sink struct {
	p        Params
	index    int
	in       *core.Reader
	channels []channel // the reader's, in its order
	rounds   []round   // by writer; Rounds
	witness  *witness
}

// channel is what a sink knows of one of its channels.
type channel struct {
	origin
	index int // of the reader
	entry *harness.Entry
	bytes uint64 // of its records, framed; Keyed and Trace, where they differ

	first, next uint64  // the values that it began with, and goes on with; Longs and Rounds
	local       *source // that writes it, if it is in this process; Rounds
}

// origin is where a channel comes from.
type origin struct{ writer, channel int }

// taker takes the records of one buffer of a channel, which arrived at now, and says how many there were.
type taker func(t *harness.SinkTask, c *channel, now int64) (n int, err error)

// taker is what this sink's workload needs.
func (s *sink) taker() taker {
	switch {
	case s.p.Workload == Rounds:
		return s.takeRounds
	case s.p.Workload == Longs && s.p.Size > longBytes:
		return s.takeLongRecords
	case s.p.Workload == Longs:
		return s.takeLongs
	}
	return s.takeElements
}

// run receives until all writers have ended.
func (s *sink) run(ctx context.Context, t *harness.SinkTask) error {
	defer s.in.Close()
	s.witness.begun()
	for i := range s.channels {
		c := &s.channels[i]
		c.entry = &t.Ledger(c.writer, s.p.Channels).Entries[c.channel]
	}
	take := s.taker()
	stall := s.stall(t)
	for {
		a, err := s.in.Advance(ctx)
		if errors.Is(err, io.EOF) {
			s.witness.ended()
			return nil
		}
		if err != nil {
			return fmt.Errorf("reader %d: %w", s.index, err)
		}
		if a.Event != nil {
			continue
		}
		now := t.Clock()
		if stall.due(now) {
			if err := stall.stand(ctx); err != nil {
				return fmt.Errorf("reader %d: %w", s.index, err)
			}
			now = t.Clock()
		}
		c := &s.channels[a.Channel]
		n, err := take(t, c, now)
		if n > 0 {
			t.Received(n, now)
		}
		if err != nil {
			return fmt.Errorf("reader %d: channel %d of writer %d: %w", s.index, c.channel, c.writer, err)
		}
	}
}

// stall is a reader's stand-still: with a buffer in its hands, and without another step until it is over.
type stall struct {
	at   int64 // nanoseconds of the task's clock; 0: never, or it is over
	long time.Duration
}

// stall is when this reader stands still.
func (s *sink) stall(t *harness.SinkTask) *stall {
	if s.index < s.p.Readers-s.p.Stalled {
		return &stall{}
	}
	return &stall{at: t.Measure() + int64(s.p.StallAt), long: s.p.Stall}
}

func (s *stall) due(now int64) bool { return s.at != 0 && now >= s.at }

func (s *stall) stand(ctx context.Context) error {
	s.at = 0
	timer := time.NewTimer(s.long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// clockEvery is for how many records one look at the clock is good enough: taking them takes less than a microsecond.
const clockEvery = 32

// takeElements takes the records of one buffer that arrived at now.
func (s *sink) takeElements(t *harness.SinkTask, c *channel, now int64) (n int, err error) {
	for {
		p, ok, err := s.in.Next()
		if !ok {
			return n, err
		}
		record, err := serde.ParseElement(p)
		if err != nil {
			return n, err
		}
		if record.Tag != serde.TagTimestamped {
			return n, fmt.Errorf("stream element %d where records with timestamps were sent", record.Tag)
		}
		if n++; n%clockEvery == 0 {
			now = t.Clock()
		}
		if record.TimestampMs != 0 { // nanoseconds here; 0: this one is not measured
			t.Latency(record.TimestampMs, now)
		}
		c.entry.Bytes(p)
		c.bytes += uint64(serde.LengthSize + len(p))
	}
}
