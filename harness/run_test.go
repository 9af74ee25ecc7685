// run_test.go: cases with real worker processes: what a run tells, and that it is true.

package harness

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xbench/results"
)

// streamCase is a case of the test driver: two sources with three channels each, unless p says otherwise.
func streamCase(p streamParams) Case {
	if p.Sources == 0 {
		p.Sources, p.Channels = 2, 3
	}
	params, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	c := Case{
		Name: "stream", Driver: "stream", Params: params, Processes: 2, Trials: 1, Seed: 1,
		Loop: Closed, Warmup: 20 * time.Millisecond, Duration: 100 * time.Millisecond,
	}
	if p.Rate > 0 {
		c.Loop, c.Rate = Open, float64(p.Rate)
	}
	return c
}

// endless is a case that only something else than its schedule ends.
func endless() Case {
	c := streamCase(streamParams{Rate: 2000})
	c.Warmup, c.Duration = 10*time.Millisecond, time.Hour
	return c
}

// witness watches a run from outside: which processes there were, and what was kept.
type witness struct {
	t    *testing.T
	pids []int
	kept map[string]string
	seen []Progress
}

func (w *witness) options() Options {
	w.kept = map[string]string{}
	return Options{
		Timeout: 30 * time.Second,
		Keep: func(name string, content []byte) error {
			w.kept[name] = string(content)
			return nil
		},
		Progress: func(p Progress) {
			w.seen = append(w.seen, p)
			for _, x := range p.Workers {
				if !slices.Contains(w.pids, x.PID) {
					w.pids = append(w.pids, x.PID)
				}
			}
		},
	}
}

// run makes c, and requires that no worker is left.
func (w *witness) run(c Case, o Options) Report {
	w.t.Helper()
	r := Run(w.t.Context(), c, o)
	if len(w.pids) == 0 {
		w.t.Error("no worker was seen")
	}
	for _, pid := range w.pids {
		if err := unix.Kill(pid, 0); err != unix.ESRCH {
			w.t.Errorf("process %d is left after the run", pid)
		}
	}
	return r
}

// measure is run for a case that has to measure something. On a machine that stands still for
// all of such a short window nothing can be measured: then once more.
func (w *witness) measure(c Case) Report {
	w.t.Helper()
	for attempt := 1; ; attempt++ {
		r := w.run(c, w.options())
		if !strings.Contains(r.Case.Reason, "nothing measured: no record arrived") || attempt == 5 {
			return r
		}
		w.t.Logf("attempt %d: %s", attempt, r.Case.Reason)
		w.seen, w.pids = nil, nil
	}
}

// received adds up what the workers of p received.
func received(p Progress) (n uint64) {
	for _, w := range p.Workers {
		n += w.Received
	}
	return n
}

// measuring says, of one progress after the other, whether records arrive in the measured
// window: the first tells a number that may be that of the warm-up, the second a larger one.
func measuring() func(Progress) bool {
	first := uint64(0)
	return func(p Progress) bool {
		if p.Phase != Measured {
			return false
		}
		if first == 0 {
			first = received(p)
		}
		return first > 0 && received(p) > first
	}
}

func TestRunOfAnOpenLoopSendsAndMeasuresExactlyThePlan(t *testing.T) {
	t.Parallel()
	for _, processes := range []int{1, 2} {
		t.Run(strconv.Itoa(processes), func(t *testing.T) {
			t.Parallel()
			w := &witness{t: t}
			c := streamCase(streamParams{Rate: 10_000})
			c.Processes, c.Trials = processes, 2
			r := w.measure(c)
			if r.Exit != results.ExitPass || r.Stop || r.Case.Outcome != results.Pass || r.Case.Reason != "" || !r.Case.Verified {
				t.Fatalf("exit %d, stop %v, outcome %s (%s), verified %v", r.Exit, r.Stop, r.Case.Outcome, r.Case.Reason, r.Case.Verified)
			}
			if len(w.pids) != 2*processes {
				t.Errorf("%d worker processes, want %d fresh ones in each of 2 trials", len(w.pids), processes)
			}
			for _, tr := range r.Case.Trials {
				// 10,000/s for 20 ms and 100 ms; those due in the window are measured, no more and no fewer.
				if tr.RecordsSent != 1200 || tr.RecordsReceived != 1200 {
					t.Errorf("%d records sent, %d received, want 1200", tr.RecordsSent, tr.RecordsReceived)
				}
				if tr.Latency.Count != 1000 || tr.Histogram.TotalCount() != 1000 {
					t.Errorf("%d latencies, want those of 1000 records", tr.Latency.Count)
				}
				if tr.Latency.Min <= 0 || tr.Latency.P50 < tr.Latency.Min || tr.Latency.Max < tr.Latency.P99 {
					t.Errorf("latencies %+v", tr.Latency)
				}
				if tr.ScheduleLag.Count == 0 || tr.ScheduleLag.Count > 1000 {
					t.Errorf("%d schedule lags of 1000 records", tr.ScheduleLag.Count)
				}
				if tr.RecordsPerSec < 5_000 || tr.RecordsPerSec > 20_000 {
					t.Errorf("%f records/s of 10,000 planned", tr.RecordsPerSec)
				}
				if tr.CPUNsPerRecord <= 0 || tr.MeasuredNs != int64(c.Duration) || tr.Measured.IsZero() {
					t.Errorf("cpu %f ns a record, measured %d ns from %s", tr.CPUNsPerRecord, tr.MeasuredNs, tr.Measured)
				}
			}
			if a, b := r.Case.Trials[0], r.Case.Trials[1]; a.Seed == b.Seed || a.Number != 1 || b.Number != 2 {
				t.Errorf("trials %d and %d with the seeds %d and %d", a.Number, b.Number, a.Seed, b.Seed)
			}
			want := results.Config{
				Processes: processes, Loop: "open", RatePerSec: 10_000, Connections: 2, Segments: 4 * processes, SegmentSize: 65536,
				WarmupNs: int64(c.Warmup), DurationNs: int64(c.Duration), Params: c.Params,
			}
			want.Runtimes = r.Case.Runtimes // how this test was started
			for i, rt := range want.Runtimes {
				if len(want.Runtimes) != processes || rt.GOMAXPROCS < 1 || rt.GOGC == 0 || !slices.Equal(rt.Roles, c.roles()[i]) {
					t.Errorf("runtimes %+v", want.Runtimes)
				}
			}
			if !reflect.DeepEqual(r.Case.Config, want) {
				t.Errorf("config %+v, want %+v", r.Case.Config, want)
			}
			if r.Case.BytesOnWire != 2000 || len(r.Case.Waits) != 1 || r.Case.Waits[0] != (results.Wait{Role: "source", Reason: "socket", Count: 6, Ns: 8000}) {
				t.Errorf("%d bytes on wire, waits %+v", r.Case.BytesOnWire, r.Case.Waits)
			}
			if len(w.kept) != 0 {
				t.Errorf("a run that passed keeps %v", w.kept)
			}
		})
	}
}

func TestRunOfAClosedLoop(t *testing.T) {
	t.Parallel()
	for _, processes := range []int{1, 2} {
		t.Run(strconv.Itoa(processes), func(t *testing.T) {
			t.Parallel()
			w := &witness{t: t}
			c := streamCase(streamParams{})
			c.Processes = processes
			r := w.measure(c)
			if r.Exit != results.ExitPass || !r.Case.Verified || r.Case.RecordsSent == 0 || r.Case.RecordsSent != r.Case.RecordsReceived {
				t.Fatalf("exit %d: %s; %d records sent, %d received", r.Exit, r.Case.Reason, r.Case.RecordsSent, r.Case.RecordsReceived)
			}
			if r.Case.ScheduleLag.Count != 0 {
				t.Error("a closed loop has no schedule, but a schedule lag")
			}
			phases := []Phase{}
			for _, p := range w.seen {
				if !slices.Contains(phases, p.Phase) {
					phases = append(phases, p.Phase)
				}
			}
			if phases[0] != Starting || phases[len(phases)-1] != Draining {
				t.Errorf("phases %v, want from %s to %s", phases, Starting, Draining)
			}
		})
	}
}

// What is wrong with the records makes the trial invalid, and is named.
func TestRunFindsEveryFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault  string
		exit   results.ExitCode
		stop   bool
		reason string
	}{
		{"lose", results.ExitInvalid, false, "source stream[0] channel 1: 333 records sent, 332 received"},
		{"twice", results.ExitInvalid, false, "source stream[0] channel 1: 333 records sent, 334 received"},
		{"corrupt", results.ExitInvalid, false, "source stream[0] channel 1: 333 records sent, 333 received, but not the same ones in the same order"},
		{"swap", results.ExitInvalid, false, "source stream[0] channel 1: 333 records sent, 333 received, but not the same ones in the same order"},
		{"unsaid", results.ExitInvalid, false, "source stream[0] says that it sent 1000 records, its ledger has 1001"},
		{"negative latency", results.ExitInvalid, false, "1 latencies are impossible, the first of -"},
		{"not all home", results.ExitInvalid, false, "worker 1: close: 1 of 4 segments is not home"},
		{"fail", results.ExitFailed, true, "): source stream[0]: the source gives up"},
		{"open fails", results.ExitFailed, true, "): open: no such device"},
		{"one number for all sources", results.ExitFailed, true, "source stream[1] has number 0 and 3 channels; number taken by \"stream[0]\""},
		{"exits wrongly", results.ExitInvalid, true, "ended when it was closed: exit status 3"},
		{"panic", results.ExitInvalid, true, "ended in mid-run: exit status 2: panic: the source has had enough"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			w := &witness{t: t}
			// The fault is in the measured window, so that its latency counts.
			o := streamCase(streamParams{Sources: 2, Channels: 3, Rate: 20_000, Limit: 1000, Fault: c.fault, FaultAt: 700})
			o.Trials = 3
			r := w.run(o, w.options())
			if r.Exit != c.exit || r.Stop != c.stop || r.Case.Verified && c.fault != "negative latency" && c.fault != "not all home" {
				t.Errorf("exit %d, stop %v, verified %v; want exit %d, stop %v", r.Exit, r.Stop, r.Case.Verified, c.exit, c.stop)
			}
			if !strings.Contains(r.Case.Reason, c.reason) {
				t.Errorf("reason %q, want %q", r.Case.Reason, c.reason)
			}
			if len(r.Case.Trials) != 1 {
				t.Errorf("%d trials, want an end after the first", len(r.Case.Trials))
			}
		})
	}
	t.Run("no such driver", func(t *testing.T) {
		t.Parallel()
		w := &witness{t: t}
		c := streamCase(streamParams{})
		c.Driver = "river"
		if r := w.run(c, w.options()); r.Exit != results.ExitFailed || !strings.Contains(r.Case.Reason, `no driver is called "river"; there are stream`) {
			t.Errorf("exit %d: %s", r.Exit, r.Case.Reason)
		}
	})
	t.Run("nothing arrives in the window", func(t *testing.T) {
		t.Parallel()
		w := &witness{t: t}
		if r := w.run(streamCase(streamParams{Sources: 1, Channels: 1, Rate: 1000, Limit: 5}), w.options()); r.Exit != results.ExitInvalid || !strings.Contains(r.Case.Reason, "nothing measured") {
			t.Errorf("exit %d: %s", r.Exit, r.Case.Reason)
		}
	})
}

func TestRunRefusesACaseThatCannotBeMade(t *testing.T) {
	for what, change := range map[string]func(*Case){
		"processes": func(c *Case) { c.Processes = 3 },
		"trials":    func(c *Case) { c.Trials = 0 },
		"loop":      func(c *Case) { c.Loop = "spiral" },
		"duration":  func(c *Case) { c.Duration = 0 },
	} {
		c := streamCase(streamParams{})
		change(&c)
		if r := Run(t.Context(), c, Options{}); r.Exit != results.ExitFailed || !r.Stop || !strings.Contains(r.Case.Reason, what) {
			t.Errorf("%s: exit %d, reason %q", what, r.Exit, r.Case.Reason)
		}
	}
	c := streamCase(streamParams{})
	if r := Run(t.Context(), c, Options{Worker: []string{"/nonexistent/xbench", "worker"}}); r.Exit != results.ExitFailed || !strings.Contains(r.Case.Reason, "no such file") {
		t.Errorf("exit %d, reason %q", r.Exit, r.Case.Reason)
	}
	if r := Run(t.Context(), c, Options{Worker: []string{"/bin/true"}}); r.Exit != results.ExitInvalid || !strings.Contains(r.Case.Reason, "ended while it was started: exit status 0") {
		t.Errorf("exit %d, reason %q", r.Exit, r.Case.Reason)
	}
}

// A source that the system keeps from its schedule sends everything all the same, and the doubt is told.
func TestRunDoubtsARateThatWasNotSustained(t *testing.T) {
	t.Parallel()
	w := &witness{t: t}
	c := streamCase(streamParams{Sources: 1, Channels: 1, Rate: 1000, Fault: "slow", FaultAt: 450})
	c.Duration = 480 * time.Millisecond
	r := w.measure(c)
	if r.Exit != results.ExitPass || r.Case.RecordsSent != 500 {
		t.Errorf("exit %d (%s), %d records sent, want 500", r.Exit, r.Case.Reason, r.Case.RecordsSent)
	}
	if !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "the planned rate was not sustained") }) {
		t.Errorf("warnings %q", r.Warnings)
	}
}

// What a driver starts ends with its worker.
func TestRunLeavesNoProcessOfADriverBehind(t *testing.T) {
	t.Parallel()
	w := &witness{t: t}
	file := filepath.Join(t.TempDir(), "pid")
	r := w.measure(streamCase(streamParams{Sources: 1, Channels: 1, ChildFile: file}))
	if r.Exit != results.ExitPass {
		t.Errorf("exit %d: %s", r.Exit, r.Case.Reason)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	watch(t, child).gone()
}
