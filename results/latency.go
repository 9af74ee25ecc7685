// latency.go: a distribution of latencies in eight numbers, and which of them its sample supports.

package results

import "github.com/HdrHistogram/hdrhistogram-go"

// Histograms of latencies reach from 1 ns to 1 h with three digits. A value outside is an
// error of whoever recorded it: it is counted, and makes the trial invalid.
const (
	LatencyMinNs  = 1
	LatencyMaxNs  = int64(3600) * 1e9
	LatencyDigits = 3
)

// NewHistogram makes an empty histogram of the shape that all of ours have. It is not safe
// for concurrent use: one per goroutine, merged at the end.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(LatencyMinNs, LatencyMaxNs, LatencyDigits)
}

// Latency is a distribution in nanoseconds. Min and Max are exact; the percentiles are a
// histogram's, good to three digits and never above Max.
//
// All keys always exist and are finite. A percentile whose sample is too small to speak for
// it (fewer than ten values above it: p50 needs 20 values, p90 100, p99 1,000, p99_9 10,000)
// still holds what was seen, but its key is listed in Unsupported: tables print n/a for it
// and benchmark lines leave it out. With Count 0 everything is 0 and unsupported.
type Latency struct {
	Count       uint64   `json:"count"`
	Min         int64    `json:"min"`
	P50         int64    `json:"p50"`
	P90         int64    `json:"p90"`
	P99         int64    `json:"p99"`
	P999        int64    `json:"p99_9"`
	Max         int64    `json:"max"`
	Unsupported []string `json:"unsupported,omitempty"`
}

// percentiles are the keys of a Latency in ascending order, with the values they need: ten above.
var percentiles = []struct {
	key     string
	percent float64
	needs   uint64
	in      func(*Latency) *int64
}{
	{"p50", 50, 20, func(l *Latency) *int64 { return &l.P50 }},
	{"p90", 90, 100, func(l *Latency) *int64 { return &l.P90 }},
	{"p99", 99, 1_000, func(l *Latency) *int64 { return &l.P99 }},
	{"p99_9", 99.9, 10_000, func(l *Latency) *int64 { return &l.P999 }},
}

// LatencyOf tells h in numbers. min and max are the exact extremes of what was recorded,
// which a histogram knows to three digits only. h may be nil.
func LatencyOf(h *hdrhistogram.Histogram, min, max int64) Latency {
	var l Latency
	if h != nil && h.TotalCount() > 0 {
		l.Count, l.Min, l.Max = uint64(h.TotalCount()), min, max
	}
	for _, p := range percentiles {
		if l.Count > 0 {
			*p.in(&l) = clamp(h.ValueAtPercentile(p.percent), min, max)
		}
		if l.Count < p.needs {
			l.Unsupported = append(l.Unsupported, p.key)
		}
	}
	return l
}

// Percentile is the percentile with this key ("p50", "p90", "p99", "p99_9"), and whether the
// sample supports it.
func (l *Latency) Percentile(key string) (ns int64, supported bool) {
	for _, p := range percentiles {
		if p.key == key {
			return *p.in(l), l.Count >= p.needs
		}
	}
	panic("results: no percentile is called " + key)
}

// clamp keeps a bucket's upper edge inside what was really recorded.
func clamp(v, low, high int64) int64 { return max(low, min(v, high)) }

// mergedLatency is the distribution of several trials taken together.
func mergedLatency(trials []*Trial, of func(*Trial) (Latency, *hdrhistogram.Histogram)) Latency {
	merged := NewHistogram()
	var lowest, highest int64
	for _, t := range trials {
		l, h := of(t)
		if h == nil || l.Count == 0 {
			continue
		}
		if merged.TotalCount() == 0 {
			lowest, highest = l.Min, l.Max
		}
		lowest, highest = min(lowest, l.Min), max(highest, l.Max)
		if dropped := merged.Merge(h); dropped > 0 {
			panic("results: a trial's histogram is not of NewHistogram's shape")
		}
	}
	return LatencyOf(merged, lowest, highest)
}
