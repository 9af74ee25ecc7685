// bench.go: results as Go benchmark lines, for benchstat and everything else that reads them.

package results

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// benchUnits are the metrics of a benchmark line in order. Direction has to be said: tools
// know it for Go's own units only.
var benchUnits = []struct {
	name, better string
	of           func(t *Trial) (value float64, ok bool)
}{
	{"rec/s", "higher", func(t *Trial) (float64, bool) { return t.RecordsPerSec, true }},
	{"cpu-ns/rec", "lower", func(t *Trial) (float64, bool) { return t.CPUNsPerRecord, true }},
	{"p50-ns", "lower", percentileUnit("p50")},
	{"p90-ns", "lower", percentileUnit("p90")},
	{"p99-ns", "lower", percentileUnit("p99")},
	{"p99.9-ns", "lower", percentileUnit("p99_9")},
	{"max-ns", "lower", func(t *Trial) (float64, bool) { return float64(t.Latency.Max), true }},
	{"wire-B/rec", "lower", func(t *Trial) (float64, bool) {
		return float64(t.BytesOnWire) / float64(t.RecordsReceived), t.RecordsReceived > 0
	}},
}

// percentileUnit reads one percentile of a trial's latency, where the sample supports it.
func percentileUnit(key string) func(*Trial) (float64, bool) {
	return func(t *Trial) (float64, bool) {
		v, ok := t.Latency.Percentile(key)
		return float64(v), ok
	}
}

// WriteBench writes r in the Go benchmark format: the configuration, the units with their
// direction, and one line per trial that passed. Percentiles without a sample to support
// them are left out of their line. A trial that did not pass becomes a remark, which
// readers of the format skip.
func WriteBench(w io.Writer, r *Run) error {
	if err := writeBenchHead(w, r); err != nil {
		return err
	}
	for i := range r.Cases {
		if err := writeBenchCase(w, r, &r.Cases[i]); err != nil {
			return err
		}
	}
	return nil
}

// writeBenchHead writes the file configuration, with the keys that x/perf's benchseries
// looks for by default, and the units. A commit and its time that are not known are left
// out: benchseries would take "unknown" for a date. (baseline-commit needs a baseline.)
func writeBenchHead(w io.Writer, r *Run) error {
	var b strings.Builder
	config := func(key, value string) {
		if value = strings.Join(strings.Fields(value), " "); value != "" && value != unknown {
			fmt.Fprintf(&b, "%s: %s\n", key, value)
		}
	}
	config("goos", r.Host.OS)
	config("goarch", r.Host.Arch)
	config("pkg", "xbench")
	config("cpu", r.Host.CPU)
	config("kernel", r.Host.Kernel)
	config("go", r.Binary.Go)
	config("commit", r.Binary.Revision)
	config("toolchain", "experiment")
	config("experiment-commit", r.Binary.Revision)
	config("experiment-commit-time", r.Binary.CommitTime)
	config("runstamp", r.Started.UTC().Format("2006-01-02T15:04:05Z07:00"))
	config("suite", r.Suite)
	// Two runs differ in some of these keys, and benchstat puts those into tables apart unless told not to.
	fmt.Fprintf(&b, "\n# run %s; to compare two: benchstat -table goos,goarch,cpu a/bench.txt b/bench.txt\n", r.ID)
	for _, u := range benchUnits {
		fmt.Fprintf(&b, "Unit %s better=%s\n", u.name, u.better)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// writeBenchCase writes the lines of one case.
func writeBenchCase(w io.Writer, r *Run, c *Case) error {
	var b strings.Builder
	for i := range c.Trials {
		t := &c.Trials[i]
		if t.Outcome != Pass {
			fmt.Fprintf(&b, "# %s trial %d is %s: %s\n", c.Name, t.Number, t.Outcome, strings.Join(strings.Fields(t.Reason), " "))
			continue
		}
		fmt.Fprintf(&b, "%s 1", benchName(r, c))
		for _, u := range benchUnits {
			if v, ok := u.of(t); ok {
				fmt.Fprintf(&b, " %s %s", strconv.FormatFloat(v, 'f', -1, 64), u.name)
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// benchName is the benchmark's name: the driver, the case, what a command line may vary
// within it, and the cores, as Go appends them.
func benchName(r *Run, c *Case) string {
	driver := FileName(c.Driver)
	return fmt.Sprintf("Benchmark%s/case=%s/processes=%d-%d",
		strings.ToUpper(driver[:1])+driver[1:], tag(c.Name), c.Processes, max(r.Host.Cores, 1))
}
