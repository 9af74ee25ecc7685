package core

import "xbench/core/meter"

// firstPoolWait signals once somebody has waited for a buffer.
type firstPoolWait chan struct{}

func (f firstPoolWait) Waited(r meter.Reason, _ int, _, _ meter.Time) {
	if r != meter.Pool {
		return
	}
	select {
	case f <- struct{}{}:
	default:
	}
}
