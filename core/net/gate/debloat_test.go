package gate

import (
	"fmt"
	"testing"
	"time"

	"xbench/core/meter"
)

// R1.9: the average of Flink's BufferSizeEMATest: start 200, min 10, alpha 0.5.
func TestR1_9SizeAverage(t *testing.T) {
	type step struct {
		total   int64
		buffers int
		want    []int
	}
	for name, c := range map[string]struct {
		max   int
		steps []step
	}{
		"down and up": {2000, []step{
			{111, 13, []int{104}},
			{107, 7, []int{60, 38, 26, 21, 18}},
			{107, 13, []int{13, 11, 10}},
			{333, 1, []int{15, 23, 34, 51, 76, 114}}, // at most twice the last size before smoothing
		}},
		"bounded above": {200, []step{{0, 1, []int{100}}, {1000, 1, []int{150, 200, 200}}}},
		"bounded below": {200, []step{{0, 1, []int{100, 50, 25, 13, 10, 10}}}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newSizeAverage(200, 10, c.max, 3)
			for _, s := range c.steps {
				for i, want := range s.want {
					if got := a.next(s.total, s.buffers); got != want {
						t.Errorf("%d bytes in %d buffers, step %d: %d, want %d", s.total, s.buffers, i, got, want)
					}
				}
			}
		})
	}
}

// R1.9: with a small alpha the size grows by less than a byte a step, and does grow.
func TestR1_9SizeAverageKeepsFractions(t *testing.T) {
	a := newSizeAverage(16, 10, 2000, 10_000)
	for range 10_000 {
		a.next(1000, 1)
	}
	if got := a.next(1000, 1); got <= 16 {
		t.Errorf("still %d after 10,000 steps", got)
	}
}

func TestR1_9SizeAverageRefusesNonsense(t *testing.T) {
	for _, c := range []struct {
		total   int64
		buffers int
	}{{-1, 1}, {1, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d bytes in %d buffers were accepted", c.total, c.buffers)
				}
			}()
			a := newSizeAverage(200, 10, 200, 3)
			a.next(c.total, c.buffers)
		}()
	}
}

// R1.8: Flink's BufferDebloaterTest: no smoothing, 16 buffers in use, 3,333 bytes per second.
func TestR1_8Debloater(t *testing.T) {
	for _, c := range []struct {
		target     time.Duration
		min, max   int
		throughput int64
		want       int // announced; 0: nothing
	}{
		{1200 * time.Millisecond, 50, 1100, 3333, 250},
		{1200 * time.Millisecond, 250, 1100, 3333, 250},
		{1200 * time.Millisecond, 50, 1100, 0, 50},
		{7 * time.Millisecond, 50, 1100, 3333, 50},
		{1200 * time.Millisecond, 50, 248, 3333, 0},
		{1200 * time.Millisecond, 50, 250, 3333, 0},
	} {
		t.Run(fmt.Sprintf("%v/%d..%d/%d", c.target, c.min, c.max, c.throughput), func(t *testing.T) {
			d := newDebloater(DebloatOptions{Target: c.target, Samples: 1, Threshold: 0.01, Min: c.min, Start: c.max}, c.max)
			size, announce := d.next(c.throughput, 16)
			if announce != (c.want != 0) || announce && size != c.want {
				t.Errorf("size %d, announced %v; want %d", size, announce, c.want)
			}
		})
	}
}

// R1.8: a change below the threshold is not announced, one at it is; the ends of the range always are, once.
func TestR1_8DebloaterThreshold(t *testing.T) {
	const start, most, least = 16384, 32768, 50
	for _, c := range []struct {
		size int64
		want bool
	}{
		{start, false},
		{start * 129 / 100, false}, {start*130/100 + 1, true},
		{start * 71 / 100, false}, {start * 70 / 100, true},
		{most, true}, {2 * most, true}, {least, true}, {0, true},
	} {
		d := newDebloater(DebloatOptions{Target: time.Second, Samples: 1, Threshold: 0.3, Min: least, Start: start}, most)
		size, announce := d.next(c.size, 1)
		if announce != c.want {
			t.Errorf("%d (wish %d) announced: %v, want %v", size, c.size, announce, c.want)
		}
		if _, again := d.next(int64(size), 1); again {
			t.Errorf("%d was announced twice", size)
		}
	}
}

func TestThroughputCountsBusyTimeOnly(t *testing.T) {
	second := meter.Time(time.Second)
	p := newThroughput()
	p.data(1000, 10*second)
	p.pause(11 * second)    // 1 s for 1000 bytes, then a long wait for more
	p.data(500, 100*second) // 0.5 s for 500
	if got := p.take(100*second + second/2); got != 1000 {
		t.Errorf("%d bytes per second, want 1000", got)
	}
	p.pause(100*second + second/2)
	if got := p.take(200 * second); got != 1000 {
		t.Errorf("with no time measured: %d, want the 1000 from before", got)
	}
}
