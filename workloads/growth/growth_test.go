// growth_test.go: a run in, a table and a picture out.

package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"xbench/results"
	"xbench/workloads"
)

// runOf leaves a run directory with cases of suite growth, in which a record takes so many nanoseconds, give or take 1.
func runOf(t *testing.T, nsOf map[string]float64) string {
	t.Helper()
	suite, err := workloads.LoadSuite("growth")
	if err != nil {
		t.Fatal(err)
	}
	run := &results.Run{Suite: "growth", Binary: results.Binary{Revision: "0123456789"}}
	dir, err := results.Create(t.TempDir(), "growth", "", run.Started)
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Begin(run); err != nil {
		t.Fatal(err)
	}
	for _, c := range suite.Cases {
		ns := nsOf[c.Name]
		if ns == 0 {
			continue
		}
		planned, err := c.Plan()
		if err != nil {
			t.Fatal(err)
		}
		done := results.Case{Name: c.Name, Driver: "exchange", Config: results.Config{
			Processes: 1, Segments: 2048, SegmentSize: c.SegmentSize, BufferTimeoutNs: int64(c.BufferTimeout), Params: planned.Params,
		}}
		for i := range 3 {
			h := results.NewHistogram()
			_ = h.RecordValue(1000)
			trial := results.Trial{Number: i + 1, Histogram: h}
			trial.Numbers = results.Numbers{
				Verified: ns > 0, RecordsSent: 10, RecordsReceived: 10, CPUNsPerRecord: 2 * (ns + float64(i-1)), RecordsPerSec: 1e9 / (ns + float64(i-1)),
				BytesOfRecords: 1000, BytesExpected: 1012, Latency: results.LatencyOf(h, 1000, 1000),
			}
			done.Trials = append(done.Trials, trial)
		}
		done.Summarize()
		run.Cases = append(run.Cases, done)
		if err := dir.AddCase(run); err != nil {
			t.Fatal(err)
		}
	}
	run.Outcome = results.Pass
	if err := dir.Finish(run); err != nil {
		t.Fatal(err)
	}
	return dir.Path()
}

func TestTableAndPlot(t *testing.T) {
	first := runOf(t, map[string]float64{"channels-1": 10, "channels-1000": 99, "size-1mib": 1e6, "timeout-0s": 20, "segment-4kib": -1})
	second := runOf(t, map[string]float64{"channels-1000": 12})
	out := filepath.Join(t.TempDir(), "deep", "growth")
	if err := write(out, []string{first, second}); err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(filepath.Join(out, "growth.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"## By channels of one writer\n",
		"| 1 | 100M [90.9M, 111M] | 10.0 [9.00, 11.0] | 20.0 [18.0, 22.0] | 763MiB | 1.20 % | 2048 | 64.0MiB |\n", // 2048 segments of 32 KiB, one channel
		"| 1000 | 83.3M [76.9M, 90.9M] | 12.0 [11.0, 13.0] | 24.0 [22.0, 26.0] |",                                 // of the second run
		"| 1MiB | 1.00k",
		"| 0s | 50.0M",
		"| 4KiB | invalid: trial 1: the records were not verified |",
	} {
		if !strings.Contains(string(table), want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	picture, err := os.ReadFile(filepath.Join(out, "growth.svg"))
	if err != nil {
		t.Fatal(err)
	}
	circles := 0
	for d := xml.NewDecoder(bytes.NewReader(picture)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, picture)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 2*4 { // the case that did not pass has no dots
		t.Errorf("%d dots of 4 points:\n%s", circles, picture)
	}
	if strings.Contains(string(picture), "NaN") || strings.Contains(string(picture), "Inf") {
		t.Errorf("a place that is none:\n%s", picture)
	}
}

// Every case of the suite belongs to a dimension, and no two points of one have the same label.
func TestEveryCaseHasAPlace(t *testing.T) {
	suite, err := workloads.LoadSuite("growth")
	if err != nil {
		t.Fatal(err)
	}
	ns := map[string]float64{}
	for _, c := range suite.Cases {
		ns[c.Name] = 10
	}
	s, err := read([]string{runOf(t, ns)})
	if err != nil {
		t.Fatal(err)
	}
	points := 0
	for _, d := range s.dimensions {
		labels := map[string]bool{}
		for _, pt := range d.points {
			if labels[pt.label] {
				t.Errorf("%s: two points are at %s", d.title, pt.label)
			}
			labels[pt.label] = true
			points++
		}
	}
	if points != len(suite.Cases) {
		t.Errorf("%d of %d cases have a place", points, len(suite.Cases))
	}
}

func TestWhatIsNoRun(t *testing.T) {
	dir := t.TempDir()
	if err := write(t.TempDir(), []string{dir}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	for _, doc := range []any{[]int{1}, map[string]string{"schema": "other/v1"}, results.Run{Schema: results.Schema}} {
		text, _ := json.Marshal(doc)
		if err := os.WriteFile(filepath.Join(dir, "run.json"), text, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := write(t.TempDir(), []string{dir}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
