// task_test.go: what tasks count, and in which part of the window.

package harness

import (
	"context"
	"slices"
	"testing"

	"xbench/harness/pace"
	"xbench/results"
)

var testWindow = Window{Begin: 1000, Measure: 2000, End: 3000}

func TestASinksRateCountsFromItsFirstBatchInTheWindowToItsLast(t *testing.T) {
	s := NewSinkTask(nil, testWindow)
	s.Received(100, 1500) // warm-up
	if got := s.span.perSecond(); got != 0 {
		t.Errorf("%f records/s without a batch in the window", got)
	}
	s.Received(40, 2000) // the first one: its records arrived before the clock was read
	if got := s.span.perSecond(); got != 0 {
		t.Errorf("%f records/s of a single batch", got)
	}
	s.Received(10, 2250)
	s.Received(20, 2500)
	s.Received(70, 3001) // after the end
	if got, want := s.span.perSecond(), 30/500e-9; got != want {
		t.Errorf("%f records/s, want %f", got, want)
	}
	if s.span.Records != 70 || s.received.Load() != 240 {
		t.Errorf("%d records in the window, %d altogether", s.span.Records, s.received.Load())
	}
}

func TestALatencyCountsByItsIntendedInstant(t *testing.T) {
	s := NewSinkTask(nil, testWindow)
	s.Latency(1999, 2500) // warm-up
	s.Latency(2000, 2010)
	s.Latency(2999, 900_000) // late, but it was due in the window
	s.Latency(3000, 3001)
	l := s.latency.latency()
	if l.Count != 2 || l.Min != 10 || l.Max != 897_001 {
		t.Errorf("%+v, want two latencies, of exactly 10 and 897001 ns", l)
	}
	for _, impossible := range [][2]int64{{2500, 2499}, {1, 2500}, {1 << 60, 2500}, {2000, 2000 + results.LatencyMaxNs + 1}} {
		before := s.latency.refused
		s.Latency(impossible[0], impossible[1])
		if s.latency.refused != before+1 {
			t.Errorf("intended %d, received %d: not refused", impossible[0], impossible[1])
		}
	}
	if s.latency.refusal != -1 || s.latency.latency().Count != 2 {
		t.Errorf("the first refusal is %d ns, %d recorded", s.latency.refusal, s.latency.latency().Count)
	}
}

func TestALagCountsByItsDueInstant(t *testing.T) {
	s := NewSourceTask(nil, testWindow, 1, 1)
	s.Lag(1999, 2500)
	s.Lag(2000, 2100)
	s.Lag(3000, 3100)
	if l := s.lag.latency(); l.Count != 1 || l.Max != 100 {
		t.Errorf("%+v, want one lag of 100 ns", l)
	}
}

// An interruption ends sources, pacers and windows at once.
func TestAWindowThatEndsEarly(t *testing.T) {
	w := newWindow(testWindow)
	now := int64(0)
	clock := func() int64 { now += 10; return now }
	source, sink := newSourceTask(clock, w, 1, 1), newSinkTask(clock, w)
	if source.Over(2999) || !source.Over(3000) {
		t.Error("a source is over at End, and not before")
	}
	w.stop(2500)
	w.stop(2700) // the first one counts
	if source.Over(2499) || !source.Over(2500) {
		t.Error("a source is over when the run is interrupted")
	}
	if source.WaitBegin(t.Context()) {
		t.Error("a source begins though the run is interrupted")
	}
	if _, _, ok := source.Pacer(pace.PerSecond(1e9, 0, 1)).Next(context.Background()); ok {
		t.Error("a pacer goes on though the run is interrupted")
	}
	sink.Received(1, 2400)
	sink.Received(1, 2501)
	sink.Latency(2600, 2700)
	if sink.span.Records != 1 || sink.latency.latency().Count != 0 {
		t.Error("what comes after the interruption is measured")
	}
}

func TestWaitBegin(t *testing.T) {
	now := int64(0)
	s := NewSourceTask(func() int64 { now += 10; return now }, testWindow, 1, 1)
	if !s.WaitBegin(t.Context()) || now < testWindow.Begin {
		t.Errorf("waited until %d, want %d", now, testWindow.Begin)
	}
}

func TestLedgersAreOnePerSource(t *testing.T) {
	s := NewSinkTask(nil, testWindow)
	a, b := s.Ledger(0, 3), s.Ledger(1, 2)
	if a == b || len(a.Entries) != 3 || len(b.Entries) != 2 || s.Ledger(0, 3) != a {
		t.Error("ledgers are mixed up")
	}
	defer func() {
		if recover() == nil {
			t.Error("a ledger that changes its size must panic")
		}
	}()
	s.Ledger(0, 4)
}

// A distribution survives the way to the coordinator exactly, and merges.
func TestRecordingsMergeExactly(t *testing.T) {
	a, b, sum := newRecorder(), newRecorder(), newRecorder()
	for _, ns := range []int64{1234567, 89, 3} {
		a.record(ns, 1)
	}
	b.record(77_777_777, 5)
	b.record(-4, 2)
	for _, r := range []*recorder{a, b, newRecorder()} {
		over, err := r.recording()
		if err != nil {
			t.Fatal(err)
		}
		if err := sum.addRecording(over); err != nil {
			t.Fatal(err)
		}
	}
	if l := sum.latency(); l.Count != 8 || l.Min != 3 || l.Max != 77_777_777 || sum.refused != 2 || sum.refusal != -4 {
		t.Errorf("%+v, %d refused, first %d", l, sum.refused, sum.refusal)
	}
	if sum.addRecording(&recording{Histogram: "!"}) == nil {
		t.Error("a histogram that is none is accepted")
	}
}

func TestSeedsDiffer(t *testing.T) {
	var seeds []uint64
	for seed := range uint64(10) {
		for n := range uint64(10) {
			seeds = append(seeds, mix(seed, n))
		}
	}
	slices.Sort(seeds)
	if len(slices.Compact(seeds)) != 100 {
		t.Error("two parts have the same seed")
	}
	// A seed gives the same run for ever: whoever changes this makes stored ones useless.
	if got := mix(1, 2); got != 0xf893a2eefb32555e {
		t.Errorf("the third part of seed 1 has seed %#x", got)
	}
}

func BenchmarkLatency(b *testing.B) {
	s := NewSinkTask(nil, Window{Begin: 0, Measure: 0, End: 1 << 62})
	for i := range int64(b.N) {
		s.Latency(i, i+50_000+i&0xFFFF)
	}
}

func BenchmarkReceived(b *testing.B) {
	s := NewSinkTask(nil, Window{Begin: 0, Measure: 0, End: 1 << 62})
	for i := range int64(b.N) {
		s.Received(10, i)
	}
}
