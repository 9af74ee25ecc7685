// table.go: the numbers, as Markdown.

package main

import (
	"bytes"
	"fmt"
	"strings"

	"xbench/results"
)

// table writes what was measured: where, and a table per dimension.
func (s *study) table() []byte {
	var b bytes.Buffer
	b.WriteString("# How the cost of a record grows\n\n")
	b.WriteString("![plot](growth.svg)\n\n")
	for i := range s.runs {
		r := &s.runs[i]
		fmt.Fprintf(&b, "* Run %s: %s, %d cores, Linux %s, %s, revision %s\n", r.ID, r.Host.CPU, r.Host.Cores, r.Host.Kernel, r.Binary.Go, short(r.Binary.Revision))
	}
	fmt.Fprintf(&b, "\nCongestion control %s. Medians of the trials, and in brackets the least and the most. CPU is of both ends. Memory is what all segments take.\n",
		strings.Join(s.congestion(), ", "))
	for _, d := range s.dimensions {
		fmt.Fprintf(&b, "\n## By %s\n\n", d.title)
		b.WriteString("| | records/s | ns between two | CPU ns/record | payload/s | frames add | segments | memory per channel |\n|--:|--:|--:|--:|--:|--:|--:|--:|\n")
		for i := range d.points {
			d.points[i].row(&b)
		}
	}
	return b.Bytes()
}

// congestion lists the congestion controls that were in force.
func (s *study) congestion() (names []string) {
	seen := map[string]bool{}
	for _, d := range s.dimensions {
		for _, pt := range d.points {
			if name := pt.c.CongestionControl; !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

func (pt *point) row(b *bytes.Buffer) {
	if pt.c.Outcome != results.Pass {
		fmt.Fprintf(b, "| %s | %s: %s | | | | | | |\n", pt.label, pt.c.Outcome, strings.ReplaceAll(pt.c.Reason, "|", "/"))
		return
	}
	rate, elapsed, cpu := pt.rate(), pt.elapsed(), pt.cpu()
	fmt.Fprintf(b, "| %s | %s [%s, %s] | %s [%s, %s] | %s [%s, %s] | %s | %.2f %% | %d | %s |\n", pt.label,
		results.Count(rate.median), results.Count(rate.least), results.Count(rate.most),
		digits(elapsed.median), digits(elapsed.least), digits(elapsed.most),
		digits(cpu.median), digits(cpu.least), digits(cpu.most),
		results.Bytes(uint64(rate.median*float64(pt.p.Size))), pt.overhead(), pt.c.Segments, results.Bytes(uint64(pt.memoryPerChannel())))
}

// overhead is what frames and events add to the framed records, in percent.
func (pt *point) overhead() float64 {
	if pt.c.BytesOfRecords == 0 {
		return 0
	}
	return 100 * (float64(pt.c.BytesExpected)/float64(pt.c.BytesOfRecords) - 1)
}

// digits writes nanoseconds with three digits.
func digits(ns float64) string {
	switch {
	case ns < 10:
		return fmt.Sprintf("%.2f", ns)
	case ns < 100:
		return fmt.Sprintf("%.1f", ns)
	}
	return fmt.Sprintf("%.0f", ns)
}

func short(revision string) string { return revision[:min(len(revision), 7)] }
