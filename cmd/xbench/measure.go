// measure.go: a run under way: case after case, each kept as soon as it is there.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"xbench/harness"
	"xbench/harness/wait"
	"xbench/results"
)

// measurement is one run from its first case to its exit code.
type measurement struct {
	sh       *shell
	options  *runOptions
	dir      *results.Dir
	run      *results.Run
	planned  int // cases
	progress *progress
	signals  *interrupt
}

// begin makes the run directory, which from now on says that this run has not ended.
func begin(sh *shell, o *runOptions, suite string, cases []harness.Case, signals *interrupt) (*measurement, error) {
	m := &measurement{sh: sh, options: o, planned: len(cases), progress: newProgress(sh, o.progressMode()), signals: signals}
	m.run = &results.Run{
		Suite: suite, Started: time.Now(), Command: os.Args, Seed: cases[0].Seed,
		Binary: results.ReadBinary(revision), Host: results.ReadHost(),
	}
	m.run.Ended = m.run.Started
	var err error
	if m.dir, err = results.Create(o.out, suite, m.run.Binary.Revision, m.run.Started); err != nil {
		return nil, err
	}
	return m, m.dir.Begin(m.run)
}

// measure makes the cases, until one of them says that the run must stop. An error is one
// of storing what was measured.
func (m *measurement) measure(cases []harness.Case) error {
	for i, c := range cases {
		if len(cases) > 1 {
			m.progress.place = fmt.Sprintf("[%d/%d] ", i+1, len(cases))
		}
		report := harness.Run(context.Background(), c, harness.Options{
			Timeout:   m.options.timeout,
			Progress:  m.progress.show,
			Interrupt: m.signals.harness,
			Keep:      m.dir.Put,
		})
		if used := report.Case.CongestionControl; used == "bbr" || used == "" && m.run.Host.CongestionControl == "bbr" {
			m.warn("TCP's congestion control is bbr, which paces even on loopback")
		}
		for _, doubt := range report.Warnings {
			m.warn(doubt)
		}
		report.Case.Params = c.Params
		m.run.Ended = time.Now()
		m.run.Cases = append(m.run.Cases, report.Case)
		if err := m.dir.AddCase(m.run); err != nil {
			return err
		}
		if report.Stop || m.signals.exit() != results.ExitPass {
			break
		}
	}
	return nil
}

// warn adds a doubt to the run, and tells it at once.
func (m *measurement) warn(doubt string) {
	m.run.Warn(doubt)
	if !m.options.quiet {
		m.progress.clear()
		fmt.Fprintf(m.sh.stderr, "xbench run: warning: %s\n", doubt)
	}
}

// end stores and prints the result. failure is what kept the run from being stored so far.
func (m *measurement) end(failure error) (results.ExitCode, error) {
	m.progress.clear()
	failure = errors.Join(failure, m.putWaits())
	conclude(m.run, m.planned, m.signals.exit(), failure)
	err := m.dir.Finish(m.run)
	if err != nil {
		conclude(m.run, m.planned, m.signals.exit(), errors.Join(failure, err))
	}
	if err := results.Write(m.sh.stdout, m.run, m.options.format); err != nil {
		return results.WorstExit(m.run.ExitCode, results.ExitFailed), fmt.Errorf("stdout: %w", err)
	}
	if passed := m.run.Outcome == results.Pass; m.progress.every > 0 || !passed && !m.options.quiet {
		fmt.Fprintf(m.sh.stderr, "kept in %s\n", m.dir.Path())
	}
	if m.run.Outcome == results.Pass {
		return results.ExitPass, nil
	}
	return m.run.ExitCode, fmt.Errorf("%s: %s", m.run.Outcome, m.run.Reason)
}

// conclude tells how the run ended: as the worst of its cases, or as what kept it from
// having them all. signal is the exit code of the first signal, ExitPass without one.
func conclude(r *results.Run, planned int, signal results.ExitCode, failure error) {
	r.Outcome, r.Reason = results.Pass, ""
	for i := range r.Cases {
		c := &r.Cases[i]
		if worse := r.Outcome.Worse(c.Outcome); worse != r.Outcome {
			r.Outcome, r.Reason = worse, c.Name+": "+c.Reason
		}
	}
	if worse := r.Outcome.Worse(results.Failed); failure != nil && worse != r.Outcome {
		r.Outcome, r.Reason = worse, failure.Error()
	}
	if r.Outcome == results.Pass && len(r.Cases) < planned {
		r.Outcome, r.Reason = results.Failed, fmt.Sprintf("only %d of %d cases were measured", len(r.Cases), planned)
	}
	// A signal after the last case has changed nothing.
	if signal != results.ExitPass && len(r.Cases) < planned && r.Outcome != results.Interrupted {
		r.Outcome, r.Reason = results.Interrupted, fmt.Sprintf("a signal after %d of %d cases", len(r.Cases), planned)
	}
	r.ExitCode = r.Outcome.Exit()
	if r.Outcome == results.Interrupted && signal != results.ExitPass {
		r.ExitCode = signal
	}
}

// putWaits stores where the run stood still, as a pprof profile.
func (m *measurement) putWaits() error {
	var samples []wait.Sample
	for _, c := range m.run.Cases {
		for _, w := range c.Waits {
			samples = append(samples, wait.Sample{Case: c.Name, Wait: wait.Wait(w)})
		}
	}
	var content bytes.Buffer
	p := wait.Profile(samples, m.run.Started, m.run.Ended.Sub(m.run.Started))
	if err := p.Write(&content); err != nil {
		return fmt.Errorf("%s: %w", results.WaitFile, err)
	}
	return m.dir.Put(results.WaitFile, content.Bytes())
}
