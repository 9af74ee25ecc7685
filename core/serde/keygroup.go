// keygroup.go: from the hash of a key to the channel of its record.

package serde

import (
	"fmt"
	"math/bits"
)

// Bounds of the number of key groups that Flink chooses by itself.
const (
	defaultMaxParallelismLeast = 128
	MaxParallelism             = 1 << 15 // also the most that anybody may choose
)

// DefaultMaxParallelism is the number of key groups of an operator with so many subtasks, if nobody says otherwise: half as many
// again, rounded up to a power of two, from 128 to 32,768.
func DefaultMaxParallelism(parallelism int) int {
	if parallelism < 1 || parallelism > MaxParallelism {
		panic(fmt.Sprintf("serde: parallelism %d, allowed are 1 to %d", parallelism, MaxParallelism))
	}
	roundedUp := 1 << bits.Len(uint(parallelism+parallelism/2-1))
	return min(max(roundedUp, defaultMaxParallelismLeast), MaxParallelism)
}

// KeyGroup is the key group of a key with this Java hash code (Flink: KeyGroupRangeAssignment.assignToKeyGroup).
func KeyGroup(hash int32, maxParallelism int) int { return int(Murmur(hash)) % maxParallelism }

// ChannelOfKeyGroup is which of so many channels, that is subtasks, owns a key group.
func ChannelOfKeyGroup(keyGroup, maxParallelism, channels int) int {
	return keyGroup * channels / maxParallelism
}

// ChannelOfKey is KeyGroup, then ChannelOfKeyGroup.
func ChannelOfKey(hash int32, maxParallelism, channels int) int {
	return ChannelOfKeyGroup(KeyGroup(hash, maxParallelism), maxParallelism, channels)
}

// KeyGroupRange is the key groups of subtask i of so many: from first to last, both included. There must be at least as many key
// groups as subtasks.
func KeyGroupRange(i, parallelism, maxParallelism int) (first, last int) {
	if i < 0 || i >= parallelism || parallelism > maxParallelism || maxParallelism > MaxParallelism {
		panic(fmt.Sprintf("serde: key groups of subtask %d of %d, with %d in all", i, parallelism, maxParallelism))
	}
	return (i*maxParallelism + parallelism - 1) / parallelism, ((i+1)*maxParallelism - 1) / parallelism
}

// Murmur spreads a hash code: 32-bit murmur 3 of its one word, made non-negative (Flink: MathUtils.murmurHash).
func Murmur(hash int32) int32 {
	h := int32(murmurMix(murmurFold(murmurScramble(uint32(hash))) ^ 4)) // 4: the length in bytes
	if h >= 0 {
		return h
	}
	if h = -h; h >= 0 {
		return h
	}
	return 0 // the least number has no positive twin
}

func murmurScramble(c uint32) uint32 {
	return bits.RotateLeft32(c*0xCC9E2D51, 15) * 0x1B873593
}

func murmurFold(c uint32) uint32 {
	return bits.RotateLeft32(c, 13)*5 + 0xE6546B64
}

func murmurMix(c uint32) uint32 {
	c = (c ^ c>>16) * 0x85EBCA6B
	c = (c ^ c>>13) * 0xC2B2AE35
	return c ^ c>>16
}
