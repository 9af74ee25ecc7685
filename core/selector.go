// selector.go: which subpartition a record goes to.

package core

import (
	"xbench/core/serde"
)

// Selector picks the subpartition of a record (Flink: ChannelSelector). A selector belongs to one writer.
type Selector interface {
	// Select returns an index below n, the number of subpartitions.
	Select(r serde.Record, n int) int
}

// RoundRobin sends the first record to subpartition 0 and every other one to the next (Flink: RoundRobinChannelSelector).
type RoundRobin struct{ next int }

// Select returns the next index.
func (s *RoundRobin) Select(_ serde.Record, n int) int {
	if s.next >= n {
		s.next = 0
	}
	i := s.next
	s.next++
	return i
}

// KeyGroup sends all records with one key to one subpartition (Flink: KeyGroupStreamPartitioner).
type KeyGroup struct {
	// Hash is the key's hash code, as Java's hashCode would have it.
	Hash func(r serde.Record) int32
	// MaxParallelism is the number of key groups; 0: Flink's default for the number of subpartitions.
	MaxParallelism int
}

// Select returns the subpartition that owns the key's group.
func (s *KeyGroup) Select(r serde.Record, n int) int {
	return serde.ChannelOfKey(s.Hash(r), s.maxParallelism(n), n)
}

func (s *KeyGroup) maxParallelism(n int) int {
	if s.MaxParallelism == 0 {
		s.MaxParallelism = serde.DefaultMaxParallelism(n)
	}
	return s.MaxParallelism
}
