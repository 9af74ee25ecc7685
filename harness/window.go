// window.go: the three instants of a trial, and the earlier end that an interruption brings.

package harness

import "sync/atomic"

// Window is a trial's instants in nanoseconds of CLOCK_MONOTONIC: sources send from Begin to
// End; what happens in [Measure, End) is measured, what happens before is warm-up.
type Window struct {
	Begin   int64 `json:"begin_ns"`
	Measure int64 `json:"measure_ns"`
	End     int64 `json:"end_ns"`
}

// window is a Window that one worker's tasks share, and that may end early.
type window struct {
	Window
	end atomic.Int64 // Window.End, or when the run was interrupted
	_   ownLine
}

// ownLine at the end of what one goroutine writes often keeps it apart from what another one
// does: without it small objects share cache lines, and slow each other down.
type ownLine [64]byte

func newWindow(w Window) *window {
	s := &window{Window: w}
	s.end.Store(w.End)
	return s
}

// stop ends the window at now, unless it has ended before.
func (w *window) stop(now int64) {
	if now < w.end.Load() {
		w.end.Store(now)
	}
}

// stopped reports whether the window ended early.
func (w *window) stopped() bool { return w.end.Load() != w.End }
