// ready_test.go: the two queues of this package against naive ones, step by step.

package gate

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"xbench/core/buffer"
)

// TestReadyIsAFIFOWithPriority: any sequence of pushes, promotions, polls and removals against two slices.
func TestReadyIsAFIFOWithPriority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "channels")
		r := newReady(n)
		var ordinary, priority []int
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, n-1).Draw(t, "channel")
			wasEmpty := len(ordinary)+len(priority) == 0
			in := slices.Contains(ordinary, i) || slices.Contains(priority, i)
			switch rapid.SampledFrom([]string{"push", "push", "priority", "pop", "remove"}).Draw(t, "step") {
			case "push":
				if got, want := r.push(i), wasEmpty && !in; got != want {
					t.Fatalf("push %d: edge %v, want %v", i, got, want)
				}
				if !in {
					ordinary = append(ordinary, i)
				}
			case "priority":
				first := len(priority) == 0
				if got := r.pushPriority(i); got != first {
					t.Fatalf("pushPriority %d: edge %v, want %v", i, got, first)
				}
				if !slices.Contains(priority, i) {
					ordinary = slices.DeleteFunc(ordinary, func(k int) bool { return k == i })
					priority = append(priority, i)
				}
			case "pop":
				all := slices.Concat(priority, ordinary)
				got, ok := r.pop()
				if ok != (len(all) > 0) || ok && got != all[0] {
					t.Fatalf("pop: %d %v, want the first of %v", got, ok, all)
				}
				if len(priority) > 0 {
					priority = priority[1:]
				} else if len(ordinary) > 0 {
					ordinary = ordinary[1:]
				}
			case "remove":
				r.remove(i)
				gone := func(k int) bool { return k == i }
				ordinary, priority = slices.DeleteFunc(ordinary, gone), slices.DeleteFunc(priority, gone)
			}
			if r.empty() != (len(ordinary)+len(priority) == 0) {
				t.Fatalf("empty: %v with %v and %v", r.empty(), priority, ordinary)
			}
		}
	})
}

// TestReceivedOrder is R8.1 (c) for the receiver's queue: what has priority goes ahead of everything queued, yet behind what had it earlier. The
// bytes are counted along.
func TestReceivedOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q received
		var ordinary, priority []int32
		bytes := map[int32]int{}
		next := int32(0)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			n := rapid.IntRange(0, 9).Draw(t, "bytes")
			a := arrival{buf: buffer.Unpooled(make([]byte, n), buffer.DataBuffer), sequence: next}
			switch rapid.SampledFrom([]string{"push", "push", "priority", "pop"}).Draw(t, "step") {
			case "push":
				q.push(a)
				ordinary = append(ordinary, next)
				bytes[next] = n
				next++
			case "priority":
				q.pushPriority(a)
				priority = append(priority, next)
				bytes[next] = n
				next++
			case "pop":
				all := slices.Concat(priority, ordinary)
				got, ok := q.pop()
				if ok != (len(all) > 0) || ok && got.sequence != all[0] {
					t.Fatalf("pop: %d %v, want the first of %v", got.sequence, ok, all)
				}
				delete(bytes, got.sequence)
				if len(priority) > 0 {
					priority = priority[1:]
				} else if len(ordinary) > 0 {
					ordinary = ordinary[1:]
				}
			}
			sum := 0
			for _, n := range bytes {
				sum += n
			}
			if q.count != len(bytes) || q.bytes != sum || q.priority != len(priority) {
				t.Fatalf("%d arrivals of %d bytes, %d with priority; want %d, %d, %d", q.count, q.bytes, q.priority, len(bytes), sum, len(priority))
			}
		}
	})
}
