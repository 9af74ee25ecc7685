// timer_gauge_test.go: how much of each second, step by step, after Flink's TimerGaugeTest.

package meter

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// script plays a gauge that begins at 0. A line is an instant and what happens at it: start, end, or read with what is wanted:
// milliseconds per second, the longest measurement, everything.
func script(t *testing.T, lines string) {
	t.Helper()
	g := NewTimerGauge(0)
	for line := range strings.Lines(lines) {
		at, what, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		d, err := time.ParseDuration(at)
		if err != nil {
			t.Fatal(err)
		}
		now := Time(d)
		switch what {
		case "start":
			g.Start(now)
		case "end":
			g.End(now)
		default:
			r := g.Read(now)
			if got := fmt.Sprintf("%d %v %v", r.MsPerSecond, r.Max, r.Total); got != what {
				t.Errorf("at %v: read %s, want %s", d, got, what)
			}
		}
	}
}

func TestTimerGauge(t *testing.T) {
	for _, c := range []struct{ name, lines string }{
		{"nothing measured", `
			0s 0 0s 0s
			12s 0 0s 0s`},
		{"the value is that of whole intervals", `
			1s start
			1010ms end
			4999ms 0 0s 10ms
			5s 2 10ms 10ms`},
		{"the longest measurement falls again", `
			1s start
			1010ms end
			5s 2 10ms 10ms
			6s start
			6005ms end
			10s 1 5ms 15ms
			15s 1 0s 15ms`},
		{"an ongoing measurement counts", `
			4990ms start
			5s 2 10ms 10ms
			5010ms 2 10ms 20ms
			10s 501 5.01s 5.01s
			11s end
			15s 400 6.01s 6.01s
			20s 300 0s 6.01s`},
		{"a second start changes nothing, nor does an end of nothing", `
			1s end
			2s start
			3s start
			4s end
			4500ms end
			5s 400 2s 2s`},
		{"the window is a minute", `
			0s start
			5s end
			5s 1000 5s 5s
			10s 500 0s 5s
			60s 83 0s 5s
			64999ms 83 0s 5s
			65s 0 0s 5s`},
		{"all of the time", `
			0s start
			3h 1000 3h0m0s 3h0m0s
			3h end
			3h1m 0 0s 3h0m0s`},
		{"nobody looked for a while, and what ended before is over", `
			1s start
			3s end
			10m start
			10m1s 0 0s 3s
			10m5s 83 5s 7s`},
		{"a clock that goes back counts nothing twice", `
			2s start
			4s 0 0s 2s
			3s 0 0s 2s
			3s end
			3s start
			5s 600 2s 3s`},
	} {
		t.Run(c.name, func(t *testing.T) { script(t, c.lines) })
	}
}
