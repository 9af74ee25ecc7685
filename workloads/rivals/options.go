// options.go: the command line.

package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"xbench/workloads/rivals/field"
)

// options are what was asked for.
type options struct {
	rounds   int
	warmup   time.Duration
	duration time.Duration
	seed     uint64
	format   string
	out      string
	cases    []workload
	systems  []field.System
}

var formats = []string{"table", "markdown", "json"}

// The shortest window in which a sample means something.
const durationMin = 100 * time.Millisecond

const about = `Measures xbench's exchange side by side with what a Go user would pick instead: the same records, sources, sinks
and checks, each system in fresh processes (sources in one, sinks in the other), all of them once per round in an order that
changes from round to round. Every trial is verified; one that lost, reordered or changed a record is invalid and counts for nothing.

Usage:
  go run . [flags]            (go run turns every exit code but 0 into 1: build first where it matters)

Examples:
  go run .                                          everything, about 15 minutes
  go run . --case 4x100 --rounds 3                  two cases, three rounds
  go run . --case latency --rival 'raw|grpc'        two rivals beside the exchange
  go run . --format json --out rivals.json          for a program, into a file

Flags:
`

const method = `
What the columns mean: each number is the median over the rounds, with the smallest and the largest behind it. The delay of a throughput case is what a
record takes from its writing to its checking, of one record in 1,024: it shows who keeps the buffer timeout. "x exchange" is the
system's number divided by the exchange's of the same round. CPU is user and system time of all processes per record. "% of limit" compares
with what the same round measured of the machine:
  throughput  the smaller of A = bytes/s of one TCP connection with 256 KiB writes / bytes per record, and B = cores / (encode loop + decode
              loop + bytes per record x CPU per byte of that connection). go-channel has no connection and no such limit.
  latency     half of the p50 of a TCP ping-pong between two processes, divided by the system's p50.

Exit codes: 0 every trial was verified, 1 xbench failed, 2 usage, 5 a trial was invalid, 130 or 143 interrupted (what was measured is printed).
`

// parse reads the command line. pflag.ErrHelp: help was asked for, and written to out.
func parse(args []string, out io.Writer) (o options, err error) {
	flags := pflag.NewFlagSet("rivals", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.SortFlags = false
	var cases, rivals string
	flags.IntVar(&o.rounds, "rounds", 5, "how often each system is measured per case")
	flags.DurationVar(&o.duration, "duration", 1500*time.Millisecond, "measured window of a trial")
	flags.DurationVar(&o.warmup, "warmup", 400*time.Millisecond, "what comes before it, unmeasured")
	flags.StringVar(&cases, "case", "", "run cases whose name matches this regular expression; default: all\n"+strings.Join(caseNames(), ", "))
	flags.StringVar(&rivals, "rival", "", "measure rivals whose name matches it, and the exchange; default: all\n"+strings.Join(systemNames(), ", "))
	flags.Uint64Var(&o.seed, "seed", 1, "of the order in which systems take turns")
	flags.StringVar(&o.format, "format", "table", "of the output: "+strings.Join(formats, ", "))
	flags.StringVar(&o.out, "out", "", "file to write to instead of standard output")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			fmt.Fprint(out, about, flags.FlagUsagesWrapped(120), method)
		}
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: everything is said by flags", flags.Arg(0))
	}
	if err := o.check(); err != nil {
		return o, err
	}
	return o, o.choose(cases, rivals)
}

func (o *options) check() error {
	switch {
	case o.rounds < 1:
		return fmt.Errorf("--rounds %d: at least one is needed", o.rounds)
	case o.duration < durationMin:
		return fmt.Errorf("--duration %s: a window of %s is the shortest", o.duration, durationMin)
	case o.warmup < 0:
		return fmt.Errorf("--warmup %s: time does not run backwards", o.warmup)
	case !slices.Contains(formats, o.format):
		return fmt.Errorf("--format %s: there are %s", o.format, strings.Join(formats, ", "))
	}
	return nil
}

// choose takes the cases and systems that were asked for. The exchange always takes part: the others are compared with it.
func (o *options) choose(cases, rivals string) error {
	wanted, err := regexp.Compile(cases)
	if err != nil {
		return fmt.Errorf("--case: %w", err)
	}
	against, err := regexp.Compile(rivals)
	if err != nil {
		return fmt.Errorf("--rival: %w", err)
	}
	for _, w := range workloads() {
		if wanted.MatchString(w.name) {
			o.cases = append(o.cases, w)
		}
	}
	matched := false
	for _, s := range field.Systems() {
		match := against.MatchString(s.Name)
		matched = matched || match
		if match || s.Name == field.Ours {
			o.systems = append(o.systems, s)
		}
	}
	switch {
	case len(o.cases) == 0:
		return fmt.Errorf("--case %s matches none of %s", cases, strings.Join(caseNames(), ", "))
	case !matched:
		return fmt.Errorf("--rival %s matches none of %s", rivals, strings.Join(systemNames(), ", "))
	}
	return nil
}

func caseNames() (names []string) {
	for _, w := range workloads() {
		names = append(names, w.name)
	}
	return names
}

func systemNames() (names []string) {
	for _, s := range field.Systems() {
		names = append(names, s.Name)
	}
	return names
}
