// cases.go: the work that everybody is given.

package main

import (
	"time"

	"xbench/workloads/rivals/field"
)

// kind is what a case asks.
type kind string

const (
	throughput kind = "throughput" // how much, at what price
	latency    kind = "latency"    // how late
	stalled    kind = "stalled"    // what the healthy channels get while one consumer stands still
)

// workload is one case.
type workload struct {
	name string
	kind kind
	spec field.Spec
}

// workloads are all cases, in the order in which they run.
func workloads() []workload {
	longs := func(writers, channels int, timeout time.Duration) field.Spec {
		return field.Spec{Writers: writers, Channels: channels, Consumers: 1, Size: 8, Timeout: timeout}
	}
	paced := func(rate uint64) field.Spec {
		return field.Spec{Writers: 1, Channels: 1, Consumers: 1, Size: 16, Rate: rate}
	}
	return []workload{
		{"12B-4x100-100ms", throughput, longs(4, 100, 100*time.Millisecond)},
		{"12B-4x1000-100ms", throughput, longs(4, 1000, 100*time.Millisecond)},
		{"12B-4x1000-1ms", throughput, longs(4, 1000, time.Millisecond)},
		{"12B-1x1-100ms", throughput, longs(1, 1, 100*time.Millisecond)},
		{"1KiB-4x100-100ms", throughput, field.Spec{Writers: 4, Channels: 100, Consumers: 1, Size: 1024, Timeout: 100 * time.Millisecond}},
		{"latency-1k", latency, paced(1000)},
		{"latency-10k", latency, paced(10_000)},
		{"stalled-1-of-8", stalled, field.Spec{Writers: 8, Channels: 1, Consumers: 8, Size: 1024, Timeout: 100 * time.Millisecond}},
	}
}

// what says in words what a case does.
func (w workload) what() string {
	switch w.kind {
	case latency:
		return "one-way latency from the intended instant: 1 writer, 1 channel, every record flushed, open loop at " + count(float64(w.spec.Rate)) + " records/s"
	case stalled:
		return "8 writers with a channel each to 8 consumers at half of the system's own maximum, the 8th consumer stopped for the whole window"
	}
	return "as fast as it goes, every value checked"
}
