// share_test.go: who gets how many. R1.3, the vectors of BufferPoolFactoryTest.

package buffer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// R1.3: sizes after each creation, in the order of creation. Rounding of the running sum gives later pools the
// odd segment (in Flink, whoever a hash set puts later).
func TestR1_3_Sizes(t *testing.T) {
	type pool struct{ required, max int } // max 0: no bound
	for _, c := range []struct {
		total int
		pools []pool
		want  []string
	}{
		{1024, []pool{{1, 1}}, []string{"1"}},
		{1024, []pool{{1, 1}, {1, 2}}, []string{"1", "1 2"}},
		{1024, []pool{{1, 0}}, []string{"1024"}},
		{1024, []pool{{24, 24}, {1, 0}}, []string{"24", "24 1000"}},
		{1024, []pool{{1, 0}, {1, 0}}, []string{"1024", "512 512"}},
		{1024, []pool{{1, 1024}, {1, 1024}}, []string{"1024", "512 512"}},
		{1024, []pool{{512, 0}, {512, 0}}, []string{"1024", "512 512"}},
		{1024, []pool{{1, 10}, {1, 10}}, []string{"10", "10 10"}},
		{3, []pool{{1, 10}, {1, 10}, {1, 10}}, []string{"3", "1 2", "1 1 1"}},
		{10, []pool{{1, 10}, {1, 10}}, []string{"10", "5 5"}},
	} {
		t.Run(fmt.Sprintf("R1.3/total=%d%v", c.total, c.pools), func(t *testing.T) {
			p := newPool(t, c.total)
			var all []*LocalBufferPool
			for i, o := range c.pools {
				all = append(all, newLocal(t, p, LocalOptions{Required: o.required, Max: o.max}))
				if got := sizes(all...); got != c.want[i] {
					t.Errorf("after pool %d: sizes %s, want %s", i, got, c.want[i])
				}
			}
		})
	}
}

// R1.3: each of three pools fetched its one segment ahead.
func TestR1_3_EagerFetchTakesTheLast(t *testing.T) {
	p := newPool(t, 3)
	for range 3 {
		newLocal(t, p, LocalOptions{Required: 1, Max: 10})
	}
	if got := p.Available(); got != 0 {
		t.Errorf("%d free", got)
	}
}

// R1.3: total 10, with unpooled segments that come and go.
func TestR1_3_UnpooledSegmentsCount(t *testing.T) {
	p := newPool(t, 10)
	first := newLocal(t, p, LocalOptions{Required: 1, Max: 10})
	var second *LocalBufferPool
	var out [][]*Segment
	unpooled := func() {
		t.Helper()
		s, err := p.RequestUnpooled(context.Background(), 2)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	recycle := func() {
		p.RecycleUnpooled(out[0])
		out = out[1:]
	}
	for i, step := range []struct {
		do   func()
		want string
		free int
	}{
		{func() {}, "10", 9},
		{unpooled, "8", 7},
		{func() { second = newLocal(t, p, LocalOptions{Required: 1, Max: 10}) }, "4 4", 6},
		{unpooled, "3 3", 4},
		{unpooled, "2 2", 2},
		{recycle, "3 3", 4},
		{recycle, "4 4", 6},
		{recycle, "5 5", 8},
		{func() { first.Destroy(); first, second = second, nil }, "10", 9},
	} {
		step.do()
		got := sizes(first)
		if second != nil {
			got = sizes(first, second)
		}
		if got != step.want || p.Available() != step.free {
			t.Errorf("step %d: sizes %s, want %s; %d free, want %d", i, got, step.want, p.Available(), step.free)
		}
	}
}

// R1.3: pools with and without a bound. In the order of creation this is exact; every order stays within one.
func TestR1_3_Mixed(t *testing.T) {
	for _, c := range []struct{ unbounded int }{{1}, {2}} {
		for shuffle := range 20 {
			bounded := []bool{true, true}
			for range c.unbounded {
				bounded = append(bounded, false)
			}
			rand.New(rand.NewPCG(uint64(shuffle), 0)).Shuffle(len(bounded), func(i, j int) {
				bounded[i], bounded[j] = bounded[j], bounded[i]
			})
			p := newPool(t, 1024)
			var all []*LocalBufferPool
			for _, b := range bounded {
				o := LocalOptions{Required: 1}
				if b {
					o.Max = 10
				}
				all = append(all, newLocal(t, p, o))
			}
			avail := 1024 - len(bounded)
			for i, l := range all {
				room := avail
				if bounded[i] {
					room = 9
				}
				k := avail*room/(c.unbounded*avail+18) + 1
				if got := l.Size(); got != k && got != k+1 {
					t.Errorf("%v: pool %d got %d, want %d or one more", bounded, i, got, k)
				}
			}
		}
	}
}

// R1.3: 32 pools of any kind: after every creation, all that can be used is handed out.
func TestR1_3_Random(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv("SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("rerun with SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		const total = 1024
		p := newPool(t, total)
		var all []*LocalBufferPool
		most := 0
		for range 32 {
			o := LocalOptions{Required: 1 + rng.IntN(7)}
			if rng.IntN(2) == 0 {
				o.Max = o.Required + rng.IntN(10)
				most += o.Max
			} else {
				most += total
			}
			all = append(all, newLocal(t, p, o))
			sum := 0
			for _, l := range all {
				sum += l.Size()
			}
			if want := min(total, most); sum != want {
				t.Fatalf("%d pools have %d, want %d", len(all), sum, want)
			}
		}
	}
}

// R1.3: what was promised is promised even while another pool still has it: that one's users give it back.
func TestR1_3_OverProvisioned(t *testing.T) {
	const total, required = 1024, 256
	const taken = total/2 + 1
	p := newPool(t, total)
	first := newLocal(t, p, LocalOptions{Required: required, Max: total})
	out := request(t, first, -1, taken)
	second := newLocal(t, p, LocalOptions{Required: total - required})
	if got, want := sizes(first, second), fmt.Sprintf("%d %d", required, total-required); got != want {
		t.Errorf("sizes %s, want %s", got, want)
	}
	requestNone(t, first, -1)
	got := request(t, second, -1, total-taken)
	requestNone(t, second, -1)
	for i := range taken - required { // each excess buffer that comes back is fetched at once
		out[i].Recycle()
		if free := p.Available(); free != 0 || second.Idle() != 1 {
			t.Fatalf("%d free, %d idle after %d came back", free, second.Idle(), i+1)
		}
		got = append(got, request(t, second, -1, 1)...)
	}
	requestNone(t, second, -1)
	recycle(out[taken-required:]...)
	recycle(got...)
}

// R1.3: nothing is promised that is not there.
func TestR1_3_Insufficient(t *testing.T) {
	p := newPool(t, 10)
	refused := func(what string, err error, want InsufficientError) {
		t.Helper()
		var got *InsufficientError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%s: %v, want %v", what, err, &want)
		}
	}
	_, err := p.CreateLocal(LocalOptions{Required: 11})
	refused("more than there are", err, InsufficientError{Required: 11, Available: 10, Total: 10, SegmentSize: 64})
	l := newLocal(t, p, LocalOptions{Required: 6})
	_, err = p.CreateLocal(LocalOptions{Required: 5})
	refused("more than are left", err, InsufficientError{Required: 5, Available: 4, Total: 10, SegmentSize: 64})
	_, err = p.RequestUnpooled(context.Background(), 5)
	refused("unpooled", err, InsufficientError{Required: 5, Available: 4, Total: 10, SegmentSize: 64})
	const text = "insufficient number of network buffers: required 5, but only 4 available; " +
		"the total number of network buffers is currently set to 10 of 64 bytes each and has to be raised"
	if err.Error() != text {
		t.Errorf("says %q", err)
	}
	if got := sizes(l); got != "10" {
		t.Errorf("size %s after refusals, want all", got)
	}
	exact := newLocal(t, p, LocalOptions{Required: 4})
	if got := sizes(l, exact); got != "6 4" {
		t.Errorf("sizes %s", got)
	}
}

// The arithmetic alone, where no pool gets to.
func TestSpreadHandsOutEverything(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for range 10_000 {
		spare := rng.IntN(1 << rng.IntN(20))
		rooms := make([]int, rng.IntN(12))
		all := 0
		for i := range rooms {
			rooms[i] = rng.IntN(1 << rng.IntN(20))
			if rng.IntN(3) == 0 {
				rooms[i] = NoBound - rng.IntN(10)
			}
			all += min(spare, rooms[i])
		}
		sum := 0
		for i, share := range spread(spare, rooms) {
			if share < 0 || share > rooms[i] {
				t.Fatalf("%d of %d for %d: %d", i, spare, rooms[i], share)
			}
			sum += share
		}
		if want := min(spare, all); sum != want {
			t.Fatalf("spread(%d, %d) hands out %d, want %d", spare, rooms, sum, want)
		}
	}
}

// NetworkBufferPoolTest: the estimate of what users would like to have.
func TestRequestedUsage(t *testing.T) {
	p := newPool(t, 10)
	usage := func(want int) {
		t.Helper()
		if got := p.RequestedUsage(); got != want {
			t.Errorf("usage %d %%, want %d", got, want)
		}
	}
	usage(0)
	bounded := newLocal(t, p, LocalOptions{Required: 1, Max: 5})
	usage(50)
	unbounded := newLocal(t, p, LocalOptions{Required: 2}) // twice its promise
	usage(90)
	s, err := p.RequestUnpooled(context.Background(), 3)
	if err != nil {
		t.Fatal(err)
	}
	usage(120)
	bounded.Destroy()
	usage(70)
	p.RecycleUnpooled(s)
	unbounded.Destroy()
	usage(0)
}
