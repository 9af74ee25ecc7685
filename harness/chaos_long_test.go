//go:build long

// chaos_long_test.go: workers that die or stop at any moment of a trial.

package harness

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xbench/results"
)

// A worker is killed at a random moment, from its start to after its end. The run then has
// either passed, or names the worker; and nobody is ever left.
func TestAWorkerKilledAtAnyMoment(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("rerun with SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	outcomes := map[string]int{}
	for range 200 {
		w := &witness{t: t}
		o := w.options()
		tell := o.Progress
		victim, delay := rng.IntN(2), time.Duration(rng.Int64N(int64(300*time.Millisecond)))
		var shot *time.Timer
		fd := -1 // not the number: it may be another's by then
		fired := make(chan struct{})
		o.Progress = func(p Progress) {
			tell(p)
			if shot == nil {
				var err error
				if fd, err = unix.PidfdOpen(p.Workers[victim].PID, 0); err != nil {
					t.Fatal(err)
				}
				shot = time.AfterFunc(delay, func() {
					_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
					close(fired)
				})
			}
		}
		began := time.Now()
		r := w.run(streamCase(streamParams{Rate: 5000}), o)
		took := time.Since(began)
		if !shot.Stop() {
			<-fired
		}
		unix.Close(fd)
		words := "pass"
		if r.Exit != results.ExitPass {
			_, words, _ = strings.Cut(r.Case.Reason, ") ended ")
			if r.Exit != results.ExitInvalid || words != "while it was started: signal: killed" && words != "in mid-run: signal: killed" && words != "when it was closed: signal: killed" {
				t.Errorf("killed after %s: exit %d: %s", delay, r.Exit, r.Case.Reason)
			}
		}
		outcomes[words]++
		if took > 5*time.Second {
			t.Errorf("killed after %s, the run took %s", delay, took)
		}
	}
	t.Log(outcomes)
}

// A worker that the system stopped neither answers nor ends on SIGQUIT; the watchdog ends the run
// all the same.
func TestTheWatchdogEndsAStoppedWorker(t *testing.T) {
	w := &witness{t: t}
	o := w.options()
	o.Timeout = 2 * time.Second
	tell, now, stopped := o.Progress, measuring(), false
	o.Progress = func(p Progress) {
		tell(p)
		if !stopped && now(p) {
			stopped = true
			if err := unix.Kill(p.Workers[0].PID, unix.SIGSTOP); err != nil {
				t.Error(err)
			}
		}
	}
	r := w.run(endless(), o)
	if r.Exit != results.ExitInvalid || !strings.Contains(r.Case.Reason, "timed out") {
		t.Errorf("exit %d: %s", r.Exit, r.Case.Reason)
	}
	if dump := w.kept["dumps/stream.1.0.txt"]; !strings.Contains(dump, "It neither answered nor ended on SIGQUIT.") {
		t.Errorf("the dump of the stopped worker:\n%s", dump)
	}
}
