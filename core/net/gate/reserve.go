// reserve.go: the memory of all exclusive buffers of a gate, the warmest first.

package gate

import (
	"sync"

	"xbench/core/buffer"
)

// reserve holds the free exclusive segments of all channels of a gate. How many of them are whose the channels count themselves; which ones they get
// makes no difference to them, but to the caches: the segment that was read last is the one to receive into next, whatever channel it was read
// from. With segments of their own, 400 channels go through 26 MB, however little is in flight.
//
// A channel puts a segment in before it counts it, and counts one off before it takes one out: so there are never too few.
type reserve struct {
	mu struct {
		sync.Mutex
		free []*buffer.Segment
	}
}

func (r *reserve) put(segments ...*buffer.Segment) {
	r.mu.Lock()
	r.mu.free = append(r.mu.free, segments...)
	r.mu.Unlock()
}

func (r *reserve) take() *buffer.Segment {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.mu.free) - 1
	s := r.mu.free[last]
	r.mu.free = r.mu.free[:last]
	return s
}

// takeCold takes n segments out at the end that is used last.
func (r *reserve) takeCold(n int) []*buffer.Segment {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := append([]*buffer.Segment(nil), r.mu.free[:n]...)
	r.mu.free = r.mu.free[:copy(r.mu.free, r.mu.free[n:])]
	return out
}
