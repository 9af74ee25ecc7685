package results

import (
	"math"
	"strings"
	"testing"
)

func caseOf(trials ...Trial) *Case {
	c := &Case{Name: "c", Driver: "exchange", Trials: trials}
	c.Summarize()
	return c
}

func TestSummarizeAddsUpCountsAndTakesMediansOfRates(t *testing.T) {
	c := caseOf(trialOf(1, 12_000, 10), trialOf(2, 12_000, 1000), trialOf(3, 12_000, 30))
	if c.Outcome != Pass || !c.Verified || c.Reason != "" {
		t.Errorf("outcome %s (%s), verified %v", c.Outcome, c.Reason, c.Verified)
	}
	if c.RecordsSent != 9_000_000 || c.RecordsReceived != 9_000_000 || c.BytesOnWire != 360<<20 {
		t.Errorf("sent %d, received %d, bytes %d", c.RecordsSent, c.RecordsReceived, c.BytesOnWire)
	}
	if c.RecordsPerSec != 30 {
		t.Errorf("%v records/s, want the median", c.RecordsPerSec)
	}
	if want := (Wait{"source", "credit", 9, 6_000}); c.Waits[0] != want || len(c.Waits) != 2 {
		t.Errorf("waits %v", c.Waits)
	}
	if even := caseOf(trialOf(1, 12_000, 10), trialOf(2, 12_000, 30)); even.RecordsPerSec != 20 {
		t.Errorf("%v records/s of two", even.RecordsPerSec)
	}
}

// Latencies of several trials are those of one merged histogram, never averaged percentiles.
func TestSummarizeMergesHistograms(t *testing.T) {
	fast, slow := trialOf(1, 0, 1), trialOf(2, 0, 1)
	fast.Histogram, fast.Latency = histogram(9_900, 1_000, 0)
	slow.Histogram, slow.Latency = histogram(100, 1_000_000, 0)
	c := caseOf(fast, slow)
	if c.Latency.Count != 10_000 || c.Latency.P50 != 1_000 || c.Latency.P99 != 1_000 || c.Latency.Max != 1_000_000 || c.Latency.Min != 1_000 {
		t.Errorf("%+v", c.Latency)
	}
	if p999, _ := c.Latency.Percentile("p99_9"); p999 < 999_000 {
		t.Errorf("p99.9 %d", p999)
	}
}

func TestAnInvalidTrialMakesTheCaseInvalidButLendsNoNumbers(t *testing.T) {
	bad := trialOf(2, 12_000, 1e9)
	bad.Verified = false
	bad.Invalidate("record lost")
	bad.Invalidate("an echo")
	c := caseOf(trialOf(1, 12_000, 10), bad)
	if c.Outcome != Invalid || c.Verified || c.Reason != "trial 2: record lost" {
		t.Errorf("%s, verified %v, %q", c.Outcome, c.Verified, c.Reason)
	}
	if c.RecordsPerSec != 10 || c.Latency.Count != 12_000 {
		t.Errorf("%v records/s, %d samples", c.RecordsPerSec, c.Latency.Count)
	}
}

// A run that measured nothing is invalid, never a pass, whatever a driver claims.
func TestNothingMeasuredIsInvalid(t *testing.T) {
	for name, spoil := range map[string]func(*Trial){
		"no record":  func(t *Trial) { t.RecordsReceived = 0 },
		"no rate":    func(t *Trial) { t.RecordsPerSec = 0 },
		"no sample":  func(t *Trial) { t.Histogram, t.Latency = nil, LatencyOf(nil, 0, 0) },
		"NaN":        func(t *Trial) { t.RecordsPerSec = math.NaN() },
		"infinite":   func(t *Trial) { t.CPUNsPerRecord = math.Inf(1) },
		"unverified": func(t *Trial) { t.Verified = false },
	} {
		t.Run(name, func(t *testing.T) {
			trial := trialOf(1, 12_000, 10)
			spoil(&trial)
			c := caseOf(trial)
			if c.Outcome != Invalid || c.Reason == "" {
				t.Errorf("%s: %q", c.Outcome, c.Reason)
			}
			if math.IsNaN(c.RecordsPerSec) || math.IsInf(c.CPUNsPerRecord, 0) {
				t.Error("a number is not finite")
			}
		})
	}
	t.Run("no trial", func(t *testing.T) {
		if c := caseOf(); c.Outcome != Invalid || c.Verified {
			t.Errorf("%s, verified %v", c.Outcome, c.Verified)
		}
	})
}

// A trial that was cut short stays interrupted: it did not claim to be complete.
func TestAnInterruptedTrialStaysInterrupted(t *testing.T) {
	cut := trialOf(2, 0, 0)
	cut.Outcome, cut.Reason, cut.Verified = Interrupted, "SIGINT", false
	if c := caseOf(trialOf(1, 12_000, 10), cut); c.Outcome != Interrupted || !strings.Contains(c.Reason, "SIGINT") || c.RecordsPerSec != 10 {
		t.Errorf("%s: %q, %v records/s", c.Outcome, c.Reason, c.RecordsPerSec)
	}
}

// N*(1-q) >= 10: ten values have to lie above a percentile before it is told.
func TestPercentilesNeedTenValuesAboveThem(t *testing.T) {
	for _, want := range []struct {
		key   string
		needs int
	}{{"p50", 20}, {"p90", 100}, {"p99", 1_000}, {"p99_9", 10_000}} {
		for _, n := range []int{want.needs - 1, want.needs} {
			_, l := histogram(n, 1, 1)
			if _, ok := l.Percentile(want.key); ok != (n == want.needs) {
				t.Errorf("%s of %d values: supported %v", want.key, n, ok)
			}
		}
	}
	_, l := histogram(1_000, 1, 1)
	if len(l.Unsupported) != 1 || l.Unsupported[0] != "p99_9" {
		t.Errorf("unsupported %v", l.Unsupported)
	}
}

// A histogram rounds 1,234,567 up to 1,234,943: no percentile may exceed what was recorded.
func TestExtremesAreExact(t *testing.T) {
	h := NewHistogram()
	if err := h.RecordValues(1_234_567, 20_000); err != nil {
		t.Fatal(err)
	}
	l := LatencyOf(h, 1_234_567, 1_234_567)
	if l.Min != 1_234_567 || l.P50 != 1_234_567 || l.P999 != 1_234_567 || l.Max != 1_234_567 {
		t.Errorf("%+v", l)
	}
}
