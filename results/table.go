// table.go: results for people: a table on the terminal, in Markdown, and as CSV.

package results

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

var tableColumns = []string{
	"case", "records/s", "p50", "p99", "p99.9", "max", "CPU ns/record", "wire bytes", "verified",
}

// WriteTable writes r for a terminal: how the run ended, a line per case, and below it what
// kept a case from passing. Percentiles without a sample to support them read n/a.
func WriteTable(w io.Writer, r *Run) error {
	if _, err := fmt.Fprintln(w, heading(r)); err != nil {
		return err
	}
	if err := writeRows(w, r, renderer.NewBlueprint(tw.Rendition{
		Borders: tw.BorderNone,
		Symbols: tw.NewSymbols(tw.StyleASCII),
		Settings: tw.Settings{
			Separators: tw.Separators{BetweenColumns: tw.Off},
			Lines:      tw.Lines{ShowHeaderLine: tw.Off},
		},
	}), tw.Padding{Right: "  ", Overwrite: true}); err != nil {
		return err
	}
	return writeReasons(w, r, "")
}

// WriteMarkdown writes the same for a pull request.
func WriteMarkdown(w io.Writer, r *Run) error {
	if _, err := fmt.Fprintf(w, "**%s**\n\n", heading(r)); err != nil {
		return err
	}
	if err := writeRows(w, r, renderer.NewMarkdown(), tw.Padding{Left: " ", Right: " "}); err != nil {
		return err
	}
	return writeReasons(w, r, "- ")
}

// heading is the run in one line.
func heading(r *Run) string {
	return fmt.Sprintf("%s: %s  run %s  seed %d", r.Suite, r.Outcome, r.ID, r.Seed)
}

// writeRows renders the cases as a table: words to the left, numbers to the right.
func writeRows(w io.Writer, r *Run, as tw.Renderer, padding tw.Padding) error {
	if len(r.Cases) == 0 {
		return nil // an empty table says less than the heading and the reason
	}
	align := make(tw.Alignment, len(tableColumns))
	for i := range align {
		align[i] = tw.AlignRight
	}
	align[0], align[len(align)-1] = tw.AlignLeft, tw.AlignLeft
	var text bytes.Buffer
	table := tablewriter.NewTable(&text,
		tablewriter.WithRenderer(as),
		tablewriter.WithHeaderAutoFormat(tw.Off), // it would shout
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithPadding(padding),
		tablewriter.WithAlignment(align))
	table.Header(tableColumns)
	for i := range r.Cases {
		if err := table.Append(tableRow(&r.Cases[i])); err != nil {
			return err
		}
	}
	if err := table.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// tableRow is one case in the order of tableColumns.
func tableRow(c *Case) []string {
	verified := "no"
	if c.Verified {
		verified = "yes"
	}
	measured := func(v float64, text string) string {
		if v == 0 {
			return "n/a"
		}
		return text
	}
	row := []string{c.Name, measured(c.RecordsPerSec, Count(c.RecordsPerSec))}
	for _, key := range []string{"p50", "p99", "p99_9"} {
		ns, supported := c.Latency.Percentile(key)
		if !supported {
			row = append(row, "n/a")
			continue
		}
		row = append(row, Nanoseconds(ns))
	}
	return append(row,
		measured(float64(c.Latency.Max), Nanoseconds(c.Latency.Max)),
		measured(c.CPUNsPerRecord, strconv.FormatFloat(c.CPUNsPerRecord, 'f', 0, 64)),
		Bytes(c.BytesOnWire), verified)
}

// writeReasons writes what kept the run and its cases from passing, a line each.
func writeReasons(w io.Writer, r *Run, bullet string) error {
	var b strings.Builder
	said := false
	for i := range r.Cases {
		if c := &r.Cases[i]; c.Outcome != Pass {
			fmt.Fprintf(&b, "%s%s: %s: %s\n", bullet, c.Name, c.Outcome, c.Reason)
			said = said || strings.Contains(r.Reason, c.Reason)
		}
	}
	if r.Outcome != Pass && r.Reason != "" && !said {
		fmt.Fprintf(&b, "%srun: %s: %s\n", bullet, r.Outcome, r.Reason)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(w, "\n"+b.String())
	return err
}

// WriteCSV writes one row per case with plain numbers; a percentile without a sample to
// support it is empty.
func WriteCSV(w io.Writer, r *Run) error {
	out := csv.NewWriter(w)
	head := []string{"run", "suite", "case", "driver", "outcome", "verified", "trials",
		"records_sent", "records_received", "records_per_sec", "bytes_on_wire", "cpu_ns_per_record", "latency_count"}
	for _, p := range percentiles {
		head = append(head, p.key+"_ns")
	}
	if err := out.Write(append(head, "max_ns")); err != nil {
		return err
	}
	for i := range r.Cases {
		if err := out.Write(csvRow(r, &r.Cases[i])); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func csvRow(r *Run, c *Case) []string {
	count := func(n uint64) string { return strconv.FormatUint(n, 10) }
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	row := []string{r.ID, r.Suite, c.Name, c.Driver, string(c.Outcome), strconv.FormatBool(c.Verified), strconv.Itoa(len(c.Trials)),
		count(c.RecordsSent), count(c.RecordsReceived), number(c.RecordsPerSec), count(c.BytesOnWire), number(c.CPUNsPerRecord),
		count(c.Latency.Count)}
	for _, p := range percentiles {
		cell := ""
		if ns, supported := c.Latency.Percentile(p.key); supported {
			cell = strconv.FormatInt(ns, 10)
		}
		row = append(row, cell)
	}
	return append(row, strconv.FormatInt(c.Latency.Max, 10))
}
