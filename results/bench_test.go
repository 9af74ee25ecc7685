package results

import (
	"bytes"
	"testing"

	"golang.org/x/perf/benchfmt"
)

// The bench format is read back by the library that benchstat reads with.
func TestBenchLinesAreReadByBenchfmt(t *testing.T) {
	var text bytes.Buffer
	run := sampleRun()
	if err := WriteBench(&text, run); err != nil {
		t.Fatal(err)
	}
	r := benchfmt.NewReader(&text, "bench.txt")
	lines := map[string]int{}
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Error(rec)
		case *benchfmt.Result:
			lines[rec.Name.String()]++
			checkBenchResult(t, rec)
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}

	t.Run("one line per trial that passed", func(t *testing.T) {
		want := map[string]int{"Exchange/case=flights/processes=2-2": 3, "Exchange/case=long-max/processes=2-2": 1}
		for name, n := range want {
			if lines[name] != n {
				t.Errorf("%s: %d lines, want %d", name, lines[name], n)
			}
		}
		if len(lines) != len(want) {
			t.Errorf("lines %v", lines)
		}
	})
	t.Run("every unit has a direction", func(t *testing.T) {
		for unit, want := range map[string]int{"rec/s": 1, "cpu-ns/rec": -1, "p50-ns": -1, "p90-ns": -1, "p99-ns": -1, "p99.9-ns": -1,
			"max-ns": -1, "wire-B/rec": -1} {
			if got := r.Units().GetBetter(unit); got != want {
				t.Errorf("%s: better %d, want %d", unit, got, want)
			}
		}
	})
}

// checkBenchResult looks at one line: its configuration, and percentiles only where 500
// samples (long-max) and 12,000 (flights) support them.
func checkBenchResult(t *testing.T, r *benchfmt.Result) {
	for key, want := range map[string]string{
		"goos": "linux", "goarch": "amd64", "pkg": "xbench", "cpu": "Some CPU @ 2.00GHz", "commit": "1a2b3c4d5e6f",
		"toolchain": "experiment", "experiment-commit": "1a2b3c4d5e6f", "experiment-commit-time": "2026-11-22T20:00:00Z",
		"runstamp": "2026-11-23T04:05:06Z",
	} {
		if got := r.GetConfig(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if r.Iters != 1 {
		t.Errorf("%d iterations", r.Iters)
	}
	short := bytes.Contains(r.Name, []byte("long-max"))
	for unit, want := range map[string]bool{"rec/s": true, "cpu-sec/rec": true, "p50-sec": true, "p99-sec": !short, "p99.9-sec": !short,
		"max-sec": true, "wire-B/rec": true} {
		if _, got := r.Value(unit); got != want {
			t.Errorf("%s: %s is there: %v, want %v", r.Name, unit, got, want)
		}
	}
}

func TestWhatTheBuildDoesNotKnowIsLeftOutOfTheBenchHead(t *testing.T) {
	run := sampleRun()
	run.Binary = Binary{Revision: unknown, CommitTime: unknown, Go: "go1.26.8"}
	var text bytes.Buffer
	if err := WriteBench(&text, run); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text.Bytes(), []byte("commit")) || bytes.Contains(text.Bytes(), []byte(unknown)) {
		t.Errorf("head:\n%s", text.Bytes()[:400])
	}
}
