// pacer.go: hands out the records of a schedule when they are due.

package pace

import (
	"context"
	"fmt"
)

// batchMax bounds how many records one Next hands out, so that a source that is behind
// still tells its progress.
const batchMax = 1024

// Options are what a pacer needs to know about the run. All instants are of Clock.
type Options struct {
	Clock   func() int64         // nanoseconds of CLOCK_MONOTONIC
	Begin   int64                // when the schedule's 0 is
	End     int64                // records due at or after it do not exist
	GiveUp  int64                // when a source that is behind stops catching up; not before End
	Stopped func() bool          // whether the run was interrupted
	Lag     func(due, now int64) // told for each record for which the pacer was waited for; may be nil
}

// Pacer hands out the records of a schedule when they are due. It belongs to one goroutine.
//
// All records that are due before End are handed out, also when the source comes for them
// after End: whoever left them out would leave out the latencies of the slowest moments. Only a source
// that is still behind at GiveUp ends without them.
type Pacer struct {
	o        Options
	schedule Schedule
	nap      func(at int64)
	next     uint64 // the record that was not handed out yet
	now      int64  // what the clock said last
	behind   int64  // see Behind
}

// New makes a pacer.
func New(s Schedule, o Options) *Pacer {
	if o.GiveUp < o.End {
		panic(fmt.Sprintf("pace: gives up at %d, before the end at %d", o.GiveUp, o.End))
	}
	return &Pacer{o: o, schedule: s, nap: nap}
}

// Next waits until a record is due, and says which ones are: n of them, from number first. It
// says false when no further record is due before the end, the run was interrupted or ctx has ended.
func (p *Pacer) Next(ctx context.Context) (first, n uint64, ok bool) {
	due := p.Due(p.next)
	asked := p.o.Clock()
	p.now = asked
	if due >= p.o.End || p.o.Stopped() || ctx.Err() != nil {
		return p.next, 0, false
	}
	if asked >= p.o.GiveUp {
		p.behind = asked - due
		return p.next, 0, false
	}
	if due > asked {
		if p.now, ok = wait(ctx, p.o.Clock, p.nap, due, p.o.Stopped); !ok {
			return p.next, 0, false
		}
	}
	for ; due <= p.now && due < p.o.End && n < batchMax; due = p.Due(p.next + n) {
		// A record that was due when Next was called is late because of the system, or of
		// the source; only the others are for the pacer to answer for.
		if due > asked && p.o.Lag != nil {
			p.o.Lag(due, p.now)
		}
		n++
	}
	first = p.next
	p.behind = p.now - p.Due(first)
	p.next += n
	return first, n, true
}

// Due is the instant at which record n is due.
func (p *Pacer) Due(n uint64) int64 {
	due := p.schedule.Due(n)
	if int64(due) > int64(Never)-p.o.Begin {
		return int64(Never)
	}
	return p.o.Begin + int64(due)
}

// Behind is how late the source was, in nanoseconds, for the record that it got first in its last batch,
// or would have got when it gave up. At the end of a run it says whether the rate was sustained.
func (p *Pacer) Behind() int64 { return p.behind }

// Planned counts the records that are due before the end, 1<<63 when there is no end of
// them. It is meant for after the run: it searches.
func (p *Pacer) Planned() uint64 {
	low, high := uint64(0), uint64(1)
	for high < 1<<63 && p.Due(high) < p.o.End {
		low, high = high, high*2
	}
	for low < high {
		if mid := low + (high-low)/2; p.Due(mid) < p.o.End {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
