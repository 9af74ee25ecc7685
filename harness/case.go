// case.go: what is asked of a coordinator, and what it tells.

package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"xbench/results"
)

// Case is one workload with its parameters.
type Case struct {
	Name      string
	Driver    string          // looked up in the table that WorkerMain was given
	Params    json.RawMessage // the driver's own; the harness does not look inside
	Processes int             // 1: one worker holds all roles; 2: sources and sinks apart
	Trials    int
	Seed      uint64
	Loop      Loop
	Rate      float64 // planned records per second of an open loop; told in the results, not used
	Trace     string  // told in the results, not used
	Warmup    time.Duration
	Duration  time.Duration
}

// check says what is wrong with c.
func (c *Case) check() error {
	switch {
	case c.Processes != 1 && c.Processes != 2:
		return fmt.Errorf("case %s: %d processes; there can be 1 (sources and sinks in one) or 2", c.Name, c.Processes)
	case c.Trials < 1:
		return fmt.Errorf("case %s: %d trials; at least one is needed", c.Name, c.Trials)
	case c.Loop != Open && c.Loop != Closed:
		return fmt.Errorf("case %s: loop %q; there are %q and %q", c.Name, c.Loop, Open, Closed)
	case c.Warmup < 0 || c.Duration <= 0:
		return fmt.Errorf("case %s: a warm-up of %s and a duration of %s; the window needs a length", c.Name, c.Warmup, c.Duration)
	}
	return nil
}

// roles are what each of the workers holds.
func (c *Case) roles() [][]string {
	if c.Processes == 1 {
		return [][]string{{RoleSource, RoleSink}}
	}
	return [][]string{{RoleSource}, {RoleSink}}
}

// Options are what a coordinator needs beside a case.
type Options struct {
	Worker    []string                                // command line of a worker; nil: this binary with the argument "worker"
	Timeout   time.Duration                           // of one trial; 0: TimeoutOf
	Progress  func(Progress)                          // told some times a second, on Run's goroutine; may be nil
	Interrupt <-chan os.Signal                        // the first drains, the second kills; may be nil
	Keep      func(name string, content []byte) error // stores a dump beside the results (results.Dir.Put); may be nil
}

// TimeoutOf is how long one trial of c may take from its workers' start to their end when nobody says
// otherwise: an open loop that is behind sends for up to twice its time, and then drains.
func TimeoutOf(c Case) time.Duration { return 30*time.Second + 3*(c.Warmup+c.Duration) }

func (o *Options) worker() []string {
	if o.Worker != nil {
		return o.Worker
	}
	return []string{"/proc/self/exe", "worker"}
}

// Report is how a case went.
type Report struct {
	Case     results.Case     // summarised
	Warnings []string         // doubts about its numbers
	Exit     results.ExitCode // what it means for the process
	Stop     bool             // no further case should be started: a worker was lost, xbench failed, or a signal came
}

// Progress is how far a trial is.
type Progress struct {
	Case    string
	Trial   int // from 1
	Trials  int
	Phase   Phase
	Elapsed time.Duration // since begin; below 0 before
	Planned time.Duration // warm-up and duration
	Workers []WorkerProgress
}

// WorkerProgress is how far one worker is.
type WorkerProgress struct {
	PID      int
	Roles    []string
	Sent     uint64
	Received uint64
}

// Phase is the part of a trial that is under way.
type Phase string

// The phases of a trial.
const (
	Starting Phase = "starting" // until begin
	Warmup   Phase = "warm-up"
	Measured Phase = "measured"
	Draining Phase = "draining" // after the end, or an interruption
)
