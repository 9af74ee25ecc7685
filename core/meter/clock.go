// clock.go: the monotonic clock of the host, and the only call of time.Now in core.

package meter

import (
	"time"

	"golang.org/x/sys/unix"
)

// Time is an instant in nanoseconds on the host's CLOCK_MONOTONIC: stamps of two processes on one host
// compare, stamps of two hosts do not. Differences are durations in nanoseconds.
type Time int64

// Sub is the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Add is the instant d after t.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Clock says what time it is. It is handed in wherever a stamp is taken; tests hand in their own. Any goroutine
// may call it.
type Clock func() Time

// calibrations is how often Monotonic compares the two clocks; the closest pair counts. One would do but for
// a preemption between the calls, which would shift every stamp of the process by its length.
const calibrations = 8

// Monotonic is a clock that reads CLOCK_MONOTONIC, about 35 ns a call. The call that the operating system offers
// is a real system call from Go, several times as long; so the clock is compared with Go's own monotonic reading
// once, here, and followed by time.Since (the same oscillator, so the two never drift apart). It panics when the
// system has no such clock.
func Monotonic() Clock {
	var (
		base    time.Time
		at      Time
		closest = time.Duration(1<<63 - 1)
	)
	for range calibrations {
		before := time.Now()
		now := monotonicRaw()
		apart := time.Since(before)
		if apart < closest {
			closest, base, at = apart, before, now-Time(apart/2)
		}
	}
	return func() Time { return at + Time(time.Since(base)) }
}

// monotonicRaw is the system call.
func monotonicRaw() Time {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("meter: CLOCK_MONOTONIC: " + err.Error())
	}
	return Time(ts.Nano())
}
