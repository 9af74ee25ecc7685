// exit.go: the exit codes, and which one wins when several apply.

package results

import "slices"

// ExitCode is what xbench exits with. It is written into the result files too, because
// wrappers (make, go run, a pipe) swallow a process's own.
type ExitCode int

// The exit codes. Verdicts begin at 3: GNU make turns every failed recipe into 2.
const (
	ExitPass          ExitCode = 0   // pass, or improved
	ExitFailed        ExitCode = 1   // xbench itself failed: I/O, a bug
	ExitUsage         ExitCode = 2   // bad command line, suite, trace or recording
	ExitRegressed     ExitCode = 3   // slower than the baseline
	ExitInconclusive  ExitCode = 4   // the noise is larger than the margin
	ExitInvalid       ExitCode = 5   // a worker lost, records lost, generator late, nothing measured
	ExitNotComparable ExitCode = 6   // another machine or another case, or no baseline
	ExitInterrupted   ExitCode = 130 // SIGINT; what was measured is kept
	ExitTerminated    ExitCode = 143 // SIGTERM; likewise
)

// exitPrecedence lists the codes from the one that always wins to the one that never
// does. A usage error stands alone in practice (nothing has run yet), and would say that
// the rest was asked for wrongly: so it wins over everything but an interruption.
var exitPrecedence = []ExitCode{
	ExitInterrupted, ExitTerminated,
	ExitUsage,
	ExitFailed,
	ExitInvalid,
	ExitNotComparable,
	ExitRegressed,
	ExitInconclusive,
	ExitPass,
}

// WorstExit is the code to exit with when each of codes applies: 130/143, then 1, 5, 6,
// 3, 4, 0. Without any it is ExitPass. A code that is none of ours counts as ExitFailed.
func WorstExit(codes ...ExitCode) ExitCode {
	worst := len(exitPrecedence) - 1
	for _, c := range codes {
		rank := slices.Index(exitPrecedence, c)
		if rank < 0 {
			rank = slices.Index(exitPrecedence, ExitFailed)
		}
		worst = min(worst, rank)
	}
	return exitPrecedence[worst]
}

// Exit is the code that an outcome stands for by itself. An interruption is taken for
// SIGINT; whoever knows better says ExitTerminated.
func (o Outcome) Exit() ExitCode {
	switch o {
	case Pass:
		return ExitPass
	case Invalid:
		return ExitInvalid
	case Interrupted:
		return ExitInterrupted
	default:
		return ExitFailed
	}
}

// Worse is the outcome of two things together, in the order of their exit codes. Something
// that has no outcome yet ("") takes the other's.
func (o Outcome) Worse(p Outcome) Outcome {
	if o == "" {
		return p
	}
	if WorstExit(o.Exit(), p.Exit()) == o.Exit() {
		return o
	}
	return p
}
