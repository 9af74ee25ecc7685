// sample.go: what one round measured.

package main

import (
	"time"

	"xbench/results"
	"xbench/workloads/rivals/field"
)

// round is one turn of everybody in one case.
type round struct {
	limits  limits
	samples map[string]sample // by system
}

// sample is what one trial of a system says, or two of them in a case with a stopped consumer. Fields that a case does not ask for mean nothing.
type sample struct {
	invalid      string  // why it counts for nothing; "": it counts
	recordsPerMs float64 // of a stalled case: the maximum, without a stop
	cpuNs        float64 // per record
	p50, p99     float64 // in ns; missing: too few samples
	planned      float64 // records per ms of a stalled case
	healthy      float64 // what those whose consumer reads received of what was planned for them, in percent
}

// measuredSample takes a trial's numbers.
func measuredSample(r results.Trial) sample {
	s := sample{invalid: invalid(r, false), recordsPerMs: r.RecordsPerSec / 1e3, cpuNs: r.CPUNsPerRecord, p50: missing, p99: missing}
	if ns, ok := r.Latency.Percentile("p50"); ok {
		s.p50 = float64(ns)
	}
	if ns, ok := r.Latency.Percentile("p99"); ok {
		s.p99 = float64(ns)
	}
	return s
}

// invalid says why a trial counts for nothing. Where consumers may stand still it is no fault that nothing arrived in the window, as long
// as everything did in the end.
func invalid(r results.Trial, mayStandStill bool) string {
	if r.Outcome == results.Pass || mayStandStill && r.Verified && r.RecordsPerSec == 0 {
		return ""
	}
	if r.Reason == "" {
		return string(r.Outcome)
	}
	return r.Reason
}

// healthyPercent is what all consumers but the last received in the window, of what was planned for them.
func healthyPercent(r results.Trial, s field.Spec, window time.Duration) float64 {
	var received uint64
	for _, sink := range r.Sinks[:max(0, len(r.Sinks)-1)] {
		received += sink.Records
	}
	planned := float64(s.Rate) * window.Seconds() * float64(s.Consumers-1) / float64(s.Consumers)
	return 100 * float64(received) / planned
}
