// run.go: the document of one run (run.json) and its parts that are not numbers of a case.

// Package results keeps what a run measured: the documents, the run directory that
// holds them, and the formats that other tools read (Go benchmark lines, HdrHistogram
// logs, tables, CSV).
//
// The documents are plain values. The harness fills them in, Case.Summarize derives a
// case's numbers from its trials, a Dir stores them, and the Write functions print them.
// Numbers are finite by construction: a document that would need NaN or infinity to be
// told is an invalid one, with zero in that place and the reason beside it.
package results

import "time"

// Schema names the shape of Run's JSON. It grows by new keys only; a key that changes
// its meaning makes a v2.
const Schema = "xbench.run/v1"

// Outcome says in one word how a trial, a case or a run ended.
type Outcome string

// The outcomes, from the one that gives numbers to rely on downwards.
const (
	Pass        Outcome = "pass"        // complete, verified, measured
	Invalid     Outcome = "invalid"     // ran, but its numbers must not be used: exit code 5
	Interrupted Outcome = "interrupted" // a signal ended it; what was measured is kept: 130 or 143
	Failed      Outcome = "failed"      // xbench itself could not do it: exit code 1
)

// Run is one execution of a suite: the whole of run.json.
type Run struct {
	Schema   string    `json:"schema"`    // always Schema
	ID       string    `json:"id"`        // the run directory's own name: <UTC>-<revision>-<id>
	Suite    string    `json:"suite"`     // the suite's name, also of a suite read from a file
	Outcome  Outcome   `json:"outcome"`   // the worst of the cases', or what stopped the run
	ExitCode ExitCode  `json:"exit_code"` // what the process that wrote this exits with
	Reason   string    `json:"reason"`    // why the outcome is not pass; "" when it is
	Started  time.Time `json:"started"`   // UTC
	Ended    time.Time `json:"ended"`     // UTC; of the last write while the run is under way
	Command  []string  `json:"command"`   // the command line, program first
	Seed     uint64    `json:"seed"`      // of keys and payloads; each trial's own is made from it
	Binary   Binary    `json:"binary"`
	Host     Host      `json:"host"`
	Warnings []string  `json:"warnings"` // reasons to trust the numbers less, as printed
	Cases    []Case    `json:"cases"`    // in the order in which they ran; a case that never began is absent
}

// Warn adds a reason to trust this run's numbers less. The same words are kept once.
func (r *Run) Warn(doubt string) {
	for _, w := range r.Warnings {
		if w == doubt {
			return
		}
	}
	r.Warnings = append(r.Warnings, doubt)
}
