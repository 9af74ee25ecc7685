package results

import (
	"bytes"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The log is read back by hdrhistogram-go's reader: every tag's lines, merged, are the
// case's distribution.
func TestHlogIsReadByTheLibrary(t *testing.T) {
	run := sampleRun()
	var log bytes.Buffer
	if err := WriteHlog(&log, run); err != nil {
		t.Fatal(err)
	}
	text := log.String()
	merged := map[string]*hdrhistogram.Histogram{}
	var first int64
	for r := hdrhistogram.NewHistogramLogReader(&log); ; {
		h, err := r.NextIntervalHistogram()
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if h == nil {
			break // the library's end of file
		}
		if merged[h.Tag()] == nil {
			merged[h.Tag()] = NewHistogram()
		}
		if dropped := merged[h.Tag()].Merge(h); dropped != 0 {
			t.Errorf("%d values do not fit", dropped)
		}
		if first == 0 {
			first = h.StartTimeMs()
			if length := h.EndTimeMs() - first; length != 2000 {
				t.Errorf("the first interval lasts %d ms", length)
			}
		}
	}
	if len(merged) != len(run.Cases) {
		t.Errorf("%d tags", len(merged))
	}
	for i := range run.Cases {
		c := &run.Cases[i]
		h := merged[c.Name]
		if h == nil {
			t.Errorf("no line with the tag %s", c.Name)
			continue
		}
		if got := LatencyOf(h, c.Latency.Min, c.Latency.Max); got.Count != c.Latency.Count || got.P50 != c.Latency.P50 || got.P999 != c.Latency.P999 {
			t.Errorf("%s: %+v, want %+v", c.Name, got, c.Latency)
		}
	}
	// trialOf(1) began 4 s into the run, whose milliseconds must not get lost.
	if want := began.UnixMilli() + 4000; first != want {
		t.Errorf("first interval at %d ms, want %d", first, want)
	}
}

// A tag may not break its line: hdrhistogram-go would let some of these through.
func TestCaseNamesBecomeTags(t *testing.T) {
	for name, want := range map[string]string{
		"keyed-50k": "keyed-50k", "topo=2x4/rec=128": "topo=2x4/rec=128", ",b": "_b", "a,": "a_", " a": "a", "ä b\n": "_b", "": "_",
	} {
		if got := tag(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
