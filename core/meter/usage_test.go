// usage_test.go: ratios, queue lengths and snapshots.

package meter

import (
	"slices"
	"testing"
)

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		name string
		u    Usage
		want float64
	}{
		{"nothing in use", Usage{0, 8}, 0},
		{"half", Usage{4, 8}, 0.5},
		{"all", Usage{8, 8}, 1},
		{"overdraft", Usage{10, 8}, 1.25},
		{"nothing there", Usage{0, 0}, 0},
		{"a pool that lost its size", Usage{3, 0}, 0},
		{"a racy negative", Usage{-1, 8}, 0},
		{"together", Usage{1, 2}.Plus(Usage{2, 8}), 0.3},
		{"together with nothing", Usage{1, 2}.Plus(Usage{}), 0.5},
	} {
		if got := c.u.Ratio(); got != c.want {
			t.Errorf("%s: %v is %v, want %v", c.name, c.u, got, c.want)
		}
	}
}

func TestQueueLengths(t *testing.T) {
	for _, c := range []struct {
		lengths []int
		want    QueueLengths
		average float64
	}{
		{nil, QueueLengths{}, 0},
		{[]int{0}, QueueLengths{Queues: 1}, 0},
		{[]int{3}, QueueLengths{Queues: 1, Total: 3, Min: 3, Max: 3}, 3},
		{[]int{2, 0, 5, 1}, QueueLengths{Queues: 4, Total: 8, Min: 0, Max: 5}, 2},
		{[]int{7, 2}, QueueLengths{Queues: 2, Total: 9, Min: 2, Max: 7}, 4.5},
	} {
		var q QueueLengths
		for _, n := range c.lengths {
			q.Add(n)
		}
		if q != c.want || q.Average() != c.average {
			t.Errorf("%v: %+v, average %v; want %+v, %v", c.lengths, q, q.Average(), c.want, c.average)
		}
		want := Snapshot{
			{"totalQueueLen", "gate 2", float64(q.Total), UnitBuffers}, {"minQueueLen", "gate 2", float64(q.Min), UnitBuffers},
			{"maxQueueLen", "gate 2", float64(q.Max), UnitBuffers}, {"avgQueueLen", "gate 2", q.Average(), UnitBuffers},
		}
		if got := q.Append(nil, GateScope(2)); !slices.Equal(got, want) {
			t.Errorf("%v: %v", c.lengths, got)
		}
	}
}

func TestSnapshotValue(t *testing.T) {
	s := Snapshot{{"a", ScopeReader, 1, UnitBytes}, {"a", ScopeTask, 2, UnitBytes}}
	if v, ok := s.Value(ScopeTask, "a"); v != 2 || !ok {
		t.Errorf("%v, %v", v, ok)
	}
	if v, ok := s.Value(ScopeTask, "b"); v != 0 || ok {
		t.Errorf("%v, %v", v, ok)
	}
}

// A total that its owner counts.
func TestCounterRaised(t *testing.T) {
	var c Counter
	for _, n := range []uint64{0, 3, 3, 10} {
		c.Raise(n)
		if got := c.Load(); got != n {
			t.Errorf("raised to %d, reads %d", n, got)
		}
	}
}
