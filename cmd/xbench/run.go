// run.go: the verb run: its flags, and the plan that they make of a suite.

package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"xbench/harness"
	"xbench/results"
	"xbench/workloads"
)

// runOptions are run's flags.
type runOptions struct {
	suite   string
	cases   string
	timeout time.Duration // 0: from a trial's plan

	out      string
	format   string
	progress string
	quiet    bool

	parameters *parameters
}

func runVerb() verb {
	return verb{
		name:    "run",
		summary: "measure the cases of a suite",
		about: `
Measures the cases of a suite, one after the other, each several times in fresh worker
processes. Every record is checked to have arrived once, in order and unchanged. Latency
counts from the instant at which a record was due.

The result goes to stdout. Everything that was measured is also kept in a directory of its
own, below DIR/SUITE/ (--out): run.json, bench.txt for benchstat, latency.hlog for
HdrHistogram's tools, and bufferwait.pb.gz for go tool pprof. A percentile with fewer than ten
samples above it reads n/a, and its key is listed in run.json's latency_ns.unsupported.

Progress and warnings go to stderr. Ctrl-C ends the run and keeps what was measured so far;
a second one does not wait for it.`,
		examples: `xbench run                                    # the quick suite, as a table
xbench run --case '^flights$' --trials 5 --duration 10s
xbench run --suite ./my-suite.yaml --out /tmp/runs --format json | jq .cases[].latency_ns
xbench run --case keyed --rate 100k --segment-size 16KiB
xbench run --trials 10 --format bench > new.txt && benchstat new.txt
xbench run --progress plain 2> run.log        # a line each 10 s, for CI`,
		bind: func(flags *pflag.FlagSet) action { return bindRun(flags).run },
	}
}

// bindRun declares the flags.
func bindRun(flags *pflag.FlagSet) *runOptions {
	o := &runOptions{}
	flags.StringVar(&o.suite, "suite", workloads.DefaultSuite, "what to measure: a built-in suite's `NAME`, or a YAML file")
	flags.StringVar(&o.cases, "case", "", "only the cases whose name matches `REGEX`")
	flags.StringVar(&o.out, "out", results.DefaultRoot, "keep the run in a new directory below `DIR`")
	flags.StringVar(&o.format, "format", "table", "`FORMAT` of the result: "+strings.Join(results.Formats(), ", "))
	flags.DurationVar(&o.timeout, "timeout", 0, "give up on a trial after this `TIME` (default: generous, from its plan)")
	flags.StringVar(&o.progress, "progress", "auto", "`MODE`: a live line (tty), a line each 10 s (plain), or none; auto is tty on a terminal, else none")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "no progress and no warnings")
	o.parameters = bindParameters(flags)
	return o
}

func (o *runOptions) run(sh *shell, operands []string) (results.ExitCode, error) {
	if err := o.check(operands); err != nil {
		return usagef("%w", err)
	}
	suite, err := workloads.LoadSuite(o.suite)
	if err != nil {
		return results.ExitUsage, fmt.Errorf("--suite: %w", err)
	}
	cases, err := o.plan(suite.Cases)
	if err != nil {
		return usagef("%w", err)
	}
	signals := catchInterrupt()
	defer signals.release()
	m, err := begin(sh, o, suite.Name, cases, signals)
	if err != nil {
		return results.ExitFailed, err
	}
	return m.end(m.measure(cases))
}

// check finds what is wrong with the flags by themselves, before anything is opened.
func (o *runOptions) check(operands []string) error {
	oneOf := func(flag, v string, of []string) error {
		if !slices.Contains(of, v) {
			return fmt.Errorf("--%s: %q is none of %s", flag, v, strings.Join(of, ", "))
		}
		return nil
	}
	switch {
	case len(operands) > 0:
		return fmt.Errorf("unexpected argument %q; a suite is named with --suite", operands[0])
	case o.timeout < 0:
		return fmt.Errorf("--timeout: %v is not a time to wait for", o.timeout)
	case o.out == "":
		return errors.New("--out: needs the name of a directory")
	}
	return errors.Join(oneOf("format", o.format, results.Formats()), oneOf("progress", o.progress, progressModes))
}

// plan selects from a suite's cases, and applies the flags to them.
func (o *runOptions) plan(cases []workloads.Case) ([]harness.Case, error) {
	wanted, err := regexp.Compile(o.cases)
	if err != nil {
		return nil, fmt.Errorf("--case: %w", err)
	}
	var names []string
	var planned []harness.Case
	for _, c := range cases {
		names = append(names, c.Name)
		if !wanted.MatchString(c.Name) {
			continue
		}
		if err := o.parameters.applyTo(&c); err != nil {
			return nil, o.parameters.blame(&c, err)
		}
		p, err := c.Plan()
		if err != nil {
			return nil, o.parameters.blame(&c, err)
		}
		planned = append(planned, p)
	}
	if len(planned) == 0 {
		return nil, fmt.Errorf("--case: %q matches none of %s", o.cases, strings.Join(names, ", "))
	}
	return planned, nil
}

// progressMode is --progress, unless --quiet overrules it.
func (o *runOptions) progressMode() string {
	if o.quiet {
		return "none"
	}
	return o.progress
}
