// source_task.go: what a source is given to work with: instants, a pacer, a ledger, progress.

package harness

import (
	"context"
	"sync/atomic"

	"xbench/harness/pace"
)

// SourceTask is a source's side of a trial. It belongs to the goroutine that Source.Run is
// called in. Run is called some time before Begin, and waits itself: with WaitBegin, or by
// using a pacer.
type SourceTask struct {
	Clock               func() int64 // nanoseconds of CLOCK_MONOTONIC
	Begin, Measure, End int64        // of that clock, as planned; see Over
	Seed                uint64       // this source's own, the same in every run with the same seed
	Ledger              *Ledger      // to be kept by the source: one entry per channel

	window *window
	sent   atomic.Uint64 // written by the source alone, read for progress
	lag    *recorder
	pacer  *pace.Pacer // nil in a closed loop
	burst  uint64      // records for each that the pacer hands out
}

// NewSourceTask makes the task of one source. Workers do so; tests of a driver may.
func NewSourceTask(clock func() int64, w Window, seed uint64, channels int) *SourceTask {
	return newSourceTask(clock, newWindow(w), seed, channels)
}

func newSourceTask(clock func() int64, w *window, seed uint64, channels int) *SourceTask {
	return &SourceTask{
		Clock: clock, Begin: w.Begin, Measure: w.Measure, End: w.End, Seed: seed,
		Ledger: newLedger(channels),
		window: w, lag: newRecorder(),
	}
}

// WaitBegin waits until Begin. It says false when the run ended before, or ctx did.
func (t *SourceTask) WaitBegin(ctx context.Context) bool {
	return pace.Until(ctx, t.Clock, t.Begin, t.window.stopped) && !t.window.stopped()
}

// Over reports whether a closed loop has to end: at End, or earlier when the run is
// interrupted. It is one atomic load: ask it per batch.
func (t *SourceTask) Over(now int64) bool { return now >= t.window.end.Load() }

// Pacer makes the pacer of an open loop, which calls Lag itself; one per source.
//
//	p := t.Pacer(schedule)
//	for {
//		first, n, ok := p.Next(ctx) // waits until record first is due; n records are
//		if !ok {
//			break // none is due before End any more, the run was interrupted, or ctx ended
//		}
//		for i := first; i < first+n; i++ {
//			send(i, p.Due(i)) // the record carries its intended instant
//		}
//		t.Sent(int(n))
//	}
func (t *SourceTask) Pacer(s pace.Schedule) *pace.Pacer { return t.BurstPacer(s, 1) }

// BurstPacer is Pacer for records that are due together, burst at a time: the schedule is that of the bursts, and what the pacer hands out are
// bursts. At millions of records a second, asking the clock and the schedule for each would cost more than sending it.
func (t *SourceTask) BurstPacer(s pace.Schedule, burst int) *pace.Pacer {
	t.burst = uint64(burst)
	t.pacer = pace.New(s, pace.Options{
		Clock:   t.Clock,
		Begin:   t.Begin,
		End:     t.End,
		GiveUp:  t.End + (t.End - t.Begin),
		Stopped: t.window.stopped,
		Lag:     t.Lag,
	})
	return t.pacer
}

// Sent counts n records that were handed to the system, as the ledger does: one sent to several
// channels counts in each. To be called per batch; the sum has to be the ledger's.
func (t *SourceTask) Sent(n int) {
	t.sent.Store(t.sent.Load() + uint64(n))
}

// Lag says that the generator itself, not the system, was so late that a record due at due left at
// now, both of Clock. It is recorded when due lies in [Measure, End).
func (t *SourceTask) Lag(due, now int64) {
	if due >= t.Measure && due < t.window.end.Load() {
		t.lag.record(now-due, 1)
	}
}
