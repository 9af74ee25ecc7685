// conduct_test.go: whole runs, short ones, with real workers.

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"xbench/results"
)

// One round of three cases, from the command line to the document.
func TestRun(t *testing.T) {
	var stdout, stderr bytes.Buffer
	args := []string{"--case", "^(12B-4x100-|latency-10k|stalled)", "--rival", "raw", "--rounds", "1", "--duration", "200ms", "--warmup", "50ms", "--format", "json"}
	if code := run(args, &stdout, &stderr); code != results.ExitPass {
		t.Fatalf("exit %d\n%s", code, stderr.String())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Cases) != 3 {
		t.Fatalf("%d cases", len(r.Cases))
	}
	for _, c := range r.Cases {
		if len(c.Rows) != 2 {
			t.Fatalf("%s has %d systems", c.Name, len(c.Rows))
		}
		for _, row := range c.Rows {
			switch {
			case row.Rounds != 1 || row.RecordsPerMs.Median <= 0 || row.CPUNs.Median <= 0:
				t.Errorf("%s: %+v", c.Name, row)
			case c.Kind == stalled && row.Healthy.N != 1, c.Kind == latency && row.P50Ratio.N != 1:
				t.Errorf("%s: %+v", c.Name, row)
			case c.Kind != stalled && (row.LimitPercent.Median <= 0 || row.LimitPercent.Median > 150):
				t.Errorf("%s: %v %% of the limit", c.Name, row.LimitPercent.Median)
			}
		}
	}
	if raw := r.Cases[2].Rows[1]; raw.Healthy.Median > 50 {
		t.Errorf("one TCP connection kept %v %% for the healthy while one consumer stood still", raw.Healthy.Median)
	}
	if lines := strings.Count(stderr.String(), "\n"); lines != 8 { // six samples, two limits
		t.Errorf("%d lines of progress:\n%s", lines, stderr.String())
	}
}

// interruptAfter sends an interrupt when the first line of progress is written.
type interruptAfter struct {
	bytes.Buffer
	to chan os.Signal
}

func (w *interruptAfter) Write(p []byte) (int, error) {
	if w.Len() == 0 {
		w.to <- os.Interrupt
	}
	return w.Buffer.Write(p)
}

// What was measured before an interruption is kept.
func TestInterruptKeepsWhatWasMeasured(t *testing.T) {
	o, err := parse([]string{"--case", "latency-1k", "--rival", "raw", "--rounds", "3", "--duration", "100ms", "--warmup", "20ms"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	progress := &interruptAfter{to: make(chan os.Signal, 1)}
	c := &conductor{o: o, progress: progress, interrupt: progress.to}
	r := c.run(t.Context())
	if !r.Interrupted || c.failed != nil {
		t.Fatalf("interrupted %v, failed %v", r.Interrupted, c.failed)
	}
	samples := 0
	for _, k := range r.Cases {
		for _, row := range k.Rows {
			samples += row.Rounds
			if len(row.Invalid) > 0 {
				t.Errorf("%s: %v: an interrupted trial is no invalid one", row.System, row.Invalid)
			}
		}
	}
	if said := progress.String(); samples != strings.Count(said, "exchange")+strings.Count(said, "raw-tcp") || strings.Count(said, "\n") != 1 {
		t.Errorf("%d samples, progress:\n%s", samples, said)
	}
}
