// sizing.go: how many segments an output and an input need. Arithmetic only; see R1.6 for its table.

package buffer

import "math"

// NoBound is a limit that limits nothing.
const NoBound = math.MaxInt

// A Share is what a pool is promised and what it may get at most, in segments (NoBound: anything): Required and Max of
// LocalOptions.
type Share struct{ Required, Max int }

// OutputShare is the pool of a result partition whose subpartitions each fill a buffer: all pipelined types, and blocking ones that
// are not sorted. One per subpartition, and one more, so that a task may insist on a free buffer before it begins a
// record while every subpartition holds one (FLINK-14553). bounded are the types that must not queue more than perChannel
// buffers for each subpartition and floating for all. After NettyShuffleUtils.getMinMaxNetworkBuffersPerResultPartition.
func OutputShare(subpartitions, perChannel, floating int, bounded bool) Share {
	required := subpartitions + 1
	if !bounded {
		return Share{required, NoBound}
	}
	return Share{required, max(required, subpartitions*perChannel+floating)}
}

// SortedOutputShare is the pool of a partition that sorts in memory before it writes: least is configured (512 in Flink).
func SortedOutputShare(subpartitions, least int) Share {
	return Share{least, max(least, 4*subpartitions)}
}

// TieredOutputShare is the pool of a partition in storage tiers that together want exclusive buffers of their own.
func TieredOutputShare(subpartitions, exclusive int) Share {
	return Share{min(exclusive, subpartitions+1), NoBound}
}

// A GateShare is what an input gate needs.
type GateShare struct {
	Exclusive int   // segments that each channel has of its own: its initial credit
	Floating  Share // the gate's pool, for whichever channel has backlog
}

// Target is the number of segments that the gate would use if it got all it may.
func (g GateShare) Target(channels int) int { return channels*g.Exclusive + g.Floating.Max }

// RequiredMaxBatch is Flink's bound on what a gate of a batch job insists on; streaming jobs have NoBound.
const RequiredMaxBatch = 1000

// InputShare divides the segments of a gate: each channel should have exclusive ones of its own, and all together
// floating ones. What the gate insists on is at most requiredMax: above it, channels get fewer of their own, down to none, and
// the rest floats. At least one floats always, as a channel with none of its own lives of it. After
// GateBuffersSpec and InputGateSpecUtils.
func InputShare(channels, exclusive, floating, requiredMax int) GateShare {
	required := min(requiredMax, channels*exclusive+1)
	own := exclusive
	if channels > 0 {
		own = min(exclusive, (required-1)/channels)
	}
	return GateShare{
		Exclusive: own,
		Floating:  Share{required - own*channels, channels*exclusive + floating - own*channels},
	}
}
