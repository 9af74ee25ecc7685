// clock.go: the host's monotonic clock, at the price of Go's own.

package pace

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// Monotonic makes a clock that tells nanoseconds of the host's CLOCK_MONOTONIC, so that
// stamps taken by two processes of one host can be subtracted. A call costs about 40 ns:
// asking the kernel would cost a real system call, so Go's clock, which runs at the same speed,
// is asked, and the constant between the two is found out here, once.
func Monotonic() func() int64 {
	start := time.Now()
	offset := offsetFrom(start, func() int64 {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			panic("pace: CLOCK_MONOTONIC: " + err.Error()) // no Linux is without it
		}
		return ts.Nano()
	})
	return func() int64 { return int64(time.Since(start)) + offset }
}

// offsetFrom is what to add to the time since start. Each look at the kernel's clock lies
// between two looks at ours, and so bounds the offset on both sides; the bounds of many
// looks together are tens of nanoseconds apart.
func offsetFrom(start time.Time, kernel func() int64) int64 {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	for range 64 {
		before := int64(time.Since(start))
		now := kernel()
		after := int64(time.Since(start))
		low, high = max(low, now-after), min(high, now-before)
	}
	return low + (high-low)/2
}
