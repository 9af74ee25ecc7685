// queue_test.go: a queue with priority elements against slices that do the same naively (Flink: PrioritizedDequeTest).

package partition

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"xbench/core/buffer"
)

func TestQueueAgainstSlices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var priority, ordinary []int // lengths of the elements, which tell them apart
		next := 0
		element := func() buffer.Consumer {
			next++
			return buffer.FinishedConsumer(buffer.Unpooled(make([]byte, next), buffer.EventBuffer))
		}
		steps := map[string]func(*rapid.T){
			"add":         func(*rapid.T) { q.add(element()); ordinary = append(ordinary, next) },
			"addPriority": func(*rapid.T) { q.addPriority(element()); priority = append(priority, next) },
			"poll": func(t *rapid.T) {
				want := slices.Concat(priority, ordinary)
				if len(want) == 0 {
					t.Skip("empty")
				}
				c := q.poll()
				if c.Written() != want[0] {
					t.Fatalf("polled %d, wanted %d", c.Written(), want[0])
				}
				if len(priority) > 0 {
					priority = priority[1:]
				} else {
					ordinary = ordinary[1:]
				}
			},
			"remove": func(t *rapid.T) {
				want := slices.Concat(priority, ordinary)
				if len(want) == 0 {
					t.Skip("empty")
				}
				i := rapid.IntRange(0, len(want)-1).Draw(t, "at")
				c := q.remove(i)
				if c.Written() != want[i] {
					t.Fatalf("removed %d, wanted %d", c.Written(), want[i])
				}
				if i < len(priority) {
					priority = slices.Delete(priority, i, i+1)
				} else {
					ordinary = slices.Delete(ordinary, i-len(priority), i-len(priority)+1)
				}
			},
			"": func(t *rapid.T) {
				var got []int
				for i := range q.size {
					got = append(got, q.at(i).Written())
				}
				if want := slices.Concat(priority, ordinary); !slices.Equal(got, want) || q.priority != len(priority) {
					t.Fatalf("queue %v with %d of priority, wanted %v with %d", got, q.priority, want, len(priority))
				}
				if q.size > 0 && q.last().Written() != got[len(got)-1] {
					t.Fatal("the last element is not the last")
				}
			},
		}
		t.Repeat(steps)
	})
}
