// measured_test.go: a trial's document, from reports that are written by hand.

package harness

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"xbench/harness/wait"
	"xbench/results"
)

// recorded is a recording of n durations of ns each.
func recorded(t *testing.T, ns, n int64) *recording {
	r := newRecorder()
	r.record(ns, n)
	over, err := r.recording()
	if err != nil {
		t.Fatal(err)
	}
	return over
}

// twoWorkers is a trial of a source's worker and a sink's worker, in which two sinks received
// 1,000 records a second each and the two workers kept one and a half processors busy.
func twoWorkers(t *testing.T) *trial {
	c := streamCase(streamParams{Rate: 2000})
	second := int64(time.Second)
	books := []entryLine{{0, 2000, 7}}
	sink := func(latencyNs int64, ledger ...entryLine) sinkReport {
		return sinkReport{
			Name: "end", Received: countOf(ledger), Ledgers: []sinkLedger{{Source: 0, Entries: ledger}},
			Span:    span{First: second, Last: 2 * second, Records: 1010, After: 1000},
			Latency: recorded(t, latencyNs, 1000),
		}
	}
	return &trial{
		c: &c, number: 1, seed: 5, workers: make([]*member, 2), begun: time.Unix(1000, 0),
		window:  Window{Begin: 0, Measure: second, End: 3 * second},
		sources: map[int]sourceName{0: {Name: "a", Channels: 3}},
		reports: []*finished{
			{End: 3 * second, Sources: []sourceReport{{Index: 0, Ledger: books, Sent: 2000, Planned: 2000, Lag: recorded(t, 20_000, 2000)}}},
			{End: 3 * second, Sinks: []sinkReport{sink(1_000_000, books...), sink(3_000_000)}},
		},
		stats: []*closed{
			{CPU: cpu{Ns: second, Wall: second}, Stats: Stats{BytesOnWire: 10, Waits: []wait.Wait{{Role: "source", Reason: "pool", Count: 1, Ns: 2}}}},
			{CPU: cpu{Ns: second, Wall: 2 * second}, Stats: Stats{BytesOnWire: 5, Waits: []wait.Wait{{Role: "source", Reason: "pool", Count: 3, Ns: 4}}}},
		},
	}
}

func TestATrialsNumbers(t *testing.T) {
	r, doubts := twoWorkers(t).measured(nil)
	if r.Outcome != results.Pass || r.Reason != "" || !r.Verified || r.Seed != 5 || r.Number != 1 || len(doubts) != 0 {
		t.Errorf("%s (%s), verified %v, seed %d, doubts %q", r.Outcome, r.Reason, r.Verified, r.Seed, doubts)
	}
	if r.RecordsSent != 2000 || r.RecordsReceived != 2000 || r.RecordsPerSec != 2000 {
		t.Errorf("%d sent, %d received, %f/s", r.RecordsSent, r.RecordsReceived, r.RecordsPerSec)
	}
	// One and a half processors for 2,000 records a second.
	if r.CPUNsPerRecord != 750_000 {
		t.Errorf("%f ns a record", r.CPUNsPerRecord)
	}
	if r.Latency.Count != 2000 || r.Latency.Min != 1_000_000 || r.Latency.Max != 3_000_000 || r.ScheduleLag.Count != 2000 {
		t.Errorf("%+v, lag %+v", r.Latency, r.ScheduleLag)
	}
	if r.BytesOnWire != 15 || len(r.Waits) != 1 || r.Waits[0] != (results.Wait{Role: "source", Reason: "pool", Count: 4, Ns: 6}) {
		t.Errorf("%d bytes, waits %+v", r.BytesOnWire, r.Waits)
	}
	if want := time.Unix(1000, 0).Add(20 * time.Millisecond); !r.Measured.Equal(want) || r.MeasuredNs != 2e9 {
		t.Errorf("measured from %s for %d", r.Measured, r.MeasuredNs)
	}
}

func TestATrialsDoubts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*trial)
		want   string
	}{
		"late generator": {func(x *trial) { x.reports[0].Sources[0].Lag = recorded(t, 400_000, 2000) }, "the generator was late: p99 of the schedule lag is 400µs, over the limit of 300µs"},
		"behind at the end": {func(x *trial) {
			x.reports[0].Sources[0].Behind = int64(time.Second)
			x.reports[0].Sources[0].Planned = 2500
		}, "the planned rate was not sustained: at the end a source was 1s behind, and 2000 of 2500 records were sent"},
		"one batch": {func(x *trial) { x.reports[1].Sinks[0].Span = span{First: 5, Last: 5, Records: 77} }, "sink end received in one batch all that it received in the measured window: its 77 records"},
	} {
		x := twoWorkers(t)
		c.change(x)
		if r, doubts := x.measured(nil); r.Outcome != results.Pass || len(doubts) != 1 || !strings.Contains(doubts[0], c.want) {
			t.Errorf("%s: %s, doubts %q, want %q", name, r.Outcome, doubts, c.want)
		}
	}
}

func TestATrialsOutcome(t *testing.T) {
	lost := &ending{results.Invalid, "worker 1 ended"}
	for name, c := range map[string]struct {
		change  func(*trial)
		err     error
		outcome results.Outcome
		reason  string
	}{
		"interrupted":              {func(x *trial) { x.interrupted = syscall.SIGINT }, nil, results.Interrupted, "interrupted (interrupt)"},
		"interrupted, with losses": {func(x *trial) { x.interrupted = syscall.SIGINT; x.reports[1].Sinks = nil }, nil, results.Interrupted, "interrupted (interrupt); source a channel 0: 2000 records sent, 0 received"},
		"worker lost at the end":   {func(x *trial) {}, lost, results.Invalid, "worker 1 ended"},
		"worker lost before":       {func(x *trial) { x.reports[1] = nil; x.stats = make([]*closed, 2) }, lost, results.Invalid, "worker 1 ended"},
		"no worker at all":         {func(x *trial) { *x = trial{c: x.c} }, errors.New("fork: no memory"), results.Failed, "fork: no memory"},
		"segments missing":         {func(x *trial) { x.stats[1].Error = "close: 1 is not home" }, nil, results.Invalid, "worker 1: close: 1 is not home"},
	} {
		x := twoWorkers(t)
		c.change(x)
		if r, _ := x.measured(c.err); r.Outcome != c.outcome || r.Reason != c.reason {
			t.Errorf("%s: %s, %q; want %s, %q", name, r.Outcome, r.Reason, c.outcome, c.reason)
		}
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var w tail
	for i := range 40 {
		if _, err := w.Write([]byte(strings.Repeat(string(rune('a'+i%26)), tailBytesMax/4))); err != nil {
			t.Fatal(err)
		}
		if len(w.kept) > 3*tailBytesMax {
			t.Fatalf("%d bytes are kept", len(w.kept))
		}
	}
	if s := w.String(); len(s) != tailBytesMax || s[0] != 'k' || s[len(s)-1] != 'n' {
		t.Errorf("%d bytes from %c to %c, want the last four writes", len(s), s[0], s[len(s)-1])
	}
}

// The meter's two looks, the second of which an early end brings forward.
func TestMeter(t *testing.T) {
	w := Window{Begin: 0, Measure: 100, End: 1e9}
	m := newMeter(w, 0)
	defer m.timer.Stop()
	m.look(99)
	if len(m.looks) != 0 {
		t.Error("looked before it was time")
	}
	m.look(150)
	for spin := cpuNs(); cpuNs() < spin+1000; { // something to measure
	}
	if c := m.stop(1150); c.Wall != 1000 || c.Ns < 1000 {
		t.Errorf("%+v, want 1000 ns and what was spun", c)
	}
	if a, b := m.stop(5000), m.stop(9000); a != b {
		t.Errorf("stopped again: %+v and %+v", a, b)
	}
	early := newMeter(w, 0)
	if c := early.stop(50); c != (cpu{}) {
		t.Errorf("ended before the window: %+v", c)
	}
}

// Sockets that carried less than the frames need, or much more, make a trial invalid; what nobody counted does not.
func TestBytesThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		expected, received uint64
		want               results.Outcome
	}{
		{0, 0, results.Pass},
		{1000, 0, results.Pass},
		{0, 1000, results.Pass},
		{1000, 1000, results.Pass},
		{1000, 999, results.Invalid},
		{1000, 1500 + 64<<10, results.Pass},
		{1000, 1501 + 64<<10, results.Invalid},
	} {
		r := results.Trial{Numbers: results.Numbers{Outcome: results.Pass, BytesExpected: c.expected, BytesReceived: c.received}}
		if plausible(&r); r.Outcome != c.want || (r.Reason == "") != (c.want == results.Pass) {
			t.Errorf("%d bytes received, %d expected: %s %q", c.received, c.expected, r.Outcome, r.Reason)
		}
	}
}
