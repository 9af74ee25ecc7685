// study.go: the cases of one or more runs, by what they vary.

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"xbench/results"
	"xbench/workloads"
)

// study is everything that was read.
type study struct {
	runs       []results.Run
	dimensions []dimension // those of which there are cases, in the order of all
}

// dimension is what is varied from one point to the next.
type dimension struct {
	prefix string // of the names of its cases
	title  string
	label  func(c *results.Case, p *workloads.Params) string // of a point
	points []point
}

// point is one case.
type point struct {
	c     *results.Case
	p     workloads.Params
	label string
}

// all are the dimensions of suite growth.
func all() []dimension {
	channels := func(_ *results.Case, p *workloads.Params) string { return strconv.Itoa(p.Writers * p.Channels) }
	return []dimension{
		{prefix: "channels-", title: "channels of one writer", label: channels},
		{prefix: "channels4-", title: "channels of four writers, in total", label: channels},
		{prefix: "writers-", title: "writers with 100 channels each", label: func(_ *results.Case, p *workloads.Params) string { return strconv.Itoa(p.Writers) }},
		{prefix: "size-", title: "payload of a record, bytes", label: func(_ *results.Case, p *workloads.Params) string { return bytesLabel(p.Size) }},
		{prefix: "segment-", title: "size of a segment, bytes", label: func(c *results.Case, _ *workloads.Params) string { return bytesLabel(c.SegmentSize) }},
		{prefix: "timeout-", title: "buffer timeout", label: func(c *results.Case, _ *workloads.Params) string { return time.Duration(c.BufferTimeoutNs).String() }},
		{prefix: "zero-", title: "channels of one writer, without exclusive buffers", label: channels},
	}
}

// bytesLabel is a size with its unit, as suites write it.
func bytesLabel(n int) string {
	for _, u := range []struct {
		unit string
		of   int
	}{{"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.of && n%u.of == 0 {
			return strconv.Itoa(n/u.of) + u.unit
		}
	}
	return strconv.Itoa(n) + "B"
}

// read reads the run.json of every directory, and sorts the cases.
func read(directories []string) (*study, error) {
	s := &study{}
	cases := map[string]*results.Case{}
	var names []string
	for _, d := range directories {
		run, err := readRun(filepath.Join(d, "run.json"))
		if err != nil {
			return nil, err
		}
		s.runs = append(s.runs, *run)
		for i := range run.Cases {
			c := &run.Cases[i]
			if cases[c.Name] == nil {
				names = append(names, c.Name)
			}
			cases[c.Name] = c
		}
	}
	for _, d := range all() {
		for _, name := range names {
			if !strings.HasPrefix(name, d.prefix) {
				continue
			}
			pt := point{c: cases[name]}
			if err := json.Unmarshal(pt.c.Params, &pt.p); err != nil {
				return nil, fmt.Errorf("case %s: params: %w", name, err)
			}
			pt.label = d.label(pt.c, &pt.p)
			d.points = append(d.points, pt)
		}
		if len(d.points) > 0 {
			s.dimensions = append(s.dimensions, d)
		}
	}
	if len(s.dimensions) == 0 {
		return nil, fmt.Errorf("%s: no case of suite growth", strings.Join(directories, ", "))
	}
	return s, nil
}

func readRun(path string) (*results.Run, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var run results.Run
	if err := json.Unmarshal(text, &run); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if run.Schema != results.Schema {
		return nil, fmt.Errorf("%s: schema %q, want %q", path, run.Schema, results.Schema)
	}
	return &run, nil
}

// spread is a number of the trials that passed: median, least and most.
type spread struct{ median, least, most float64 }

func (pt *point) spread(median float64, of func(*results.Trial) float64) spread {
	var v []float64
	for i := range pt.c.Trials {
		if t := &pt.c.Trials[i]; t.Outcome == results.Pass {
			v = append(v, of(t))
		}
	}
	if len(v) == 0 {
		return spread{}
	}
	return spread{median, slices.Min(v), slices.Max(v)}
}

// cpu is processor time of a record, both ends.
func (pt *point) cpu() spread {
	return pt.spread(pt.c.CPUNsPerRecord, func(t *results.Trial) float64 { return t.CPUNsPerRecord })
}

// rate is records per second.
func (pt *point) rate() spread {
	return pt.spread(pt.c.RecordsPerSec, func(t *results.Trial) float64 { return t.RecordsPerSec })
}

// elapsed is the time from one record to the next.
func (pt *point) elapsed() spread {
	r := pt.rate()
	if r.least == 0 {
		return spread{}
	}
	return spread{1e9 / r.median, 1e9 / r.most, 1e9 / r.least}
}

// memoryPerChannel is what the process's segments take, divided by its channels: of both ends together.
func (pt *point) memoryPerChannel() int {
	return pt.c.Segments * pt.c.SegmentSize / (pt.p.Writers * pt.p.Channels)
}
