// table.go: the report for people: one table per case.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// write prints the report in a format.
func (r report) write(w io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	fmt.Fprintf(w, "%s, %d cores, Linux %s, TCP %s. %d rounds of %s after %s, seed %d. Median (smallest - largest).\n",
		r.Host.CPU, r.Host.Cores, r.Host.Kernel, r.Host.CongestionControl, r.Rounds, time.Duration(r.DurationNs), time.Duration(r.WarmupNs), r.Seed)
	if r.Interrupted {
		fmt.Fprintln(w, "INTERRUPTED: what was measured until then.")
	}
	for _, c := range r.Cases {
		if err := c.write(w, format == "markdown"); err != nil {
			return err
		}
	}
	return nil
}

func (c caseReport) write(w io.Writer, markdown bool) error {
	title := c.Name
	if markdown {
		title = "### " + title
	}
	fmt.Fprintf(w, "\n%s\n\n%s.%s\n\n", title, c.What, c.Limits.words(c.Kind))
	table := c.table(w, markdown)
	columns := columnsOf(c.Kind)
	for _, r := range c.Rows {
		cells := []string{r.label()}
		for _, k := range columns {
			cells = append(cells, k.cell(r))
		}
		if err := table.Append(cells); err != nil {
			return err
		}
	}
	if err := table.Render(); err != nil {
		return err
	}
	c.notes(w)
	return nil
}

// table is an empty one with its header.
func (c caseReport) table(w io.Writer, markdown bool) *tablewriter.Table {
	options := []tablewriter.Option{
		tablewriter.WithHeaderAutoFormat(tw.Off), tablewriter.WithTrimSpace(tw.Off), tablewriter.WithRowAutoWrap(tw.WrapNone),
	}
	if markdown {
		options = append(options, tablewriter.WithRenderer(renderer.NewMarkdown()))
	} else {
		options = append(options, tablewriter.WithRendition(tw.Rendition{
			Borders: tw.BorderNone, Symbols: tw.NewSymbols(tw.StyleASCII),
			Settings: tw.Settings{Separators: tw.Separators{BetweenColumns: tw.Off}, Lines: tw.Lines{ShowHeaderLine: tw.Off}},
		}))
	}
	header, align := []string{"system"}, []tw.Align{tw.AlignLeft}
	for _, k := range columnsOf(c.Kind) {
		header, align = append(header, k.title), append(align, tw.AlignRight)
	}
	options = append(options, tablewriter.WithAlignment(align), tablewriter.WithHeaderAlignmentConfig(tw.CellAlignment{PerColumn: align}))
	table := tablewriter.NewTable(w, options...)
	table.Header(header)
	return table
}

// label marks ceilings.
func (r row) label() string {
	if r.Ceiling {
		return r.System + " (ceiling)"
	}
	return r.System
}

// notes say what the table cannot: why trials count for nothing.
func (c caseReport) notes(w io.Writer) {
	for _, r := range c.Rows {
		for _, reason := range r.Invalid {
			fmt.Fprintf(w, "\n%s: invalid: %s\n", r.System, strings.ReplaceAll(reason, "\n", " "))
		}
	}
}

type tableColumn struct {
	title string
	cell  func(row) string
}

func columnsOf(k kind) []tableColumn {
	number := func(title string, get func(row) spread, text func(float64) string) tableColumn {
		return tableColumn{title, func(r row) string { return get(r).text(text) }}
	}
	valid := tableColumn{"verified", func(r row) string { return fmt.Sprintf("%d of %d", r.Rounds-len(r.Invalid), r.Rounds) }}
	rate := number("records/ms", func(r row) spread { return r.RecordsPerMs }, count)
	limit := number("% of limit", func(r row) spread { return r.LimitPercent }, whole)
	switch k {
	case latency:
		return []tableColumn{
			number("p50 us", func(r row) spread { return r.P50 }, micros),
			number("x exchange", func(r row) spread { return r.P50Ratio }, times),
			number("p99 us", func(r row) spread { return r.P99 }, micros),
			number("x exchange", func(r row) spread { return r.P99Ratio }, times),
			limit, valid,
		}
	case stalled:
		rate.title = "maximum rec/ms"
		return []tableColumn{
			{"flow control", func(r row) string { return string(r.Flow) }},
			rate,
			number("planned", func(r row) spread { return r.Planned }, count),
			number("healthy 7 got % of it", func(r row) spread { return r.Healthy }, tenth),
			valid,
		}
	}
	return []tableColumn{
		rate,
		number("x exchange", func(r row) spread { return r.Ratio }, times),
		number("p50 delay ms", func(r row) spread { return r.P50 }, millis),
		number("CPU ns/record", func(r row) spread { return r.CPUNs }, short),
		number("x exchange", func(r row) spread { return r.CPURatio }, times),
		limit, valid,
	}
}

// words tell the limits of a case.
func (l limitsReport) words(k kind) string {
	switch k {
	case latency:
		return fmt.Sprintf(" Limit: half of a TCP ping-pong of p50 %s us.", l.PingPongNs.text(micros))
	case throughput:
		giga := func(v float64) string { return strconv.FormatFloat(v/1e9, 'f', 2, 64) }
		return fmt.Sprintf(" Limit: %s records/ms, from one TCP connection's %s GB/s at %s ns CPU a byte, encoding %s and decoding %s ns a record. memcpy: %s GB/s in cache, %s out of it.",
			l.RecordsPerMs.text(count), l.StreamPerS.text(giga), l.ByteNs.text(thousandth), l.EncodeNs.text(short), l.DecodeNs.text(short),
			l.CopyInCache.text(giga), l.CopyOutOfCache.text(giga))
	}
	return ""
}

// text is a spread as one cell.
func (s spread) text(number func(float64) string) string {
	switch s.N {
	case 0:
		return "-"
	case 1:
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s - %s)", number(s.Median), number(s.Min), number(s.Max))
}

// count prints a number of records with a comma for thousands.
func count(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// short prints small numbers with a digit behind the point, and large ones without.
func short(v float64) string {
	if v >= 100 {
		return count(v)
	}
	return tenth(v)
}

func micros(ns float64) string {
	if math.IsNaN(ns) {
		return "-"
	}
	return short(ns / 1e3)
}

func millis(ns float64) string    { return short(ns / 1e6) }
func times(v float64) string      { return strconv.FormatFloat(v, 'f', 2, 64) }
func tenth(v float64) string      { return strconv.FormatFloat(v, 'f', 1, 64) }
func thousandth(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }
func whole(v float64) string      { return strconv.FormatFloat(v, 'f', 0, 64) }
