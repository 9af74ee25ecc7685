// sink_task.go: what a sink is given to work with: ledgers, latencies, the measured window.

package harness

import (
	"fmt"
	"sync/atomic"
)

// SinkTask is a sink's side of a trial. It belongs to the goroutine that Sink.Run is called in.
type SinkTask struct {
	Clock func() int64 // nanoseconds of CLOCK_MONOTONIC

	window   *window
	received atomic.Uint64 // written by the sink alone, read for progress
	span     span
	latency  *recorder
	ledgers  map[int]*Ledger
	_        ownLine
}

// NewSinkTask makes the task of one sink. Workers do so; tests of a driver may.
func NewSinkTask(clock func() int64, w Window) *SinkTask {
	return newSinkTask(clock, newWindow(w))
}

func newSinkTask(clock func() int64, w *window) *SinkTask {
	return &SinkTask{Clock: clock, window: w, latency: newRecorder(), ledgers: map[int]*Ledger{}}
}

// Measure is the instant of Clock at which the measured window begins.
func (t *SinkTask) Measure() int64 { return t.window.Measure }

// Ledger is the sink's books of what it gets from a source with that many channels. Entries of
// channels that another sink reads stay empty. The same call gives the same ledger: ask once,
// before the records come.
func (t *SinkTask) Ledger(source, channels int) *Ledger {
	l := t.ledgers[source]
	if l == nil {
		l = newLedger(channels)
		t.ledgers[source] = l
	}
	if len(l.Entries) != channels {
		panic(fmt.Sprintf("harness: ledger of source %d asked for with %d channels, and before with %d", source, channels, len(l.Entries)))
	}
	return l
}

// Received counts n records that have arrived, at now. To be called per batch; the sum has to be
// that of the ledgers, so that no record counts that is not verified.
func (t *SinkTask) Received(n int, now int64) {
	before := t.received.Load()
	t.received.Store(before + uint64(n))
	if now >= t.window.Measure && now <= t.window.end.Load() {
		t.span.extend(before, uint64(n), now)
	}
}

// Latency records that a record intended for one instant arrived at another, both of Clock. It counts
// when intended lies in the measured window, however late the record arrived. A record that was
// intended before Begin, or arrived before it was intended, cannot be: it makes the trial invalid.
func (t *SinkTask) Latency(intended, now int64) {
	if intended < t.window.Begin || now < intended {
		t.latency.refuse(now-intended, 1)
	} else if intended >= t.window.Measure && intended < t.window.end.Load() {
		t.latency.record(now-intended, 1)
	}
}

// span is what one sink received in the measured window. Its rate counts from the first
// batch, exclusive, to the last, inclusive: there is no edge at which a part of a batch is guessed.
type span struct {
	First   int64  `json:"first_ns"`        // when the first batch arrived; 0: none
	Last    int64  `json:"last_ns"`         // when the last one did
	Records uint64 `json:"records"`         // in all batches
	After   uint64 `json:"records_after"`   // in all but the first
	Before  uint64 `json:"records_earlier"` // in the warm-up
}

func (s *span) extend(before, n uint64, now int64) {
	if s.First == 0 {
		s.First, s.Before = now, before
	} else {
		s.After += n
	}
	s.Last = now
	s.Records += n
}

// perSecond is the rate of one sink, 0 when fewer than two batches tell it.
func (s span) perSecond() float64 {
	if s.Last <= s.First {
		return 0
	}
	return float64(s.After) / (float64(s.Last-s.First) / 1e9)
}
