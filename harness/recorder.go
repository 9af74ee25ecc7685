// recorder.go: a distribution of durations, written by one goroutine.

package harness

import (
	"fmt"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"

	"xbench/results"
)

// recorder keeps durations of one goroutine: a histogram, the exact extremes that a
// histogram would round, and how many values it had to refuse.
type recorder struct {
	histogram *hdrhistogram.Histogram
	min, max  int64
	refused   uint64 // below 0 or above results.LatencyMaxNs: a clock or a schedule is broken
	refusal   int64  // the first of them
}

func newRecorder() *recorder {
	return &recorder{histogram: results.NewHistogram(), min: math.MaxInt64, max: math.MinInt64}
}

// record enters n durations of ns each.
func (r *recorder) record(ns, n int64) {
	// The histogram has room for somewhat more than it was made for: the limit is ours to keep.
	if ns < 0 || ns > results.LatencyMaxNs || r.histogram.RecordValues(ns, n) != nil {
		if r.refused == 0 {
			r.refusal = ns
		}
		r.refused += uint64(n)
		return
	}
	r.min, r.max = min(r.min, ns), max(r.max, ns)
}

// add takes over what s recorded.
func (r *recorder) add(s *recorder) {
	if dropped := r.histogram.Merge(s.histogram); dropped != 0 {
		panic(fmt.Sprintf("harness: merging two histograms of one shape dropped %d values", dropped))
	}
	if r.refused == 0 {
		r.refusal = s.refusal
	}
	r.refused += s.refused
	r.min, r.max = min(r.min, s.min), max(r.max, s.max)
}

// latency tells the distribution in numbers.
func (r *recorder) latency() results.Latency {
	return results.LatencyOf(r.histogram, r.min, r.max)
}
