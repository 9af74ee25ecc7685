// trace_info.go: the verb trace info: what a trace holds.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"xbench/harness/trace"
	"xbench/results"
)

// traceSummarySchema names the shape of traceSummary's JSON.
const traceSummarySchema = "xbench.trace/v1"

// traceSummary is what trace info tells.
type traceSummary struct {
	Schema       string  `json:"schema"`
	File         string  `json:"file"`
	FileBytes    int64   `json:"file_bytes"`  // of the good part
	Whole        bool    `json:"whole"`       // false: torn or corrupt, and the rest is about the good part
	Reason       string  `json:"reason"`      // why it is not whole
	Start        string  `json:"start"`       // RFC 3339 of time 0, "" when the trace does not say
	DurationNs   int64   `json:"duration_ns"` // from the first event to the last
	Events       uint64  `json:"events"`
	EventsPerSec float64 `json:"events_per_sec"` // on average
	Keys         int     `json:"keys"`           // different ones, counted up to 1,048,576
	Payloads     uint64  `json:"payloads"`       // events whose bytes were kept
	SizeBytes    struct {
		Min   int64  `json:"min"`
		Max   int64  `json:"max"`
		Total uint64 `json:"total"`
	} `json:"size_bytes"`
}

func traceInfoVerb() verb {
	return verb{
		name:     "info",
		operands: "FILE",
		summary:  "say what a trace holds",
		about: `
Reads a trace from its beginning to its end, checks it, and says what it holds. A trace that
is torn or corrupt is told about as far as it is good; the exit code is 2 then.`,
		examples: `xbench trace info flights.xtrace
xbench trace info --format json flights.xtrace | jq .events`,
		bind: func(flags *pflag.FlagSet) action {
			format := flags.String("format", "table", "`FORMAT` of the result: table or json")
			return func(sh *shell, operands []string) (results.ExitCode, error) {
				if *format != "table" && *format != "json" {
					return usagef("--format: %q is none of table, json", *format)
				}
				if len(operands) != 1 {
					return usagef("needs the name of one trace, not %d", len(operands))
				}
				return traceInfo(sh, operands[0], *format)
			}
		},
	}
}

func traceInfo(sh *shell, name, format string) (results.ExitCode, error) {
	f, err := os.Open(name)
	if err != nil {
		return usagef("%w", err)
	}
	defer f.Close()
	t, bad := trace.Summarize(f)
	s := summaryOf(name, t, bad)
	write := s.writeTable
	if format == "json" {
		write = s.writeJSON
	}
	if err := write(sh.stdout); err != nil {
		return results.ExitFailed, fmt.Errorf("stdout: %w", err)
	}
	if bad != nil {
		return results.ExitUsage, fmt.Errorf("%s: %w", name, bad)
	}
	return results.ExitPass, nil
}

// summaryOf is t in the words of trace info; bad is what ended its reading.
func summaryOf(name string, t trace.Summary, bad error) *traceSummary {
	s := &traceSummary{
		Schema: traceSummarySchema, File: name, FileBytes: t.Bytes, Whole: bad == nil,
		DurationNs: int64(t.Last - t.First), Events: t.Events, Keys: t.Keys, Payloads: t.Payloads,
	}
	if bad != nil {
		s.Reason = bad.Error()
	}
	if !t.Start.IsZero() {
		s.Start = t.Start.Format(time.RFC3339Nano)
	}
	if s.DurationNs > 0 {
		s.EventsPerSec = float64(t.Events) / (t.Last - t.First).Seconds()
	}
	s.SizeBytes.Min, s.SizeBytes.Max, s.SizeBytes.Total = t.SizeMin, t.SizeMax, t.Sizes
	return s
}

func (s *traceSummary) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(s)
}

func (s *traceSummary) writeTable(w io.Writer) error {
	var b strings.Builder
	line := func(what, format string, a ...any) { fmt.Fprintf(&b, "%-9s %s\n", what, fmt.Sprintf(format, a...)) }
	line("file", "%s, %s", s.File, results.Bytes(uint64(s.FileBytes)))
	if s.Start != "" {
		line("start", "%s", s.Start)
	}
	line("events", "%d", s.Events)
	if s.Events > 0 {
		line("duration", "%v", time.Duration(s.DurationNs))
		line("rate", "%.4g/s on average", s.EventsPerSec)
		line("keys", "%d", s.Keys)
		line("sizes", "%d to %d B, %.1f B on average, %s together", s.SizeBytes.Min, s.SizeBytes.Max,
			float64(s.SizeBytes.Total)/float64(s.Events), results.Bytes(s.SizeBytes.Total))
		line("payloads", "%d", s.Payloads)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
