// localpool_test.go: one partition's or gate's share: availability, overdraft, sizes. R1.4, R1.5.

package buffer

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

// signalled reports whether the pool's signal is set, and leaves it as it is.
func signalled(l *LocalBufferPool) bool { return len(l.ready) == 1 }

// R1.4: one segment is held ahead, up to the size; recycling keeps them.
func TestR1_4_OneAhead(t *testing.T) {
	const n = 8
	p := newPool(t, 16)
	l := newLocal(t, p, LocalOptions{Required: n, Max: n})
	var out []Buffer
	for i := 1; i <= n; i++ {
		out = append(out, request(t, l, -1, 1)...)
		if got := l.Requested(); got != min(i+1, n) {
			t.Errorf("R1.4: %d requested after request %d, want %d", got, i, min(i+1, n))
		}
		if got, want := l.IsAvailable(), i < n; got != want {
			t.Errorf("R1.4: available %v after request %d of %d", got, i, n)
		}
	}
	requestNone(t, l, -1)
	if l.Used() != n || l.Idle() != 0 {
		t.Errorf("used %d, idle %d", l.Used(), l.Idle())
	}
	recycle(out...)
	if l.Requested() != n || l.Used() != 0 || l.Idle() != n || !l.IsAvailable() {
		t.Errorf("R1.4: %v after all came back", l)
	}
}

// LocalBufferPoolTest: all buffers of a pool are different ones.
func TestRequestsAreUnique(t *testing.T) {
	p := newPool(t, 32)
	l := newLocal(t, p, LocalOptions{Required: 32})
	seen := map[*Segment]bool{}
	out := request(t, l, -1, 32)
	for _, b := range out {
		seen[b.Segment()] = true
	}
	if len(seen) != 32 {
		t.Errorf("%d different of 32", len(seen))
	}
	recycle(out...)
}

// R1.5: testOverdraftBufferAndAvailability, for pools of 4, 8 and 12 with an overdraft of 0 to 2.
func TestR1_5_Overdraft(t *testing.T) {
	for _, size := range []int{4, 8, 12} {
		for overdraft := range 3 {
			for _, perChannel := range []int{1, 3, 0} {
				t.Run(fmt.Sprintf("R1.5/size=%d/overdraft=%d/perChannel=%d", size, overdraft, perChannel), func(t *testing.T) {
					p := newPool(t, 20)
					l := newLocal(t, p, LocalOptions{Required: size, Max: size, Subpartitions: 3, MaxPerChannel: perChannel,
						Overdraft: overdraft})
					var out []Buffer
					for i := 1; i <= size; i++ {
						out = append(out, request(t, l, i%3, 1)...)
						full := perChannel > 0 && (i+2)/3 >= perChannel
						if got, want := l.IsAvailable(), i < size && !full; got != want {
							t.Errorf("available %v after request %d", got, i)
						}
					}
					for range overdraft {
						out = append(out, request(t, l, 0, 1)...)
						if l.IsAvailable() {
							t.Error("available by overdraft")
						}
					}
					requestNone(t, l, 0)
					if got := l.Requested(); got != size+overdraft {
						t.Errorf("%d requested", got)
					}
					for _, b := range out[size:] { // the overdraft goes straight to the global pool
						b.Recycle()
						if l.IsAvailable() {
							t.Error("available with the overdraft back, but nothing else")
						}
					}
					if l.Requested() != size || p.Available() != 20-size {
						t.Errorf("%d requested, %d free", l.Requested(), p.Available())
					}
					for _, b := range out[:size-1] {
						b.Recycle()
					}
					if l.Idle() != size-1 {
						t.Errorf("%d idle", l.Idle())
					}
					out[size-1].Recycle()
					if !l.IsAvailable() {
						t.Error("not available with everything back")
					}
				})
			}
		}
	}
}

// R1.5: one ordinary segment back makes the pool available.
func TestR1_5_OneOrdinaryBackIsEnough(t *testing.T) {
	p := newPool(t, 10)
	l := newLocal(t, p, LocalOptions{Required: 4, Max: 4, Overdraft: 2})
	out := request(t, l, -1, 6)
	recycle(out[0], out[1])
	if l.IsAvailable() {
		t.Error("available at its size")
	}
	out[2].Recycle()
	if !l.IsAvailable() {
		t.Error("not available with one ordinary segment back")
	}
	recycle(out[3:]...)
}

// The overdraft is taken only if the global pool has one, and does not have to be there.
func TestOverdraftIsNotGuaranteed(t *testing.T) {
	p := newPool(t, 4)
	l := newLocal(t, p, LocalOptions{Required: 2, Max: 2, Overdraft: 2})
	other := newLocal(t, p, LocalOptions{Required: 2, Max: 2})
	out := append(request(t, l, -1, 2), request(t, other, -1, 1)...)
	requestNone(t, l, -1) // the last two are the other's: one lent, one ahead
	if got := p.Available(); got != 0 {
		t.Errorf("%d free", got)
	}
	recycle(out...)
}

// FLINK-31293, FLINK-31763, FLINK-31764: lowering the size turns ordinary segments into overdraft, raising it back.
func TestOverdraftFollowsTheSize(t *testing.T) {
	p := newPool(t, 12)
	l := newLocal(t, p, LocalOptions{Required: 2, Max: 8, Overdraft: 3})
	out := request(t, l, -1, 6)
	l.SetSize(4) // two of the six are overdraft now
	out = append(out, request(t, l, -1, 1)...)
	requestNone(t, l, -1)
	l.SetSize(2) // five: more than would be allowed
	requestNone(t, l, -1)
	out[0].Recycle()
	out[1].Recycle()
	if l.Requested() != 5 || l.IsAvailable() {
		t.Errorf("%v: two of five beyond the size went home", l)
	}
	l.SetSize(8)
	if !l.IsAvailable() || l.Requested() != 6 {
		t.Errorf("%v: room for three more, one of them ahead", l)
	}
	out = append(out, request(t, l, -1, 3+3)...)
	requestNone(t, l, -1)
	recycle(out[2:]...)
}

// LocalBufferPoolTest: with at most 2 per channel of 10. Reaching it makes the pool unavailable, and no more than that
// (FLINK-27522); it is available again when no channel is there.
func TestMaxPerChannelIsAdvice(t *testing.T) {
	p := newPool(t, 10)
	l := newLocal(t, p, LocalOptions{Required: 10, Subpartitions: 3, MaxPerChannel: 2})
	available := func(want bool) {
		t.Helper()
		if l.IsAvailable() != want || signalled(l) != want {
			t.Fatalf("available %v, signal %v, want %v: %v", l.IsAvailable(), signalled(l), want, l)
		}
	}
	zero := request(t, l, 0, 1)
	available(true)
	zero = append(zero, request(t, l, 0, 1)...)
	available(false)
	zero = append(zero, request(t, l, 0, 1)...) // a third, to finish a record
	one := request(t, l, 1, 2)
	two := request(t, l, 2, 1)
	none := request(t, l, -1, 1) // counts for no channel
	available(false)
	one[0].Recycle()
	available(false) // 0 has three
	zero[0].Recycle()
	available(false) // 0 has two
	zero[1].Recycle()
	available(true)
	two = append(two, request(t, l, 2, 1)...)
	available(false)
	two[0].Recycle()
	available(true)
	recycle(zero[2], one[1], two[1], none[0])
	available(true)
}

// LocalBufferPoolTest: decreasing the size returns what is there now, and the rest when it is recycled.
func TestShrinking(t *testing.T) {
	p := newPool(t, 16)
	l := newLocal(t, p, LocalOptions{Required: 2, Max: 10})
	out := request(t, l, -1, 8)
	recycle(out[:3]...)
	if l.Requested() != 9 || l.Idle() != 4 {
		t.Fatalf("%v", l)
	}
	l.SetSize(7)
	if l.Requested() != 7 || l.Idle() != 2 || p.Available() != 9 || !l.IsAvailable() {
		t.Errorf("%v, %d free: two returned at once", l, p.Available())
	}
	l.SetSize(3)
	if l.Requested() != 5 || l.Idle() != 0 || p.Available() != 11 || l.IsAvailable() {
		t.Errorf("%v, %d free: all that were not lent returned", l, p.Available())
	}
	recycle(out[3], out[4])
	if l.Requested() != 3 || l.Idle() != 0 || p.Available() != 13 {
		t.Errorf("%v, %d free: two more came back", l, p.Available())
	}
	out[5].Recycle()
	if l.Requested() != 3 || l.Idle() != 1 {
		t.Errorf("%v: within the size, kept", l)
	}
	recycle(out[6:]...)
	panics(t, "needs at least 2 buffers, but its size was to be 1", func() { l.SetSize(1) })
	l.SetSize(100)
	if got := sizes(l); got != "10" {
		t.Errorf("size %s, want Max", got)
	}
}

// What a smaller size returns is for others in line.
func TestSetSizeTellsOthers(t *testing.T) {
	p := newPool(t, 4)
	l := newLocal(t, p, LocalOptions{Required: 1, Max: 4})
	recycle(request(t, l, -1, 4)...)
	other := newLocal(t, p, LocalOptions{Required: 1}) // sizes 2 2
	out := request(t, other, -1, 2)
	l.SetSize(2)
	other.SetSize(3) // in line for a third
	if other.IsAvailable() {
		t.Fatalf("%v", other)
	}
	l.SetSize(1)
	if !other.IsAvailable() {
		t.Errorf("%v", other)
	}
	recycle(out...)
}

// A larger size is noticed by those who wait (FLINK-14603).
func TestGrowingMakesAvailable(t *testing.T) {
	p := newPool(t, 8)
	l := newLocal(t, p, LocalOptions{Required: 1, Max: 4})
	l.SetSize(1)
	out := request(t, l, -1, 1)
	requestNone(t, l, -1)
	if l.IsAvailable() || signalled(l) {
		t.Fatalf("%v", l)
	}
	l.SetSize(2)
	if !l.IsAvailable() || !signalled(l) {
		t.Fatalf("%v", l)
	}
	recycle(out...)
}

// LocalBufferPoolTest: what is lent when the pool is destroyed goes to the global pool.
func TestRecycleAfterDestroy(t *testing.T) {
	p := newPool(t, 8)
	l := newLocal(t, p, LocalOptions{Required: 4, Max: 4})
	out := request(t, l, -1, 3)
	l.Destroy()
	l.Destroy()
	if p.Available() != 5 || l.Requested() != 3 || l.Idle() != 0 {
		t.Errorf("%d free, %v", p.Available(), l)
	}
	if _, err := l.Request(-1); !errors.Is(err, ErrPoolDestroyed) {
		t.Errorf("requested: %v", err)
	}
	other := newLocal(t, p, LocalOptions{Required: 8}) // the promise was taken back at once
	if got := sizes(other); got != "8" {
		t.Errorf("size %s", got)
	}
	recycle(out...)
	if l.Requested() != 0 {
		t.Errorf("%v", l)
	}
}

// FLINK-19964: nothing is fetched for a pool that is gone.
func TestDestroyedPoolFetchesNothing(t *testing.T) {
	p := newPool(t, 4)
	l := newLocal(t, p, LocalOptions{Required: 1})
	out := request(t, l, -1, 4)
	starved := newLocal(t, p, LocalOptions{Required: 1}) // in line for the next segment
	starved.Destroy()
	starved.SetSize(4)
	recycle(out...)
	if starved.Requested() != 0 || starved.Idle() != 0 {
		t.Errorf("%v", starved)
	}
	if !starved.IsAvailable() {
		t.Error("asking a destroyed pool does not block, so it is available")
	}
	if _, open := <-starved.Available(); open {
		t.Error("a signal instead of the end")
	}
}

// A pool that was passed over when a segment came gets in line again (FLINK-29298).
func TestPassedOverPoolIsToldAgain(t *testing.T) {
	p := newPool(t, 4)
	user := newLocal(t, p, LocalOptions{Required: 1, Max: 4})
	out := request(t, user, -1, 4)
	first := newLocal(t, p, LocalOptions{Required: 1, Max: 1})
	second := newLocal(t, p, LocalOptions{Required: 1, Max: 1})
	if first.IsAvailable() || second.IsAvailable() {
		t.Fatal("available without a segment")
	}
	out[0].Recycle()
	if !first.IsAvailable() || second.IsAvailable() {
		t.Fatalf("%v\n%v", first, second)
	}
	out[1].Recycle()
	if !second.IsAvailable() {
		t.Fatalf("%v", second)
	}
	recycle(out[2:]...)
}

// What a pool in line does not need any more stays for others.
func TestPoolInLineLeavesWhatItDoesNotNeed(t *testing.T) {
	p := newPool(t, 4)
	user := newLocal(t, p, LocalOptions{Required: 1, Max: 3})
	out := request(t, user, -1, 3)
	l := newLocal(t, p, LocalOptions{Required: 2, Max: 2}) // sizes 2 2
	mine := request(t, l, -1, 1)                           // the last one; in line for more
	mine[0].Recycle()                                      // available without the line
	out[0].Recycle()                                       // beyond the size of user: told
	if l.Requested() != 1 || p.Available() != 1 {
		t.Errorf("%v, %d free", l, p.Available())
	}
	recycle(out[1:]...)
}

// LocalBufferPoolTest: each of 128 tasks holds one buffer at a time of a pool of 128, and never gets none.
func TestConcurrentRequestsNeverFail(t *testing.T) {
	const tasks = 128
	rounds := 1024
	if owned {
		rounds = 64
	}
	p := newPool(t, tasks)
	l := newLocal(t, p, LocalOptions{Required: tasks, Subpartitions: tasks, MaxPerChannel: 1})
	var all sync.WaitGroup
	for task := range tasks {
		all.Go(func() {
			for range rounds {
				b, err := l.Request(task)
				if err != nil || b.IsZero() {
					t.Errorf("task %d: %v, %v", task, b, err)
					return
				}
				b.Recycle()
			}
		})
	}
	all.Wait()
	if l.Used() != 0 || !l.IsAvailable() {
		t.Errorf("%v", l)
	}
}
