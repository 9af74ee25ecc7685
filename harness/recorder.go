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
	_         ownLine
}

func newRecorder() *recorder {
	return &recorder{histogram: results.NewHistogram(), min: math.MaxInt64, max: math.MinInt64}
}

// record enters n durations of ns each.
func (r *recorder) record(ns, n int64) {
	// The histogram has room for somewhat more than it was made for: the limit is ours to keep.
	if ns < 0 || ns > results.LatencyMaxNs || r.histogram.RecordValues(ns, n) != nil {
		r.refuse(ns, n)
		return
	}
	if ns < r.min {
		r.min = ns
	}
	if ns > r.max {
		r.max = ns
	}
}

// refuse counts n durations of ns that cannot be.
func (r *recorder) refuse(ns, n int64) {
	if r.refused == 0 {
		r.refusal = ns
	}
	r.refused += uint64(n)
}

// latency tells the distribution in numbers.
func (r *recorder) latency() results.Latency {
	return results.LatencyOf(r.histogram, r.min, r.max)
}

// recording is r for the way to the coordinator, nil when nothing was ever recorded.
func (r *recorder) recording() (*recording, error) {
	if r.histogram.TotalCount() == 0 && r.refused == 0 {
		return nil, nil
	}
	encoded, err := r.histogram.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, err
	}
	return &recording{Histogram: string(encoded), Min: r.min, Max: r.max, Refused: r.refused, Refusal: r.refusal}, nil
}

// addRecording takes over what a worker recorded; nil is nothing.
func (r *recorder) addRecording(from *recording) error {
	if from == nil {
		return nil
	}
	h, err := hdrhistogram.Decode([]byte(from.Histogram))
	if err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	if dropped := r.histogram.Merge(h); dropped != 0 {
		return fmt.Errorf("%w: a histogram of another shape: %d values do not fit", errProtocol, dropped)
	}
	if r.refused == 0 {
		r.refusal = from.Refusal
	}
	r.refused += from.Refused
	r.min, r.max = min(r.min, from.Min), max(r.max, from.Max)
	return nil
}
