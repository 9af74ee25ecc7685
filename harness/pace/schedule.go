// schedule.go: when record n is due, as a pure function of n.

// Package pace decides when a record leaves: schedules, which know no clock, and the pacer,
// which waits for them.
package pace

import (
	"math"
	"math/bits"
	"time"
)

// Schedule says when record n (from 0) of one source is due, counted from the run's begin.
// It does not look at a clock, so a system that stalls cannot bend it. Due never falls with n.
type Schedule interface {
	Due(n uint64) time.Duration
}

// Never is when a record is due that does not exist: the one after a finite schedule's last.
const Never = time.Duration(math.MaxInt64)

// Rate is a constant rate, shared by several sources: of the stream in which Records are due
// every Per, evenly, a source sends each Step-th record, beginning with number First. Source i of k
// has First i and Step k; together they send exactly the stream, and none drifts:
// every instant is calculated from n in 128 bits, never by adding up a rounded interval.
type Rate struct {
	Records uint64 // due every Per; above 0
	Per     time.Duration
	First   uint64
	Step    uint64 // 0 counts as 1
}

// PerSecond is the schedule of source number index out of sources that share a rate.
func PerSecond(records uint64, index, sources int) Rate {
	return Rate{Records: records, Per: time.Second, First: uint64(index), Step: uint64(sources)}
}

// Due is (First + n*Step) * Per / Records, rounded down; Never when that does not fit.
func (r Rate) Due(n uint64) time.Duration {
	hi, global := bits.Mul64(n, max(r.Step, 1))
	global, carry := bits.Add64(global, r.First, 0)
	if hi != 0 || carry != 0 {
		return Never
	}
	hi, lo := bits.Mul64(global, uint64(r.Per))
	if hi >= r.Records {
		return Never
	}
	due, _ := bits.Div64(hi, lo, r.Records)
	return time.Duration(min(due, uint64(Never)))
}

// Times is a recorded schedule: the instants themselves, ascending.
type Times []time.Duration

// Due is the n-th instant, and Never after the last.
func (t Times) Due(n uint64) time.Duration {
	if n >= uint64(len(t)) {
		return Never
	}
	return t[n]
}
