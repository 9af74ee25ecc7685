// progress.go: how far a run is, on stderr.

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"xbench/harness"
	"xbench/results"
)

// progressModes are the values of --progress.
var progressModes = []string{"auto", "tty", "plain", "none"}

const (
	redrawEvery = 100 * time.Millisecond // a live line
	plainEvery  = 10 * time.Second       // lines that stay: in a log each one costs a reader's time
)

// progress tells how far a run is: one line that is redrawn on a terminal, or a line now and
// then that stays. It is not for concurrent use.
type progress struct {
	w     io.Writer
	live  bool
	every time.Duration // 0: say nothing
	clock func() time.Time
	width func() int

	place string    // of the case among the run's, in front of each line
	next  time.Time // when to speak again
	drawn bool      // there is a live line to be cleared

	rate rate
}

// newProgress resolves --progress: auto is a live line on a terminal, and silence elsewhere.
func newProgress(sh *shell, mode string) *progress {
	p := &progress{w: sh.stderr, clock: time.Now, width: sh.columns}
	if mode == "auto" {
		mode = "none"
		if sh.columns() > 0 && sh.getenv("TERM") != "dumb" && sh.getenv("CI") == "" {
			mode = "tty"
		}
	}
	switch mode {
	case "tty":
		p.live, p.every = true, redrawEvery
	case "plain":
		p.every = plainEvery
		p.next = p.clock().Add(plainEvery) // a short run says nothing
	}
	return p
}

// show tells about h, if it is time to.
func (p *progress) show(h harness.Progress) {
	now := p.clock()
	if p.every == 0 || now.Before(p.next) {
		return
	}
	p.next = now.Add(p.every)
	line := p.line(h)
	if !p.live {
		fmt.Fprintln(p.w, line)
		return
	}
	if width := p.width(); width > 0 && len(line) >= width {
		line = line[:width-1] // a line that wraps could not be redrawn
	}
	fmt.Fprint(p.w, "\r"+line+"\x1b[K")
	p.drawn = true
}

// clear takes the live line away, so that something else can be written.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// line is h in words, plain ASCII.
func (p *progress) line(h harness.Progress) string {
	var received uint64
	for _, w := range h.Workers {
		received += w.Received
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s  trial %d/%d  %s", p.place, h.Case, h.Trial, h.Trials, h.Phase)
	if h.Elapsed > 0 {
		fmt.Fprintf(&b, " %.1fs/%.1fs  received %s", h.Elapsed.Seconds(), h.Planned.Seconds(), results.Count(float64(received)))
		if perSec, ok := p.rate.at(h.Elapsed, received); ok {
			fmt.Fprintf(&b, "  %s/s", results.Count(perSec))
		}
	}
	return b.String()
}

// rate is records per second over the last second or so: less would jitter.
type rate struct {
	count  uint64
	since  time.Duration
	perSec float64
}

// at takes note of the count after elapsed, and returns the rate once there is one. An
// earlier instant than the last begins anew: it belongs to another trial.
func (r *rate) at(elapsed time.Duration, count uint64) (perSec float64, ok bool) {
	if elapsed < r.since || count < r.count {
		*r = rate{}
	}
	if d := elapsed - r.since; d >= time.Second {
		*r = rate{count, elapsed, float64(count-r.count) / d.Seconds()}
	}
	return r.perSec, r.perSec > 0
}
