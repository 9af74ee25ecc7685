// frame_timer.go: the patience with a frame that has begun and does not end.

package net

import (
	"fmt"
	"sync/atomic"
	"time"
)

// DefaultFrameTimeout is how long a peer may take over one frame once its first byte has come.
const DefaultFrameTimeout = 30 * time.Second

// FrameTimeoutError says that a peer sent a part of a frame and then not the rest. It ends the connection.
type FrameTimeoutError struct{ After time.Duration }

func (e *FrameTimeoutError) Error() string {
	return fmt.Sprintf("a frame stopped half-way: its rest did not come within %v", e.After)
}

// frameTimer closes a connection whose receiver has waited too long for the rest of one frame. The receiver calls wait when it is about to
// wait, and moved before every read, which costs a comparison as long as there is something to read.
type frameTimer struct {
	after   time.Duration
	timer   *time.Timer
	current uint64 // the frame that is being waited for; 0: none
	fired   atomic.Bool
}

func newFrameTimer(after time.Duration, closeConn func() error) *frameTimer {
	t := &frameTimer{after: after}
	t.timer = time.AfterFunc(time.Hour, func() {
		t.fired.Store(true)
		_ = closeConn()
	})
	t.timer.Stop()
	return t
}

// wait is called before the receiver waits for the rest of a frame, by its number; 0 is between two frames, where waiting is free.
// The time counts from the first wait for a frame, however often a piece of it comes.
func (t *frameTimer) wait(frame uint64) {
	if frame == t.current {
		return
	}
	t.current = frame
	if frame == 0 {
		t.timer.Stop()
	} else {
		t.timer.Reset(t.after)
	}
}

// moved says which frame, if any, is about to be read: if it is another than the one that was waited for, that one came whole.
func (t *frameTimer) moved(frame uint64) {
	if t.current != 0 && t.current != frame {
		t.wait(0)
	}
}

// stop ends it with the connection.
func (t *frameTimer) stop() { t.timer.Stop() }

// explain replaces the error of a connection that the timer closed.
func (t *frameTimer) explain(err error) error {
	if err != nil && t.fired.Load() {
		return &FrameTimeoutError{After: t.after}
	}
	return err
}
