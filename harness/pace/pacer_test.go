// pacer_test.go: the pacer keeps to its schedule, whatever the kernel, the system and the run do.

package pace

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// rig is a world of its own time: it advances when somebody naps, and a bit with every look at the clock.
type rig struct {
	now     int64
	late    func() int64 // how much too late a nap ends
	stopped bool
	lags    map[int64]int64 // due -> lag as told
}

func (r *rig) clock() int64 { r.now += 40; return r.now }
func (r *rig) nap(at int64) { r.now = max(r.now, at) + r.late() }

func (r *rig) pacer(s Schedule, end int64) *Pacer {
	r.lags = map[int64]int64{}
	if r.late == nil {
		r.late = func() int64 { return 0 }
	}
	p := New(s, Options{
		Clock: r.clock, Begin: 1_000_000, End: end, GiveUp: 2 * end,
		Stopped: func() bool { return r.stopped },
		Lag:     func(due, now int64) { r.lags[due] = now - due },
	})
	p.nap = r.nap
	return p
}

func TestPacerHandsOutEachRecordOnceAndNeverEarly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	r := &rig{late: func() int64 { return 30_000 + rng.Int64N(60_000) }}
	p := r.pacer(PerSecond(100_000, 0, 1), 51_000_000)
	next := uint64(0)
	for {
		first, n, ok := p.Next(t.Context())
		if !ok {
			break
		}
		if first != next || n == 0 {
			t.Fatalf("records %d..%d, want from %d", first, first+n, next)
		}
		next += n
		if due := p.Due(next - 1); r.now < due {
			t.Fatalf("record %d is handed out %d ns early", next-1, due-r.now)
		}
	}
	// 100,000/s from 1 ms to 51 ms: drifting by one nap would already be a record less.
	if want := p.Planned(); next != 5000 || want != 5000 {
		t.Errorf("%d records handed out, %d planned, want 5000", next, want)
	}
}

// The lag of a record is what the pacer overslept, not what the system made the source wait.
func TestPacerTellsItsOwnLagOnly(t *testing.T) {
	r := &rig{late: func() int64 { return 90_000 }}
	p := r.pacer(Times{0, 1_000_000, 2_000_000, 2_050_000, 3_000_000}, 10_000_000)
	r.now = 1_000_000
	p.Next(t.Context()) // record 0
	r.now += 1_500_000  // the system holds the source: record 1 is late, but not because of the pacer
	if first, n, _ := p.Next(t.Context()); first != 1 || n != 1 {
		t.Fatalf("records %d+%d, want record 1", first, n)
	}
	if first, n, _ := p.Next(t.Context()); first != 2 || n != 2 {
		t.Fatalf("records %d+%d, want 2 and 3: both fell due during the nap", first, n)
	}
	if _, told := r.lags[2_000_000]; told {
		t.Error("record 1 was late because of the system, and counts as the pacer's lag")
	}
	if lag := r.lags[3_000_000]; lag < 50_000 || lag > 70_000 {
		t.Errorf("record 2: lag of %d ns, want the 90 us overslept less the 31 us kept for the spin", lag)
	}
}

// A source that comes late still gets every record due before the end: leaving them out would leave
// out the worst latencies.
func TestPacerCatchesUpAfterTheEnd(t *testing.T) {
	r := &rig{}
	p := r.pacer(PerSecond(1000, 0, 1), 11_000_000)
	r.now = 15_000_000
	first, n, ok := p.Next(t.Context())
	if !ok || first != 0 || n != 10 {
		t.Fatalf("records %d+%d %v, want all 10", first, n, ok)
	}
	if _, _, ok := p.Next(t.Context()); ok {
		t.Error("a record after the last")
	}
	if p.Behind() < 14_000_000 {
		t.Errorf("behind by %d ns, want 14 ms", p.Behind())
	}
}

func TestPacerGivesUp(t *testing.T) {
	r := &rig{}
	p := r.pacer(PerSecond(1000, 0, 1), 11_000_000)
	r.now = 22_000_000
	if _, _, ok := p.Next(t.Context()); ok {
		t.Error("still handing out records when it should have given up")
	}
	if p.Behind() < 21_000_000 || p.Planned() != 10 {
		t.Errorf("behind %d ns with %d planned, want 21 ms with 10", p.Behind(), p.Planned())
	}
}

func TestPacerHandsOutBatchesOfLimitedSize(t *testing.T) {
	r := &rig{}
	p := r.pacer(Rate{Records: 1, Per: 0}, 11_000_000) // all of them at once
	if _, n, ok := p.Next(t.Context()); !ok || n != batchMax {
		t.Errorf("%d records, want %d", n, batchMax)
	}
	if p.Planned() != 1<<63 {
		t.Errorf("%d records planned, want no end", p.Planned())
	}
}

func TestPacerStops(t *testing.T) {
	t.Run("interrupted during a nap", func(t *testing.T) {
		r := &rig{}
		p := r.pacer(Times{5e9}, 9e9)
		r.late = func() int64 { r.stopped = r.now > 1e9; return 0 }
		if _, _, ok := p.Next(t.Context()); ok || r.now > 1e9+2*sliceMaxNs {
			t.Errorf("ok %v at %d, want an end at 1 s", ok, r.now)
		}
	})
	t.Run("interrupted while behind", func(t *testing.T) {
		r := &rig{now: 5_000_000, stopped: true}
		if _, _, ok := r.pacer(PerSecond(1000, 0, 1), 11_000_000).Next(t.Context()); ok {
			t.Error("hands out records after the interruption")
		}
	})
	t.Run("context", func(t *testing.T) {
		r := &rig{}
		ctx, cancel := context.WithCancel(t.Context())
		p := r.pacer(Times{5e9}, 9e9)
		r.late = func() int64 { cancel(); return 0 }
		if _, _, ok := p.Next(ctx); ok {
			t.Error("hands out records after the context's end")
		}
	})
	t.Run("a schedule's end", func(t *testing.T) {
		r := &rig{}
		p := r.pacer(Times{0}, 9e9)
		p.Next(t.Context())
		if _, _, ok := p.Next(t.Context()); ok || r.now > 2e9 {
			t.Errorf("waits for a record that does not exist, until %d", r.now)
		}
	})
}

// The spin costs at most a sixteenth of a wait, and never more than 60 us.
func TestSpinIsShort(t *testing.T) {
	for _, c := range []struct{ wait, spinMax int64 }{{32_000, 2_100}, {160_000, 10_100}, {5_000_000, 60_100}} {
		r := &rig{late: func() int64 { return 0 }, now: 1000}
		var woke int64
		nap := func(at int64) { r.nap(at); woke = r.now }
		at := r.now + c.wait
		if _, ok := wait(t.Context(), r.clock, nap, at, func() bool { return false }); !ok {
			t.Fatal("stopped")
		}
		if spun := at - woke; spun > c.spinMax {
			t.Errorf("a wait of %d ns ends with %d ns of spinning, want at most %d", c.wait, spun, c.spinMax)
		}
	}
}

// With the real kernel: never early, and no record lost. How late it is depends on who else is on
// this machine; it is logged.
func TestPacerOnThisMachine(t *testing.T) {
	clock := Monotonic()
	begin := clock() + int64(5*time.Millisecond)
	var lags []int64
	p := New(PerSecond(5000, 0, 1), Options{
		Clock: clock, Begin: begin, End: begin + int64(100*time.Millisecond), GiveUp: begin + int64(10*time.Second),
		Stopped: func() bool { return false },
		Lag:     func(due, now int64) { lags = append(lags, now-due) },
	})
	records := uint64(0)
	for {
		_, n, ok := p.Next(t.Context())
		if !ok {
			break
		}
		records += n
	}
	if records != 500 {
		t.Errorf("%d records, want 500", records)
	}
	slices.Sort(lags)
	if len(lags) == 0 || lags[0] < 0 {
		t.Fatalf("lags %v: early, or none", lags[:min(len(lags), 3)])
	}
	t.Logf("lag of %d records: p50 %d ns, p99 %d ns", len(lags), lags[len(lags)/2], lags[len(lags)*99/100])
}

// Two clocks of one host agree with the kernel's, and so with each other.
func TestMonotonicIsTheKernels(t *testing.T) {
	a, b := Monotonic(), Monotonic()
	for range 1000 {
		var before, after unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &before); err != nil {
			t.Fatal(err)
		}
		first, second := a(), b()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &after); err != nil {
			t.Fatal(err)
		}
		const exact = 1000 // ns; calibrated to tens, but this machine may be busy while it is
		if first < before.Nano()-exact || second > after.Nano()+exact {
			t.Fatalf("kernel %d..%d, clocks %d and %d", before.Nano(), after.Nano(), first, second)
		}
	}
}

func BenchmarkMonotonic(b *testing.B) {
	clock := Monotonic()
	for range b.N {
		clock()
	}
}
