// capture.go: what barriers that overtake leave behind them, for whoever stores the state of the channels.

package partition

import (
	"errors"

	"xbench/core/buffer"
)

// Capture is the data of one subpartition that the barrier of one checkpoint overtook. For every barrier that overtakes or may
// come to, an unaligned or a timeoutable one, there is exactly one Capture per subpartition: with Err when the checkpoint was
// given up.
type Capture struct {
	Checkpoint   int64
	Subpartition int
	InFlight     []buffer.Buffer // oldest first; the receiver of the Capture recycles them. Empty: the barrier overtook nothing
	Err          error
}

// recycle is for when nobody wants the capture.
func (c Capture) recycle() {
	for _, b := range c.InFlight {
		b.Recycle()
	}
}

var (
	errCaptureReleased = errors.New("the subpartition is released")
	errCaptureReplaced = errors.New("a timeoutable barrier of another checkpoint came while this one was waiting")
)

// captured hands c to whoever listens. No lock is held.
func (p *ResultPartition) captured(c Capture) {
	if p.capture == nil {
		c.recycle()
		return
	}
	p.capture(c)
}
