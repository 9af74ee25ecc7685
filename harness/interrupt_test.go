// interrupt_test.go: signals, of which the first drains and the second kills, and the watchdog.

package harness

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"xbench/results"
)

// signalWhen is o with a signal for each time that when says yes.
func signalWhen(o Options, s os.Signal, when func(Progress) bool) Options {
	signals := make(chan os.Signal, 8)
	tell := o.Progress
	o.Interrupt = signals
	o.Progress = func(p Progress) {
		tell(p)
		if when(p) {
			signals <- s
		}
	}
	return o
}

// once is when, but the first time only.
func once(when func(Progress) bool) func(Progress) bool {
	done := false
	return func(p Progress) bool {
		if done || !when(p) {
			return false
		}
		done = true
		return true
	}
}

func TestTheFirstSignalDrainsAndKeepsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		signal    syscall.Signal
		processes int
		rate      uint64
		exit      results.ExitCode
	}{
		{syscall.SIGINT, 2, 2000, results.ExitInterrupted},
		{syscall.SIGTERM, 1, 2000, results.ExitTerminated},
		{syscall.SIGINT, 1, 0, results.ExitInterrupted},
	} {
		t.Run(c.signal.String(), func(t *testing.T) {
			t.Parallel()
			w := &witness{t: t}
			o := streamCase(streamParams{Sources: 2, Channels: 3, Rate: c.rate})
			o.Processes, o.Trials, o.Duration = c.processes, 3, time.Hour
			r := w.run(o, signalWhen(w.options(), c.signal, once(measuring())))
			if r.Exit != c.exit || !r.Stop || r.Case.Outcome != results.Interrupted || !strings.Contains(r.Case.Reason, "interrupted ("+c.signal.String()+")") {
				t.Errorf("exit %d, stop %v, outcome %s: %s", r.Exit, r.Stop, r.Case.Outcome, r.Case.Reason)
			}
			if len(r.Case.Trials) != 1 {
				t.Fatalf("%d trials, want the one that was interrupted", len(r.Case.Trials))
			}
			tr := r.Case.Trials[0]
			if !tr.Verified || tr.RecordsSent == 0 || tr.RecordsSent != tr.RecordsReceived {
				t.Errorf("verified %v, %d sent, %d received: want everything drained", tr.Verified, tr.RecordsSent, tr.RecordsReceived)
			}
			if tr.RecordsPerSec <= 0 || tr.Latency.Count == 0 || tr.CPUNsPerRecord <= 0 {
				t.Errorf("%f records/s, %d latencies, %f ns: want what was measured", tr.RecordsPerSec, tr.Latency.Count, tr.CPUNsPerRecord)
			}
			if tr.MeasuredNs <= 0 || tr.MeasuredNs > int64(time.Minute) {
				t.Errorf("measured for %d ns", tr.MeasuredNs)
			}
		})
	}
}

func TestTheSecondSignalKills(t *testing.T) {
	t.Parallel()
	w := &witness{t: t}
	// This source does not hear the first.
	c := streamCase(streamParams{Sources: 1, Channels: 1, Rate: 1000, Fault: "stuck", FaultAt: 100})
	c.Duration = time.Hour
	r := w.run(c, signalWhen(w.options(), syscall.SIGINT, func(p Progress) bool {
		return p.Phase == Draining || p.Phase == Measured && received(p) > 0
	}))
	if r.Exit != results.ExitInterrupted || !r.Stop || !strings.Contains(r.Case.Reason, "killed by a second signal") {
		t.Errorf("exit %d, stop %v: %s", r.Exit, r.Stop, r.Case.Reason)
	}
}

func TestASignalBeforeTheStart(t *testing.T) {
	t.Parallel()
	t.Run("of a worker's driver", func(t *testing.T) {
		w := &witness{t: t}
		c := streamCase(streamParams{Sources: 1, Channels: 1, Fault: "open is stuck"})
		r := w.run(c, signalWhen(w.options(), syscall.SIGTERM, once(func(p Progress) bool { return true })))
		if r.Exit != results.ExitTerminated || !r.Stop || !strings.Contains(r.Case.Reason, "before anything was sent") {
			t.Errorf("exit %d, stop %v: %s", r.Exit, r.Stop, r.Case.Reason)
		}
	})
	t.Run("of a trial", func(t *testing.T) {
		signals := make(chan os.Signal, 1)
		signals <- syscall.SIGINT
		r := Run(t.Context(), streamCase(streamParams{}), Options{Interrupt: signals})
		if r.Exit != results.ExitInterrupted || !r.Stop || len(r.Case.Trials) != 0 {
			t.Errorf("exit %d, stop %v, %d trials: %s", r.Exit, r.Stop, len(r.Case.Trials), r.Case.Reason)
		}
	})
}

func TestTheWatchdogDumpsEveryWorkersGoroutines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault  string
		reason string
		source string // what the dump of the source's worker has to show
	}{
		{"stuck", "timed out in phase measured, waiting for worker 0 (source, pid", "harness.stuckInSource"},
		{"open is stuck", "timed out in phase starting, waiting for worker 0 (source, pid", "harness.stuckInOpen"},
		// The thread holds its processor and cannot be stopped: the message goes without an answer.
		{"frozen", "timed out in phase measured, waiting for worker 0 (source, pid", "What it printed, at last on SIGQUIT:\n\nSIGQUIT: quit"},
	} {
		w := &witness{t: t}
		o := w.options()
		o.Timeout = 2 * time.Second
		k := streamCase(streamParams{Sources: 1, Channels: 1, Rate: 1000, Fault: c.fault, FaultAt: 30})
		k.Duration = time.Hour
		// All three mostly wait: side by side, whatever -parallel says.
		var r Report
		done := make(chan struct{})
		go func() {
			defer close(done)
			r = w.run(k, o)
		}()
		defer t.Run(c.fault, func(t *testing.T) {
			<-done
			if r.Exit != results.ExitInvalid || !r.Stop || !strings.Contains(r.Case.Reason, c.reason) {
				t.Errorf("exit %d, stop %v: %q, want %q", r.Exit, r.Stop, r.Case.Reason, c.reason)
			}
			if dump := w.kept["dumps/stream.1.0.txt"]; !strings.Contains(dump, c.source) {
				t.Errorf("the source's dump does not show %q:\n%s", c.source, dump)
			}
			if dump := w.kept["dumps/stream.1.1.txt"]; !strings.Contains(dump, "goroutine 1 [") {
				t.Errorf("no dump of the sink's worker:\n%s", dump)
			}
		})
	}
}
