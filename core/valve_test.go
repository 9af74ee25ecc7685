// valve_test.go: what a valve lets through, as conversations, and against a model that looks at everything every time.

package core

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"xbench/core/serde"
)

// valveTalks are conversations after Flink's StatusWatermarkValveTest and the rules behind it. A line is a channel, what it says, and what the valve
// lets through.
var valveTalks = []struct {
	name     string
	channels int
	talk     string
}{
	{"one channel passes what grows", 1, `
		0: 0      -> 0
		0: 25     -> 25
		0: 25     ->
		0: 18     ->
		0: 26     -> 26
		0: max    -> max`},
	{"negative times are times", 1, `
		0: -10    -> -10
		0: -20    ->
		0: -1     -> -1`},
	{"one channel rests", 1, `
		0: 25     -> 25
		0: idle   -> idle
		0: idle   ->
		0: 50     ->
		0: active -> active
		0: active ->
		0: 26     -> 26`},
	{"a rest before the first watermark", 1, `
		0: idle   -> idle
		0: active -> active
		0: 5      -> 5`},
	{"active is what channels are", 2, `
		0: active ->
		1: active ->`},
	{"the least of three", 3, `
		0: 0      ->
		1: 0      ->
		2: 0      -> 0
		0: 12     ->
		2: 8      ->
		2: 10     ->
		1: 15     -> 10
		2: 17     -> 12
		0: 20     -> 15
		0: 15     ->
		1: 16     -> 16
		1: 30     -> 17`},
	{"who rests holds nobody back", 3, `
		0: 15     ->
		1: 10     ->
		2: idle   -> 10
		1: 18     -> 15
		0: 20     -> 18
		1: idle   -> 20
		0: 25     -> 25`},
	{"the second least, when the least rests", 3, `
		0: 10     ->
		1: 12     ->
		2: 14     -> 10
		0: idle   -> 12
		1: idle   -> 14
		2: 20     -> 20`},
	{"one that does not hold back rests", 2, `
		0: 10     ->
		1: 20     -> 10
		1: idle   ->
		0: 11     -> 11`},
	{"back again, behind: not waited for until it has caught up", 2, `
		0: 10     ->
		1: 5      -> 5
		1: idle   -> 10
		0: 20     -> 20
		1: active ->
		0: 21     -> 21
		1: 15     ->
		0: 22     -> 22
		1: 22     ->
		0: 30     ->
		1: 25     -> 25
		1: 40     -> 30`},
	{"back again, not behind: waited for at once", 2, `
		0: 10     ->
		1: 30     -> 10
		1: idle   ->
		0: 20     -> 20
		1: active ->
		0: 40     -> 30
		1: 35     -> 35`},
	{"back again, level", 2, `
		0: 10     ->
		1: 10     -> 10
		1: idle   ->
		1: active ->
		0: 20     ->
		1: 15     -> 15`},
	{"all rest: the largest, in whatever order they fall silent", 3, `
		0: 10     ->
		1: 5      ->
		2: 12     -> 5
		0: idle   ->
		2: idle   ->
		1: idle   -> 12 idle
		1: 99     ->`},
	{"all rest: the largest is out already", 3, `
		0: 10     ->
		1: 5      ->
		2: 12     -> 5
		1: idle   -> 10
		0: idle   -> 12
		2: idle   -> idle`},
	{"all rest: the last one counts for nothing but its silence", 3, `
		0: 20     ->
		1: 10     ->
		2: 3      -> 3
		2: idle   -> 10
		2: active ->
		0: idle   ->
		1: idle   ->
		0: active ->
		0: idle   ->
		2: idle   -> 20 idle`},
	{"nobody has said anything", 2, `
		0: idle   ->
		1: idle   -> idle
		0: active -> active
		0: 7      -> 7
		1: active ->
		0: 8      -> 8`},
	{"the first to come back speaks for all", 2, `
		0: 10     ->
		1: 20     -> 10
		0: idle   -> 20
		1: idle   -> idle
		0: active -> active
		0: 15     ->
		0: 20     ->
		0: 21     -> 21
		1: active ->
		0: 30     -> 30`},
	{"nobody counts: nothing passes", 2, `
		0: 10     ->
		1: 10     -> 10
		0: idle   ->
		1: 20     -> 20
		0: active ->
		1: idle   ->
		0: 15     ->
		0: 20     ->
		0: 22     -> 22`},
	{"the end of time", 2, `
		0: max    ->
		1: 5      -> 5
		1: max    -> max
		0: idle   ->
		1: idle   -> idle`},
	{"watermarks of subpartitions are those of their channels", 2, `
		0: internal 10 ->
		1: internal 5  -> 5
		1: 10          -> 10`},
	{"what is no watermark does not pass here", 1, `
		0: record     ->
		0: marker     ->
		0: attributes ->`},
}

func TestValve(t *testing.T) {
	for _, c := range valveTalks {
		t.Run(c.name, func(t *testing.T) {
			v, m := NewValve(c.channels), newModelValve(c.channels)
			for _, line := range strings.Split(strings.TrimSpace(c.talk), "\n") {
				said, want, ok := strings.Cut(line, "->")
				who, what, ok2 := strings.Cut(strings.TrimSpace(said), ":")
				channel, err := strconv.Atoi(who)
				if !ok || !ok2 || err != nil {
					t.Fatalf("not a line of a conversation: %q", line)
				}
				e := parseWord(t, strings.TrimSpace(what))
				want = strings.TrimSpace(want)
				if got := words(v.Feed(channel, &e)); got != want {
					t.Fatalf("%s: got %q", strings.TrimSpace(line), got)
				}
				if got := words(m.feed(channel, &e)); got != want {
					t.Fatalf("%s: the model says %q", strings.TrimSpace(line), got)
				}
			}
		})
	}
}

func parseWord(t *testing.T, word string) serde.StreamElement {
	switch word {
	case "idle", "active":
		return serde.StreamElement{Tag: serde.TagWatermarkStatus, Idle: word == "idle"}
	case "max":
		return serde.StreamElement{Tag: serde.TagWatermark, TimestampMs: math.MaxInt64}
	case "record":
		return serde.StreamElement{Tag: serde.TagTimestamped, TimestampMs: 1000}
	case "marker":
		return serde.StreamElement{Tag: serde.TagLatencyMarker, TimestampMs: 1000}
	case "attributes":
		return serde.StreamElement{Tag: serde.TagRecordAttributes}
	}
	tag := serde.TagWatermark
	number, internal := strings.CutPrefix(word, "internal ")
	if internal {
		tag = serde.TagInternalWatermark
	}
	ms, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return serde.StreamElement{Tag: tag, TimestampMs: ms, Subpartition: 9}
}

func words(out []serde.StreamElement) string {
	var all []string
	for i := range out {
		switch e := &out[i]; {
		case e.Tag == serde.TagWatermark && e.TimestampMs == math.MaxInt64:
			all = append(all, "max")
		case e.Tag == serde.TagWatermark:
			all = append(all, strconv.FormatInt(e.TimestampMs, 10))
		case e.Tag == serde.TagWatermarkStatus && e.Idle:
			all = append(all, "idle")
		case e.Tag == serde.TagWatermarkStatus:
			all = append(all, "active")
		default:
			all = append(all, fmt.Sprintf("%+v", *e))
		}
	}
	return strings.Join(all, " ")
}

// modelValve is the rules without a heap: it looks at every channel every time.
type modelValve struct {
	channels []modelChannel
	last     int64
	idle     bool
}

type modelChannel struct {
	ms            int64
	idle, aligned bool
}

func newModelValve(channels int) *modelValve {
	return &modelValve{channels: slices.Repeat([]modelChannel{{ms: NoWatermark, aligned: true}}, channels), last: NoWatermark}
}

func (m *modelValve) feed(channel int, e *serde.StreamElement) (out []serde.StreamElement) {
	c := &m.channels[channel]
	pass := func(of func(modelChannel) bool, pick func(a, b int64) int64) {
		var best *int64
		for _, c := range m.channels {
			if of(c) {
				if best != nil {
					c.ms = pick(*best, c.ms)
				}
				best = &c.ms
			}
		}
		if best != nil && *best > m.last {
			m.last = *best
			out = append(out, serde.StreamElement{Tag: serde.TagWatermark, TimestampMs: m.last})
		}
	}
	least := func() {
		pass(func(c modelChannel) bool { return c.aligned }, func(a, b int64) int64 { return min(a, b) })
	}
	largest := func() {
		pass(func(modelChannel) bool { return true }, func(a, b int64) int64 { return max(a, b) })
	}
	status := func(idle bool) {
		m.idle = idle
		out = append(out, serde.StreamElement{Tag: serde.TagWatermarkStatus, Idle: idle})
	}
	isWatermark := e.Tag == serde.TagWatermark || e.Tag == serde.TagInternalWatermark
	switch {
	case isWatermark && !m.idle && !c.idle && e.TimestampMs > c.ms:
		c.ms = e.TimestampMs
		c.aligned = c.aligned || c.ms >= m.last
		least()
	case e.Tag == serde.TagWatermarkStatus && e.Idle && !c.idle:
		c.idle, c.aligned = true, false
		if !slices.ContainsFunc(m.channels, func(c modelChannel) bool { return !c.idle }) {
			largest()
			status(true)
		} else if c.ms == m.last {
			least()
		}
	case e.Tag == serde.TagWatermarkStatus && !e.Idle && c.idle:
		c.idle, c.aligned = false, c.ms >= m.last
		if m.idle {
			status(false)
		}
	}
	return out
}

// checkValve looks for what must always hold, and compares with the model.
func checkValve(t rapid.TB, v *Valve, m *modelValve, before int64, out []serde.StreamElement) {
	t.Helper()
	for i := range out {
		if e := &out[i]; e.Tag == serde.TagWatermark && (e.TimestampMs <= before || e.TimestampMs != v.WatermarkMs()) {
			t.Fatalf("watermark %d behind %d, and WatermarkMs is %d", e.TimestampMs, before, v.WatermarkMs())
		}
	}
	if v.WatermarkMs() != m.last || v.IsIdle() != m.idle {
		t.Fatalf("watermark %d, idle %t; the model has %d, %t", v.WatermarkMs(), v.IsIdle(), m.last, m.idle)
	}
	for place, channel := range v.aligned {
		if v.channels[channel].place != int32(place) {
			t.Fatalf("channel %d is at %d of %v and believes in %d", channel, place, v.aligned, v.channels[channel].place)
		}
		if place > 0 && v.before(place, (place-1)/2) {
			t.Fatalf("%v is no heap", v.aligned)
		}
	}
	for i, c := range v.channels {
		if want := m.channels[i]; c.watermarkMs != want.ms || c.idle != want.idle || (c.place != notAligned) != want.aligned {
			t.Fatalf("channel %d is %+v; the model has %+v", i, c, want)
		}
	}
}

// TestValveEveryConversation: all that few channels can say in a few steps.
func TestValveEveryConversation(t *testing.T) {
	for _, c := range []struct{ channels, watermarks, steps int }{{1, 3, 6}, {2, 3, 5}, {3, 2, 4}} {
		t.Run(fmt.Sprintf("%d channels, %d steps", c.channels, c.steps), func(t *testing.T) {
			var all []serde.StreamElement
			for ms := range int64(c.watermarks) {
				all = append(all, serde.StreamElement{Tag: serde.TagWatermark, TimestampMs: ms})
			}
			all = append(all, serde.StreamElement{Tag: serde.TagWatermarkStatus, Idle: true}, serde.StreamElement{Tag: serde.TagWatermarkStatus})
			words := c.channels * len(all)
			talks := int(math.Pow(float64(words), float64(c.steps)))
			for talk := range talks {
				v, m := NewValve(c.channels), newModelValve(c.channels)
				for step, rest := 0, talk; step < c.steps; step, rest = step+1, rest/words {
					channel, e := rest%c.channels, &all[rest/c.channels%len(all)]
					before := v.WatermarkMs()
					out := v.Feed(channel, e)
					if want := m.feed(channel, e); !slices.EqualFunc(out, want, sameElement) {
						t.Fatalf("talk %d, step %d: %+v, want %+v", talk, step, out, want)
					}
					if step == c.steps-1 {
						checkValve(t, v, m, before, out)
					}
				}
			}
		})
	}
}

func sameElement(a, b serde.StreamElement) bool {
	return a.Tag == b.Tag && a.TimestampMs == b.TimestampMs && a.Idle == b.Idle
}

// TestValveLongConversations of many channels, against the model.
func TestValveLongConversations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 40).Draw(t, "channels")
		v, m := NewValve(channels), newModelValve(channels)
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			channel := rapid.IntRange(0, channels-1).Draw(t, "channel")
			e := serde.StreamElement{Tag: serde.TagWatermarkStatus, Idle: rapid.Bool().Draw(t, "idle")}
			if rapid.IntRange(0, 3).Draw(t, "kind") > 0 {
				e = serde.StreamElement{Tag: serde.TagWatermark, TimestampMs: m.channels[channel].ms + rapid.Int64Range(-2, 10).Draw(t, "step")}
				if m.channels[channel].ms == NoWatermark {
					e.TimestampMs = rapid.Int64Range(-5, 5).Draw(t, "first")
				}
			}
			before := v.WatermarkMs()
			out := v.Feed(channel, &e)
			if want := m.feed(channel, &e); !slices.EqualFunc(out, want, sameElement) {
				t.Fatalf("%+v, want %+v", out, want)
			}
			checkValve(t, v, m, before, out)
		}
	})
}

// TestValveAllocatesNothing per element.
func TestValveAllocatesNothing(t *testing.T) {
	v := NewValve(10)
	e := serde.StreamElement{Tag: serde.TagWatermark}
	status := serde.StreamElement{Tag: serde.TagWatermarkStatus}
	if n := testing.AllocsPerRun(100, func() {
		e.TimestampMs++
		for ch := range 10 {
			v.Feed(ch, &e)
		}
		for _, status.Idle = range []bool{true, false} {
			for ch := range 10 {
				v.Feed(ch, &status)
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkValve is one watermark of one of many channels, whose times grow alike.
func BenchmarkValve(b *testing.B) {
	for _, channels := range []int{1, 100, 10_000} {
		b.Run(strconv.Itoa(channels), func(b *testing.B) {
			v := NewValve(channels)
			rng := rand.New(rand.NewPCG(1, 2))
			e := serde.StreamElement{Tag: serde.TagWatermark}
			b.ReportAllocs()
			for b.Loop() {
				e.TimestampMs++
				v.Feed(rng.IntN(channels), &e)
			}
		})
	}
}
