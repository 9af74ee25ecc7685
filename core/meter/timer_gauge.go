// timer_gauge.go: how much of each second went into one thing, over the last minute. A pure value: it is told the time.

package meter

import "time"

// A TimerGauge's value is of the last minute, in intervals: it changes at the end of one.
const (
	gaugeInterval = 5 * time.Second
	gaugeSlots    = 12
)

// TimerGauge measures how much time goes into one thing (Flink: TimerGauge with its view of 60 s, updated each 5 s). A
// measurement that has not ended counts as far as it has come, in every interval that it touches. It is not safe for concurrent use, and
// copes with instants that are slightly out of order. Make it with NewTimerGauge.
type TimerGauge struct {
	slots  [gaugeSlots]time.Duration // measured in each of the last intervals
	slot   int                       // where the interval under way will go
	filled int                       // slots that are of an interval; fewer in the first minute
	window time.Duration             // all slots together

	ends    Time          // of the interval under way
	current time.Duration // measured in it
	longest time.Duration // measurement that ended in it, or is going on; from its own beginning

	last  time.Duration // the longest of the interval before
	total time.Duration

	measuring   bool
	began, upTo Time // of the measurement that is going on, and how far it is counted
}

// TimerReading is what a TimerGauge says.
type TimerReading struct {
	// MsPerSecond is the mean over the intervals that are over, at most the last minute's; 0 before the first one is. 0 to 1000.
	MsPerSecond int64
	// Max is the longest measurement that ended in the last whole interval, or went on in it, from its own beginning.
	Max time.Duration
	// Total is everything so far, up to this instant.
	Total time.Duration
}

// NewTimerGauge makes a gauge whose intervals begin now.
func NewTimerGauge(now Time) TimerGauge { return TimerGauge{ends: now.Add(gaugeInterval)} }

// Start begins a measurement, unless one is going on.
func (g *TimerGauge) Start(now Time) {
	g.advance(now)
	if !g.measuring {
		g.measuring, g.began, g.upTo = true, now, max(now, g.upTo)
	}
}

// End ends the measurement that is going on, if any.
func (g *TimerGauge) End(now Time) {
	g.advance(now)
	g.measuring = false
}

// Read says how it stands.
func (g *TimerGauge) Read(now Time) TimerReading {
	g.advance(now)
	r := TimerReading{Max: g.last, Total: g.total}
	if g.filled > 0 {
		thousandth := gaugeInterval / 1000 * time.Duration(g.filled) // of the window: one millisecond of each second
		r.MsPerSecond = min(max(int64(g.window/thousandth), 0), 1000)
	}
	return r
}

// advance ends the intervals that are over, one by one: 12 a minute for a gauge that nobody has looked at.
func (g *TimerGauge) advance(now Time) {
	for now >= g.ends {
		g.count(g.ends)
		g.endInterval()
	}
	g.count(now)
}

// count adds what the measurement that is going on has grown by.
func (g *TimerGauge) count(now Time) {
	if !g.measuring || now <= g.upTo {
		return
	}
	d := now.Sub(g.upTo)
	g.upTo = now
	g.current += d
	g.total += d
	g.longest = max(g.longest, now.Sub(g.began))
}

func (g *TimerGauge) endInterval() {
	g.window += g.current - g.slots[g.slot]
	g.slots[g.slot] = g.current
	g.slot = (g.slot + 1) % gaugeSlots
	g.filled = min(g.filled+1, gaugeSlots)
	g.last = g.longest
	g.current, g.longest = 0, 0
	g.ends = g.ends.Add(gaugeInterval)
}
