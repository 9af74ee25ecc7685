// meter_test.go: the clock compares across processes, waits add up from many goroutines.

package meter

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Two clocks of one host, calibrated apart (as two processes do), read the same CLOCK_MONOTONIC.
func TestClocksOfTwoProcessesCompare(t *testing.T) {
	first := Monotonic()
	second := Monotonic()
	for range 100 {
		a, raw, b := first(), monotonicRaw(), second()
		c := first()
		// a <= raw <= b <= c but for the calibration's error, which is below the time of one system call; 50 us
		// leaves room for a loaded machine, where all eight calibrations may be preempted.
		const slack = 50_000
		if a > raw+slack || raw > b+slack || b > c+slack {
			t.Fatalf("first %d, raw %d, second %d, first %d: apart by more than %d ns", a, raw, b, c, slack)
		}
	}
}

func TestClockNeverGoesBack(t *testing.T) {
	clock := Monotonic()
	last := clock()
	for range 10_000 {
		now := clock()
		if now < last {
			t.Fatalf("%d after %d", now, last)
		}
		last = now
	}
}

func TestClockFollowsTheBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := Monotonic()
		from := clock()
		time.Sleep(3 * time.Second)
		if got := clock().Sub(from); got != 3*time.Second {
			t.Fatalf("slept %v", got)
		}
		if got := from.Add(time.Second).Sub(from); got != time.Second {
			t.Fatalf("Add and Sub: %v", got)
		}
	})
}

func TestWaitsAddUp(t *testing.T) {
	var w Waits
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 1000 {
				w.Waited(Credit, g, Time(i), Time(i+i%10))
			}
		})
	}
	all.Wait()
	w.Waited(Pool, -1, 10, 4) // two clocks mixed: counted, length 0
	if got, want := w.Total(Credit), (WaitTotal{Count: 8000, Ns: 8 * 100 * 45, MaxNs: 9}); got != want {
		t.Errorf("credit: %+v, want %+v", got, want)
	}
	if got, want := w.Total(Pool), (WaitTotal{Count: 1}); got != want {
		t.Errorf("pool: %+v, want %+v", got, want)
	}
	if got := w.Total(Input); got != (WaitTotal{}) {
		t.Errorf("input: %+v, want nothing", got)
	}
	var _ Observer = &w
}

func TestReasonNames(t *testing.T) {
	want := []string{"pool", "credit", "socket", "input", "invalid"}
	for r := Pool; r <= Reasons; r++ {
		if got := r.String(); got != want[r] {
			t.Errorf("reason %d is called %q, want %q", r, got, want[r])
		}
	}
}

func TestTrafficCounts(t *testing.T) {
	var tr Traffic
	tr.BytesOut.Add(40)
	tr.BytesOut.Add(2)
	if got := tr.BytesOut.Load(); got != 42 {
		t.Errorf("bytes out %d, want 42", got)
	}
	if n := testing.AllocsPerRun(100, func() { tr.FramesIn.Add(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMonotonic(b *testing.B) {
	clock := Monotonic()
	var last Time
	for b.Loop() {
		last = clock()
	}
	_ = last
}
