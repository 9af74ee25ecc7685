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
