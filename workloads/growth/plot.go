// plot.go: a panel per dimension, as SVG: the cost of a record over what was varied.

package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strings"
)

// Sizes in pixels. Three panels in a row.
const (
	panelWidth, panelHeight = 360, 250
	panelsInRow             = 3
	left, right, top, below = 52, 14, 40, 46
	headHeight              = 46
)

// Two lines in a panel: colours that differ in print and to the colour-blind.
var lines = []struct {
	name, colour, dash string
	of                 func(*point) spread
}{
	{"CPU ns/record, both ends", "#0b5cad", "", (*point).cpu},
	{"ns between two records", "#c25a00", "5 4", (*point).elapsed},
}

// plot writes the picture.
func (s *study) plot() []byte {
	var b bytes.Buffer
	rows := (len(s.dimensions) + panelsInRow - 1) / panelsInRow
	width, height := panelWidth*min(panelsInRow, len(s.dimensions)), headHeight+rows*panelHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="Helvetica, Arial, sans-serif" font-size="11">`+"\n",
		width, height, width, height)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	legend(&b)
	for i := range s.dimensions {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%panelsInRow*panelWidth, headHeight+i/panelsInRow*panelHeight)
		s.dimensions[i].panel(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func legend(b *bytes.Buffer) {
	x := left
	for _, l := range lines {
		fmt.Fprintf(b, `<path d="M%d 22h28" stroke="%s" stroke-width="2" stroke-dasharray="%s"/>`, x, l.colour, l.dash)
		fmt.Fprintf(b, `<text x="%d" y="26">%s</text>`+"\n", x+34, html.EscapeString(l.name))
		x += 220
	}
	fmt.Fprintf(b, `<text x="%d" y="26" fill="#666">logarithmic; dots are medians, bars go from the least to the most</text>`+"\n", x)
}

// panel draws one dimension. Its points are apart by the same step: they were chosen to be, and 0 has a place too.
func (d *dimension) panel(b *bytes.Buffer) {
	y := d.scale()
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", left, top-12, html.EscapeString(d.title))
	for _, tick := range y.ticks() {
		at := y.at(tick)
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end" fill="#444">%s</text>`+"\n",
			left, at, panelWidth-right, left-6, at+4, tickLabel(tick))
	}
	for i, pt := range d.points {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#444">%s</text>`+"\n", d.x(i), panelHeight-below+18, html.EscapeString(strings.TrimSuffix(pt.label, "B"))) // sizes would run into each other
	}
	for _, l := range lines {
		path := ""
		for i := range d.points {
			v := l.of(&d.points[i])
			if v.median <= 0 {
				continue // it did not pass
			}
			command := "L"
			if path == "" {
				command = "M"
			}
			x, at := d.x(i), y.at(v.median)
			path += fmt.Sprintf("%s%.1f %.1f", command, x, at)
			fmt.Fprintf(b, `<path d="M%.1f %.1fV%.1f" stroke="%s"/><circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n",
				x, y.at(v.least), y.at(v.most), l.colour, x, at, l.colour)
		}
		fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.6" stroke-dasharray="%s"/>`+"\n", path, l.colour, l.dash)
	}
}

// x is where point i is.
func (d *dimension) x(i int) float64 {
	const inner = panelWidth - left - right
	return left + inner*(float64(i)+0.5)/float64(len(d.points))
}

// scale is a logarithmic axis.
type scale struct{ low, high float64 }

// scale goes over everything that is drawn, and over a factor of ten at least, so that noise does not look like a slope.
func (d *dimension) scale() scale {
	s := scale{math.Inf(1), 0}
	for i := range d.points {
		for _, l := range lines {
			if v := l.of(&d.points[i]); v.median > 0 {
				s.low, s.high = min(s.low, v.least), max(s.high, v.most)
			}
		}
	}
	if s.high == 0 {
		return scale{1, 10}
	}
	s.low, s.high = s.low*0.8, s.high*1.25
	if factor := 10 * s.low / s.high; factor > 1 {
		s.low, s.high = s.low/math.Sqrt(factor), s.high*math.Sqrt(factor)
	}
	return s
}

// at is where a value is, from above.
func (s scale) at(v float64) float64 {
	const inner = panelHeight - top - below
	return top + inner*math.Log(s.high/v)/math.Log(s.high/s.low)
}

// ticks are 1, 2 and 5 of each power of ten, or over more than three powers, 1 alone.
func (s scale) ticks() (ticks []float64) {
	steps := []float64{1, 2, 5}
	if s.high/s.low > 1000 {
		steps = steps[:1]
	}
	for power := math.Floor(math.Log10(s.low)); power <= math.Log10(s.high); power++ {
		for _, step := range steps {
			if v := step * math.Pow(10, power); v >= s.low && v <= s.high {
				ticks = append(ticks, v)
			}
		}
	}
	return ticks
}

// tickLabel writes nanoseconds in the unit that keeps them short.
func tickLabel(ns float64) string {
	switch {
	case ns >= 1e6:
		return fmt.Sprintf("%gms", ns/1e6)
	case ns >= 1e3:
		return fmt.Sprintf("%gus", ns/1e3)
	}
	return fmt.Sprintf("%gns", ns)
}
