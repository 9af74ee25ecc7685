package net

import (
	"testing"
	"time"
)

// R2.7: how often a request is repeated.
func TestR2_7Backoff(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		timeout, most time.Duration
		repeats       int
	}{
		{500 * ms, 1000 * ms, 3}, // at 500, 1000, 1500; 2000 fails
		{500 * ms, 500 * ms, 1},
		{0, 1000 * ms, 0},
	} {
		b := backoff{timeout: c.timeout, most: c.most}
		n := 0
		for b.again() {
			n++
		}
		if n != c.repeats {
			t.Errorf("timeout %v, at most %v: %d repeats, want %d", c.timeout, c.most, n, c.repeats)
		}
	}
}
