// sample_test.go: a run with everything in it, and the golden files.

package results

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

var update = flag.Bool("update", false, "rewrite the golden files; commit them only when understood")

// golden compares got with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs.\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

// histogram holds the values from first upwards, step apart, and their exact extremes.
func histogram(n int, first, step int64) (*hdrhistogram.Histogram, Latency) {
	h := NewHistogram()
	for i := range int64(n) {
		if err := h.RecordValue(first + i*step); err != nil {
			panic(err)
		}
	}
	return h, LatencyOf(h, first, first+int64(n-1)*step)
}

var began = time.Date(2026, 11, 23, 4, 5, 6, 789_000_000, time.UTC)

// trialOf is trial number n, which passed: samples values from 100 us on, a microsecond apart.
func trialOf(n, samples int, perSec float64) Trial {
	h, l := histogram(samples, 100_000, 1_000)
	return Trial{
		Number: n, Seed: 7 + uint64(n), Measured: began.Add(time.Duration(n) * 4 * time.Second), MeasuredNs: 2e9,
		Numbers: Numbers{
			Outcome: Pass, Verified: true,
			RecordsSent: 3_000_000, RecordsReceived: 3_000_000, RecordsPerSec: perSec,
			BytesOnWire: 120 << 20, BytesOfRecords: 115 << 20, BytesExpected: 119 << 20, BytesReceived: 119 << 20, CPUNsPerRecord: 412.5, Latency: l,
			Waits: []Wait{{"source", "credit", 3, 2_000}, {"sink", "input", 5, 9_000}},
		},
		Histogram: h,
	}
}

// sampleRun has a case that passed, and one whose second trial lost a record.
func sampleRun() *Run {
	good := Case{
		Name: "flights", Driver: "exchange",
		Config: Config{Processes: 2, Loop: "open", RatePerSec: 50_000, Connections: 1, Segments: 512, SegmentSize: 32 << 10,
			Exclusive: 2, Floating: 8, WarmupNs: 1e9, DurationNs: 2e9, Trace: "flights.xtrace",
			BufferTimeoutNs: 1e8, CongestionControl: "bbr", TLS: "none", Checks: "count and digest",
			Runtimes: []Runtime{{Roles: []string{"source"}, GOMAXPROCS: 3, GOGC: 100}, {Roles: []string{"sink"}, GOMAXPROCS: 2, GOGC: -1, GOMEMLIMIT: 1 << 30}},
			Params:   json.RawMessage(`{"workload":"trace","channels":4}`)},
		Trials: []Trial{trialOf(1, 12_000, 49_900), trialOf(2, 12_000, 50_100), trialOf(3, 12_000, 50_000)},
	}
	lost := Case{
		Name: "long-max", Driver: "exchange",
		Config: Config{Processes: 2, Loop: "closed", Connections: 2, Segments: 512, SegmentSize: 32 << 10, Exclusive: 2, Floating: 8},
		Trials: []Trial{trialOf(1, 500, 3_104_210.4), trialOf(2, 500, 3_000_000)},
	}
	bad := &lost.Trials[1]
	bad.Verified, bad.RecordsReceived = false, 2_999_999
	bad.Invalidate("source 0, channel 3: sent 1000, received 999")
	good.Summarize()
	lost.Summarize()
	return &Run{
		Schema: Schema, ID: "20261123T040506Z-1a2b3c4-abcdef", Suite: "quick",
		Outcome: Invalid, ExitCode: ExitInvalid, Reason: "long-max: " + lost.Reason,
		Started: began, Ended: began.Add(time.Minute), Command: []string{"xbench", "run", "--suite", "quick"}, Seed: 7,
		Binary: Binary{Revision: "1a2b3c4d5e6f", CommitTime: "2026-11-22T20:00:00Z", Go: "go1.26.8", SHA256: "00ff"},
		Host: Host{OS: "linux", Arch: "amd64", CPU: "Some CPU @ 2.00GHz", Cores: 2, MemoryBytes: 8 << 30, Kernel: "6.8.0",
			CongestionControl: "cubic", Virtual: "yes"},
		Warnings: []string{"2 cores for 3 processes"},
		Cases:    []Case{good, lost},
	}
}
