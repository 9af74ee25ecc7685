// report_test.go: the arithmetic from rounds to the document, and the tables.

package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"xbench/results"
	"xbench/workloads/rivals/field"
)

// Ratios are of the same round: a machine that was slow in one of them does not bend them.
func TestRatiosArePairByPair(t *testing.T) {
	raw := []float64{100, 50, missing, 300, 10}
	ours := []float64{200, 100, 7, 200, missing}
	got := spreadOf(ratios(raw, ours))
	if want := (spread{Median: 0.5, Min: 0.5, Max: 1.5, N: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := spreadOf([]float64{missing, missing}); got.N != 0 || got.text(count) != "-" {
		t.Errorf("%+v of nothing", got)
	}
	if got := spreadOf([]float64{4, 1, 3, 2}); got.Median != 2.5 || got.Min != 1 || got.Max != 4 {
		t.Errorf("%+v", got)
	}
	if got := spreadOf(ratios([]float64{1}, []float64{0})); got.N != 0 {
		t.Errorf("%+v of a division by nothing", got)
	}
}

func TestBounds(t *testing.T) {
	l := limits{size: 8, loops: field.Loops{EncodeNs: 3, DecodeNs: 1}, streamPerS: 2.4e9, byteNs: 0.5, pingPongNs: 30_000}
	if got := l.recordsPerMs(); got <= 0 || got > 200_000 {
		t.Errorf("%v records/ms where the connection carries 200,000", got)
	}
	l.streamPerS = 12
	if got := l.recordsPerMs(); got != 0.001 {
		t.Errorf("%v records/ms over a connection of one record a second", got)
	}
	l.streamPerS = math.Inf(1)
	cores := l.recordsPerMs()
	l.byteNs = 1
	if slower := l.recordsPerMs(); cores/slower != 16.0/10 { // 3 + 1 + 12 x 1 instead of 3 + 1 + 12 x 0.5
		t.Errorf("%v, and %v with bytes that cost twice as much", cores, slower)
	}
	if l.oneWayNs() != 15_000 {
		t.Errorf("one way %v of 30 us there and back", l.oneWayNs())
	}
}

// Nothing in the window is no fault of a case with a stopped consumer, if everything came in the end; anywhere else it is.
func TestWhichTrialsCount(t *testing.T) {
	still := results.Trial{Numbers: results.Numbers{Outcome: results.Invalid, Verified: true, Reason: "nothing measured"}}
	if got := invalid(still, true); got != "" {
		t.Errorf("standing still: %s", got)
	}
	if got := invalid(still, false); got != "nothing measured" {
		t.Errorf("no complaint about %q", got)
	}
	lost := results.Trial{Numbers: results.Numbers{Outcome: results.Invalid, Reason: "writer 0 channel 3: 5 records sent, 4 received"}}
	if got := invalid(lost, true); got != lost.Reason {
		t.Errorf("a lost record: %q", got)
	}
}

// fixed are two rounds of two systems, one of whose trials was invalid.
func fixed(k kind) caseReport {
	var w workload
	for _, w = range workloads() {
		if w.kind == k {
			break
		}
	}
	l := limits{size: w.spec.Size, loops: field.Loops{CopyInCache: 4e10, CopyOutOfCache: 1e10, EncodeNs: 3, DecodeNs: 1.5}, streamPerS: 2.4e9, byteNs: 1e-9, pingPongNs: 30_000}
	a := sample{recordsPerMs: 100_000, cpuNs: 15.5, p50: 60_000, p99: 150_000, planned: 50_000, healthy: 99.5}
	b := sample{recordsPerMs: 120_000, cpuNs: 12.25, p50: 30_000, p99: missing, planned: 60_000, healthy: 0}
	rounds := []round{
		{limits: l, samples: map[string]sample{"exchange": a, "raw-tcp": b}},
		{limits: l, samples: map[string]sample{"exchange": b, "raw-tcp": {invalid: "2 records lost"}}},
	}
	systems := field.Systems()
	return reportOf(w, []field.System{systems[0], systems[7]}, rounds)
}

func TestTables(t *testing.T) {
	for k, want := range map[kind][]string{
		throughput: {
			"exchange 110,000 (100,000 - 120,000) 1.00 (1.00 - 1.00) 0.0 (0.0 - 0.1) 13.9 (12.2 - 15.5) 1.00 (1.00 - 1.00) 55 (50 - 60) 2 of 2",
			"raw-tcp (ceiling) 120,000 1.20 0.0 12.2 0.79 60 1 of 2",
		},
		latency: {
			"exchange 45.0 (30.0 - 60.0) 1.00 (1.00 - 1.00) 150 1.00 38 (25 - 50) 2 of 2",
			"raw-tcp (ceiling) 30.0 0.50 - - 50 1 of 2",
		},
		stalled: {
			"exchange per channel 110,000 (100,000 - 120,000) 55,000 (50,000 - 60,000) 49.8 (0.0 - 99.5) 2 of 2",
			"raw-tcp (ceiling) per connection 120,000 60,000 0.0 1 of 2",
		},
	} {
		c := fixed(k)
		for _, markdown := range []bool{false, true} {
			var out bytes.Buffer
			if err := c.write(&out, markdown); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(strings.ReplaceAll(out.String(), "|", " ")), " ")
			for _, row := range append(want, "raw-tcp: invalid: 2 records lost") {
				if !strings.Contains(text, row) {
					t.Errorf("%s: %q is not in\n%s", k, row, out.String())
				}
			}
		}
	}
}

func TestDocumentAndExit(t *testing.T) {
	r := report{Schema: schema, Cases: []caseReport{fixed(throughput)}}
	var out bytes.Buffer
	if err := r.write(&out, "json"); err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if raw := back.Cases[0].Rows[1]; raw.Ratio.Median != 1.2 || raw.Ratio.N != 1 || raw.Invalid[0] != "2 records lost" {
		t.Errorf("%+v", raw)
	}
	if code := (&conductor{}).exit(r); code != results.ExitInvalid {
		t.Errorf("exit %d with an invalid trial", code)
	}
	r.Cases[0].Rows = r.Cases[0].Rows[:1]
	if code := (&conductor{}).exit(r); code != results.ExitPass {
		t.Errorf("exit %d without", code)
	}
}
