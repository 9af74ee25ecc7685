package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"xbench/harness"
)

// progressAt shows a trial of 60 s, five times a second, and returns what was written.
func progressAt(mode string, columns int, environment map[string]string) string {
	var out bytes.Buffer
	sh := &shell{stderr: &out, columns: func() int { return columns }, getenv: func(key string) string { return environment[key] }}
	p := newProgress(sh, mode)
	p.place = "[1/3] "
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	p.clock = func() time.Time { return now }
	if p.every == plainEvery {
		p.next = now.Add(plainEvery)
	}
	for range 300 {
		now = now.Add(200 * time.Millisecond)
		elapsed := now.Sub(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
		p.show(harness.Progress{
			Case: "flights", Trial: 2, Trials: 3, Phase: harness.Measured, Elapsed: elapsed, Planned: time.Minute,
			Workers: []harness.WorkerProgress{{Sent: 7}, {Received: uint64(elapsed/time.Millisecond) * 50}},
		})
	}
	p.clear()
	return out.String()
}

func TestPlainProgressIsALinePerTenSeconds(t *testing.T) {
	got := progressAt("plain", 0, nil)
	if n := strings.Count(got, "\n"); n != 6 {
		t.Errorf("%d lines in a minute:\n%s", n, got)
	}
	if strings.ContainsAny(got, "\r\x1b") {
		t.Errorf("control characters: %q", got)
	}
	const first = "[1/3] flights  trial 2/3  measured 10.0s/60.0s  received 500k  50.0k/s\n"
	if !strings.HasPrefix(got, first) {
		t.Errorf("begins %q, want %q", strings.SplitAfter(got, "\n")[0], first)
	}
}

func TestProgressIsQuietInAPipe(t *testing.T) {
	for name, got := range map[string]string{
		"a pipe":          progressAt("auto", 0, nil),
		"a dumb terminal": progressAt("auto", 80, map[string]string{"TERM": "dumb"}),
		"CI":              progressAt("auto", 80, map[string]string{"CI": "true"}),
		"none":            progressAt("none", 80, nil),
	} {
		if got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// On a terminal there is one line, redrawn in place, never wider than the terminal, and
// taken away at the end. It has no colours, with and without NO_COLOR.
func TestProgressOnATerminalIsOneLine(t *testing.T) {
	got := progressAt("auto", 40, nil)
	if strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
	if !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("ends %q", got[len(got)-20:])
	}
	for _, line := range strings.Split(got, "\r") {
		if text := strings.TrimSuffix(line, "\x1b[K"); len(text) >= 40 || strings.Contains(text, "\x1b") {
			t.Errorf("%q", text)
		}
	}
}

func TestTheRateBeginsAnewWithATrial(t *testing.T) {
	var r rate
	for _, step := range []struct {
		elapsed time.Duration
		count   uint64
		perSec  float64
		ok      bool
	}{
		{500 * time.Millisecond, 50, 0, false}, // too early to tell
		{time.Second, 100, 100, true},
		{1500 * time.Millisecond, 400, 100, true}, // until a second has gone by
		{2 * time.Second, 500, 400, true},
		{100 * time.Millisecond, 10, 0, false}, // another trial
	} {
		if perSec, ok := r.at(step.elapsed, step.count); perSec != step.perSec || ok != step.ok {
			t.Errorf("after %v: %v, %v", step.elapsed, perSec, ok)
		}
	}
}
