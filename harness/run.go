// run.go: a case's trials, one after the other.

package harness

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"xbench/harness/pace"
	"xbench/results"
)

// ending is an error that ends a trial, and the run with it: what it means for the numbers, and why.
type ending struct {
	outcome results.Outcome
	reason  string
}

func (e *ending) Error() string { return e.reason }

// Run makes all trials of c, each in fresh workers, one after the other. A trial whose
// records do not add up ends the case; a lost worker, a failure or a signal ends the run as well.
// Nothing that Run started is left when it returns.
func Run(ctx context.Context, c Case, o Options) Report {
	r := &runner{c: c, o: &o, clock: pace.Monotonic(), done: results.Case{Name: c.Name, Driver: c.Driver}}
	r.done.Config = results.Config{
		Processes: c.Processes, Loop: string(c.Loop), RatePerSec: c.Rate, Trace: c.Trace,
		WarmupNs: int64(c.Warmup), DurationNs: int64(c.Duration), Params: c.Params,
	}
	err := c.check()
	for n := 1; err == nil && n <= c.Trials && r.good(); n++ {
		err = r.trial(ctx, n)
	}
	return r.report(err)
}

// runner makes the trials of one case.
type runner struct {
	c        Case
	o        *Options
	clock    func() int64
	done     results.Case
	warnings []string
	signal   os.Signal // the one that interrupted; nil: none did
}

// good reports whether all trials so far passed.
func (r *runner) good() bool {
	for i := range r.done.Trials {
		if r.done.Trials[i].Outcome != results.Pass {
			return false
		}
	}
	return true
}

// trial makes trial number n, and keeps what it measured, however it ended. Its error ends the run.
func (r *runner) trial(ctx context.Context, n int) error {
	select {
	case r.signal = <-r.o.Interrupt:
		return &ending{results.Interrupted, fmt.Sprintf("interrupted (%s) before trial %d", r.signal, n)}
	default:
	}
	t := &trial{c: &r.c, number: n, seed: mix(r.c.Seed, uint64(n)), o: r.o, clock: r.clock}
	err := t.run(ctx)
	measured, doubts := t.measured(err)
	r.signal = t.interrupted
	r.done.Trials = append(r.done.Trials, measured)
	for _, d := range doubts {
		r.warnings = append(r.warnings, fmt.Sprintf("%s, trial %d: %s", r.c.Name, n, d))
	}
	r.configure(t.stats)
	if err == nil && t.interrupted != nil {
		err = &ending{measured.Outcome, measured.Reason}
	}
	return err
}

// configure takes over the settings that only the driver knows, from the workers of one trial.
func (r *runner) configure(workers []*closed) {
	var connections, segments int
	c := &r.done.Config
	for _, w := range workers {
		if w == nil {
			continue
		}
		connections += w.Stats.Connections
		segments += w.Stats.Segments
		c.SegmentSize = max(c.SegmentSize, w.Stats.SegmentSize)
		c.Exclusive = max(c.Exclusive, w.Stats.Exclusive)
		c.Floating = max(c.Floating, w.Stats.Floating)
		c.CongestionControl = join(c.CongestionControl, w.Stats.Congestion)
		c.TLS = join(c.TLS, w.Stats.TLS)
		c.Checks = join(c.Checks, w.Stats.Checks)
		c.BufferTimeoutNs = int64(w.Stats.BufferTimeout)
		if len(c.Runtimes) < len(workers) {
			c.Runtimes = append(c.Runtimes, w.Go)
		}
	}
	c.Connections, c.Segments = max(c.Connections, connections), max(c.Segments, segments)
}

// join adds what a worker says to what others said, unless it is the same or nothing.
func join(said, more string) string {
	switch {
	case more == "" || slices.Contains(strings.Split(said, ", "), more):
		return said
	case said == "":
		return more
	}
	return said + ", " + more
}

// report sums the trials up. err is what ended them, nil when all were made.
func (r *runner) report(err error) Report {
	r.done.Summarize()
	if err != nil {
		outcome := results.Failed
		if e, ok := err.(*ending); ok {
			outcome = e.outcome
		}
		if worse := r.done.Outcome.Worse(outcome); worse != r.done.Outcome || len(r.done.Trials) == 0 {
			r.done.Outcome, r.done.Reason = worse, err.Error()
		}
	}
	exit := r.done.Outcome.Exit()
	if r.done.Outcome == results.Interrupted && r.signal == syscall.SIGTERM {
		exit = results.ExitTerminated
	}
	return Report{Case: r.done, Warnings: r.warnings, Exit: exit, Stop: err != nil}
}
