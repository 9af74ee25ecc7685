// coordinator.go: what is asked of a coordinator, and what it tells.

package harness

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"xbench/results"
)

// Case is one workload with its parameters.
type Case struct {
	Name      string
	Driver    string          // looked up in the table given to WorkerMain
	Params    json.RawMessage // the driver's own
	Processes int             // 1: one worker holds all roles; 2: sources and sinks apart
	Trials    int
	Seed      uint64
	Loop      Loop
	Rate      float64 // planned records per second of an open loop; for the record
	Trace     string  // for the record
	Warmup    time.Duration
	Duration  time.Duration
}

// Options are what a coordinator needs beside the cases.
type Options struct {
	Worker    []string         // command line of a worker; nil: this binary with the argument "worker"
	Timeout   time.Duration    // of one trial; 0: generous, from its plan
	Dumps     string           // folder for goroutine dumps, made when the first is written
	Progress  func(Progress)   // called by the coordinator several times a second; may be nil
	Interrupt <-chan os.Signal // the first signal drains, the second kills; may be nil
}

// Progress is how far a trial is.
type Progress struct {
	Case    string
	Trial   int // from 1
	Trials  int
	Phase   Phase
	Elapsed time.Duration // since begin; negative before
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
	Starting Phase = "starting"
	Warmup   Phase = "warm-up"
	Measured Phase = "measured"
	Draining Phase = "draining"
)

// Run makes all trials of c, one after the other. The case that it returns is summarised,
// whatever happened; its outcome and reason say what did. Warnings are doubts about its numbers. When
// it says that the run must stop (a worker was lost, the harness failed, a signal came), no
// further case should be started.
func Run(ctx context.Context, c Case, o Options) (done results.Case, warnings []string, stop bool) {
	return results.Case{}, nil, true
}
