// valve.go: one watermark and one status out of those of many channels.

package core

import (
	"fmt"
	"math"

	"xbench/core/serde"
)

// NoWatermark is the watermark of a channel, or of a Valve, that has seen none.
const NoWatermark = math.MinInt64

// Valve combines the watermarks and the idleness of a task's channels into those of the task (Flink: StatusWatermarkValve). What it lets through
// is the least watermark of the channels that count, and never one below or equal to the last.
//
// A channel counts while it is active and aligned. An idle one holds nobody back, and its watermarks are not heard. One that becomes active again
// is aligned if it is not behind what the valve has let through, else as soon as it has caught up: until then it does not count. The valve is
// idle when all channels are; nobody being left to wait for, it first lets the largest watermark through. (Flink 2.0 does so only if the last
// channel to fall silent had the least; later versions always, so that the order does not matter.)
//
// It is a value without lock or clock, for the goroutine that reads the channels: those of one logical input, numbered from 0. The end of a
// channel means nothing to it. (A channel that comes to its regular end says math.MaxInt64 before.)
type Valve struct {
	channels    []valveChannel
	aligned     []int32 // a heap of those that count, the least watermark first
	active      int     // channels that are not idle
	watermarkMs int64   // let through last
	out         [2]serde.StreamElement
}

type valveChannel struct {
	watermarkMs int64
	place       int32 // in aligned; notAligned: nowhere
	idle        bool
}

const notAligned = -1

// NewValve makes the valve of so many channels: all of them active, aligned, and without a watermark.
func NewValve(channels int) *Valve {
	if channels < 1 || channels > math.MaxInt32 {
		panic(fmt.Sprintf("core: a valve for %d channels", channels))
	}
	v := &Valve{
		channels: make([]valveChannel, channels), aligned: make([]int32, channels), active: channels, watermarkMs: NoWatermark,
	}
	for i := range v.channels {
		v.channels[i] = valveChannel{watermarkMs: NoWatermark, place: int32(i)}
		v.aligned[i] = int32(i)
	}
	return v
}

// WatermarkMs is the watermark that was let through last; NoWatermark: none.
func (v *Valve) WatermarkMs() int64 { return v.watermarkMs }

// IsIdle reports whether all channels are idle.
func (v *Valve) IsIdle() bool { return v.active == 0 }

// Feed takes an element of a channel and returns what it lets through, until the next call: at most one watermark, and behind it at most one
// status. An internal watermark counts as its channel's, since a channel has one subpartition. Elements other than watermarks and statuses
// do not pass here.
func (v *Valve) Feed(channel int, e *serde.StreamElement) []serde.StreamElement {
	out := v.out[:0]
	switch e.Tag {
	case serde.TagWatermark, serde.TagInternalWatermark:
		return v.watermark(out, int32(channel), e.TimestampMs)
	case serde.TagWatermarkStatus:
		switch c := &v.channels[channel]; {
		case e.Idle && !c.idle:
			return v.becomesIdle(out, int32(channel))
		case !e.Idle && c.idle:
			return v.becomesActive(out, int32(channel))
		}
	}
	return out
}

// watermark is heard of an active channel if it is larger than the channel's last.
func (v *Valve) watermark(out []serde.StreamElement, channel int32, ms int64) []serde.StreamElement {
	c := &v.channels[channel]
	if c.idle || ms <= c.watermarkMs {
		return out
	}
	c.watermarkMs = ms
	if c.place != notAligned {
		v.sink(int(c.place))
	} else if ms >= v.watermarkMs {
		v.align(channel)
	}
	return v.least(out)
}

// becomesIdle is heard of an active channel.
func (v *Valve) becomesIdle(out []serde.StreamElement, channel int32) []serde.StreamElement {
	c := &v.channels[channel]
	c.idle = true
	v.active--
	if c.place != notAligned {
		v.unalign(channel)
	}
	if v.active > 0 {
		if c.watermarkMs == v.watermarkMs { // it may have been the one that held the others back
			out = v.least(out)
		}
		return out
	}
	largest := v.watermarkMs
	for i := range v.channels {
		largest = max(largest, v.channels[i].watermarkMs)
	}
	return append(v.pass(out, largest), serde.StreamElement{Tag: serde.TagWatermarkStatus, Idle: true})
}

// becomesActive is heard of an idle one.
func (v *Valve) becomesActive(out []serde.StreamElement, channel int32) []serde.StreamElement {
	c := &v.channels[channel]
	c.idle = false
	v.active++
	if c.watermarkMs >= v.watermarkMs {
		v.align(channel)
	}
	if v.active == 1 {
		out = append(out, serde.StreamElement{Tag: serde.TagWatermarkStatus})
	}
	return out
}

// least lets the least watermark of the aligned channels through, if there are any and it is news.
func (v *Valve) least(out []serde.StreamElement) []serde.StreamElement {
	if len(v.aligned) == 0 {
		return out
	}
	return v.pass(out, v.channels[v.aligned[0]].watermarkMs)
}

func (v *Valve) pass(out []serde.StreamElement, ms int64) []serde.StreamElement {
	if ms <= v.watermarkMs {
		return out
	}
	v.watermarkMs = ms
	return append(out, serde.StreamElement{Tag: serde.TagWatermark, TimestampMs: ms})
}

// align puts a channel into the heap.
func (v *Valve) align(channel int32) {
	v.aligned = append(v.aligned, channel) // there is room for all
	v.rise(v.put(len(v.aligned)-1, channel))
}

// unalign takes a channel out of the heap; the last one comes into its place.
func (v *Valve) unalign(channel int32) {
	place, last := int(v.channels[channel].place), len(v.aligned)-1
	v.channels[channel].place = notAligned
	moved := v.aligned[last]
	v.aligned = v.aligned[:last]
	if place < last {
		v.rise(v.put(place, moved))
		v.sink(int(v.channels[moved].place))
	}
}

// put writes a channel into a place of the heap.
func (v *Valve) put(place int, channel int32) int {
	v.aligned[place] = channel
	v.channels[channel].place = int32(place)
	return place
}

// rise swaps the channel of a place with those above it that are larger.
func (v *Valve) rise(place int) {
	for place > 0 && v.before(place, (place-1)/2) {
		place = v.swap(place, (place-1)/2)
	}
}

// sink swaps the channel of a place with the smaller of the two below it while that is smaller than it.
func (v *Valve) sink(place int) {
	for {
		below := 2*place + 1
		if below+1 < len(v.aligned) && v.before(below+1, below) {
			below++
		}
		if below >= len(v.aligned) || !v.before(below, place) {
			return
		}
		place = v.swap(place, below)
	}
}

func (v *Valve) before(a, b int) bool {
	return v.channels[v.aligned[a]].watermarkMs < v.channels[v.aligned[b]].watermarkMs
}

// swap exchanges the channels of two places and returns the second.
func (v *Valve) swap(a, b int) int {
	up, down := v.aligned[a], v.aligned[b]
	v.put(a, down)
	return v.put(b, up)
}
