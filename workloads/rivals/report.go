// report.go: the document: every case, every system, every number with its spread.

package main

import (
	"time"

	"xbench/results"
	"xbench/workloads/rivals/field"
)

// report is what a run found out. --format json prints it.
type report struct {
	Schema      string       `json:"schema"`
	Started     time.Time    `json:"started"`
	Interrupted bool         `json:"interrupted"`
	Host        results.Host `json:"host"`
	Seed        uint64       `json:"seed"`
	Rounds      int          `json:"rounds"` // as planned
	WarmupNs    int64        `json:"warmup_ns"`
	DurationNs  int64        `json:"duration_ns"`
	Cases       []caseReport `json:"cases"`
}

const schema = "xbench.rivals/v1"

type caseReport struct {
	Name   string       `json:"name"`
	Kind   kind         `json:"kind"`
	What   string       `json:"what"`
	Spec   field.Spec   `json:"spec"`
	Limits limitsReport `json:"limits"`
	Rows   []row        `json:"systems"`
}

type limitsReport struct {
	CopyInCache    spread `json:"copy_in_cache_bytes_per_s"`
	CopyOutOfCache spread `json:"copy_out_of_cache_bytes_per_s"`
	EncodeNs       spread `json:"encode_ns_per_record"`
	DecodeNs       spread `json:"decode_ns_per_record"`
	StreamPerS     spread `json:"tcp_stream_bytes_per_s"`
	ByteNs         spread `json:"tcp_stream_cpu_ns_per_byte"`
	PingPongNs     spread `json:"tcp_ping_pong_p50_ns"`
	RecordsPerMs   spread `json:"bound_records_per_ms"`
	OneWayNs       spread `json:"bound_one_way_ns"`
}

// row is one system in one case. "Ratio" is to the exchange, round by round.
type row struct {
	System       string     `json:"system"`
	What         string     `json:"what"`
	Flow         field.Flow `json:"flow_control"`
	Ceiling      bool       `json:"ceiling"`
	Rounds       int        `json:"rounds"` // in which it was measured
	Invalid      []string   `json:"invalid"`
	RecordsPerMs spread     `json:"records_per_ms"`
	Ratio        spread     `json:"records_per_ms_ratio"`
	CPUNs        spread     `json:"cpu_ns_per_record"`
	CPURatio     spread     `json:"cpu_ns_per_record_ratio"`
	P50          spread     `json:"p50_ns"`
	P50Ratio     spread     `json:"p50_ratio"`
	P99          spread     `json:"p99_ns"`
	P99Ratio     spread     `json:"p99_ratio"`
	LimitPercent spread     `json:"percent_of_limit"`
	Planned      spread     `json:"planned_records_per_ms"`
	Healthy      spread     `json:"healthy_percent_of_planned"`
}

// reportOf sums the rounds of a case up.
func reportOf(w workload, systems []field.System, rounds []round) caseReport {
	c := caseReport{Name: w.name, Kind: w.kind, What: w.what(), Spec: w.spec, Limits: limitsOf(rounds)}
	for _, s := range systems {
		c.Rows = append(c.Rows, rowOf(w, s, rounds))
	}
	return c
}

func rowOf(w workload, s field.System, rounds []round) row {
	r := row{System: s.Name, What: s.What, Flow: s.Flow, Ceiling: s.Ceiling, Invalid: []string{}}
	for _, round := range rounds {
		if sample, there := round.samples[s.Name]; there {
			r.Rounds++
			if sample.invalid != "" {
				r.Invalid = append(r.Invalid, sample.invalid)
			}
		}
	}
	both := func(get func(sample) float64) (own, ratio spread) {
		mine, ours := column(rounds, s.Name, get), column(rounds, field.Ours, get)
		return spreadOf(mine), spreadOf(ratios(mine, ours))
	}
	r.RecordsPerMs, r.Ratio = both(func(s sample) float64 { return s.recordsPerMs })
	r.CPUNs, r.CPURatio = both(func(s sample) float64 { return s.cpuNs })
	switch w.kind {
	case throughput:
		r.P50, r.P50Ratio = both(func(s sample) float64 { return s.p50 })
	case latency:
		r.P50, r.P50Ratio = both(func(s sample) float64 { return s.p50 })
		r.P99, r.P99Ratio = both(func(s sample) float64 { return s.p99 })
	case stalled:
		r.Planned = spreadOf(column(rounds, s.Name, func(s sample) float64 { return s.planned }))
		r.Healthy = spreadOf(column(rounds, s.Name, func(s sample) float64 { return s.healthy }))
	}
	r.LimitPercent = spreadOf(limitPercents(w, s, rounds))
	return r
}

// column is one number of a system, round by round; missing where there is none.
func column(rounds []round, system string, get func(sample) float64) []float64 {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = missing
		if s, there := r.samples[system]; there && s.invalid == "" {
			values[i] = get(s)
		}
	}
	return values
}

// limitPercents are how close a system comes to the bound, round by round. Without a connection there is no such bound, and none for a stopped consumer.
func limitPercents(w workload, s field.System, rounds []round) []float64 {
	bound := make([]float64, len(rounds))
	for i, r := range rounds {
		bound[i] = missing
		switch {
		case s.Processes == 1:
		case w.kind == throughput:
			bound[i] = r.limits.recordsPerMs() / 100
		case w.kind == latency:
			bound[i] = r.limits.oneWayNs() * 100
		}
	}
	if w.kind == latency {
		return ratios(bound, column(rounds, s.Name, func(s sample) float64 { return s.p50 }))
	}
	return ratios(column(rounds, s.Name, func(s sample) float64 { return s.recordsPerMs }), bound)
}

func limitsOf(rounds []round) limitsReport {
	of := func(get func(limits) float64) spread {
		values := make([]float64, len(rounds))
		for i, r := range rounds {
			values[i] = missing
			if v := get(r.limits); v != 0 { // a loop that did not run
				values[i] = v
			}
		}
		return spreadOf(values)
	}
	return limitsReport{
		CopyInCache:    of(func(l limits) float64 { return l.loops.CopyInCache }),
		CopyOutOfCache: of(func(l limits) float64 { return l.loops.CopyOutOfCache }),
		EncodeNs:       of(func(l limits) float64 { return l.loops.EncodeNs }),
		DecodeNs:       of(func(l limits) float64 { return l.loops.DecodeNs }),
		StreamPerS:     of(func(l limits) float64 { return l.streamPerS }),
		ByteNs:         of(func(l limits) float64 { return l.byteNs }),
		PingPongNs:     of(func(l limits) float64 { return l.pingPongNs }),
		RecordsPerMs:   of(limits.recordsPerMs),
		OneWayNs:       of(limits.oneWayNs),
	}
}
