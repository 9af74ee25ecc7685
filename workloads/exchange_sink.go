// exchange_sink.go: the consuming tasks: their record loops.

package workloads

import (
	"context"
	"encoding/binary"
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
	p       Params
	index   int
	in      *core.Reader
	origins []origin // of the reader's channels
}

// origin is where a channel comes from.
type origin struct{ writer, channel int }

// run receives until all writers have ended.
func (s *sink) run(ctx context.Context, t *harness.SinkTask) error {
	defer s.in.Close()
	entries := make([]*harness.Entry, len(s.origins))
	for i, o := range s.origins {
		entries[i] = &t.Ledger(o.writer, s.p.Channels).Entries[o.channel]
	}
	take := s.takeElements
	if s.p.Workload == Longs {
		take = s.takeLongs
	}
	stall := s.stall(t)
	for {
		a, err := s.in.Advance(ctx)
		if errors.Is(err, io.EOF) {
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
		n, err := take(t, entries[a.Channel], now)
		if n > 0 {
			t.Received(n, now)
		}
		if err != nil {
			o := s.origins[a.Channel]
			return fmt.Errorf("reader %d: channel %d of writer %d: %w", s.index, o.channel, o.writer, err)
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

// takeLongs takes the records of one buffer.
func (s *sink) takeLongs(t *harness.SinkTask, e *harness.Entry, _ int64) (n int, err error) {
	books := *e
	for {
		p, ok, err := s.in.Next()
		if !ok {
			*e = books
			return n, err
		}
		if len(p) != 8 {
			return n, fmt.Errorf("a long of %d bytes", len(p))
		}
		v := binary.BigEndian.Uint64(p)
		if v&stampBit != 0 {
			t.Latency(int64(v&^stampBit), t.Clock())
		}
		books.Word(v)
		n++
	}
}

// clockEvery is for how many records one look at the clock is good enough: taking them takes less than a microsecond.
const clockEvery = 32

// takeElements takes the records of one buffer that arrived at now.
func (s *sink) takeElements(t *harness.SinkTask, e *harness.Entry, now int64) (n int, err error) {
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
		e.Bytes(p)
	}
}
