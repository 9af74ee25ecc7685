// selector.go: which subpartition a record goes to.

package core

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"

	"xbench/core/serde"
)

// Selector picks the subpartition of a record (Flink: ChannelSelector). A selector belongs to one writer, whose task calls it. The partitioner that
// is missing here, to all of them, is WriterOptions.Broadcast.
//
// A selector that cannot serve every number of subpartitions has a method Check(n int) error besides; NewWriter calls it.
type Selector interface {
	// Select returns an index below n, the number of subpartitions. Another one is a *SelectorError of Emit, and the record is not sent.
	Select(r serde.Record, n int) int
}

// SelectorError says that a selector picked a subpartition that is not there.
type SelectorError struct {
	Selector      Selector
	Index         int
	Subpartitions int
}

// Error names the selector by its type, its choice, and what it could have chosen.
func (e *SelectorError) Error() string {
	return fmt.Sprintf("core: selector %T picked subpartition %d, allowed are 0 to %d", e.Selector, e.Index, e.Subpartitions-1)
}

// checkSelector asks the selectors that want to be asked.
func checkSelector(s Selector, n int) error {
	if c, ok := s.(interface{ Check(n int) error }); ok {
		if err := c.Check(n); err != nil {
			return fmt.Errorf("core: selector %T: %w", s, err)
		}
	}
	return nil
}

// Forward sends every record to subpartition 0, the only one of a task with one consumer (Flink: ForwardPartitioner).
type Forward struct{}

// Select returns 0.
func (Forward) Select(serde.Record, int) int { return 0 }

// Global sends every record to subpartition 0, whose consumer is the only one with work to do (Flink: GlobalPartitioner).
type Global struct{}

// Select returns 0.
func (Global) Select(serde.Record, int) int { return 0 }

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

// Rescale is RoundRobin over the consumers that are a producer's own, where producers and consumers are divided into groups: to its writer they
// are all there are (Flink: RescalePartitioner).
type Rescale struct{ RoundRobin }

// Rebalance is RoundRobin from a random beginning, so that many producers do not begin with the same consumer (Flink: RebalancePartitioner).
type Rebalance struct {
	Seed uint64

	begun bool
	rest  RoundRobin
}

// Select returns the next index, or the first one, which depends on Seed alone.
func (s *Rebalance) Select(r serde.Record, n int) int {
	if !s.begun {
		s.begun = true
		s.rest.next = (&Shuffle{Seed: s.Seed}).Select(nil, n)
	}
	return s.rest.Select(r, n)
}

// Shuffle sends each record to a random subpartition, all of them equally likely (Flink: ShufflePartitioner).
type Shuffle struct {
	Seed uint64

	begun  bool
	random rand.PCG
}

// Select returns a random index.
func (s *Shuffle) Select(_ serde.Record, n int) int {
	if !s.begun {
		s.begun = true
		s.random.Seed(s.Seed, 0)
	}
	i, _ := bits.Mul64(s.random.Uint64(), uint64(n)) // favours some of them by less than one in 2^32
	return int(i)
}

// KeyGroup sends all records with one key to one subpartition (Flink: KeyGroupStreamPartitioner).
type KeyGroup struct {
	// Hash is the key's hash code, as Java's hashCode would have it.
	Hash func(r serde.Record) int32
	// MaxParallelism is the number of key groups, from the number of subpartitions to serde.MaxParallelism; 0: Flink's default for the
	// number of subpartitions.
	MaxParallelism int
}

// Check refuses fewer key groups than subpartitions: some would never get a record.
func (s *KeyGroup) Check(n int) error {
	switch {
	case s.Hash == nil:
		return errors.New("no Hash: nothing to tell the keys apart by")
	case s.MaxParallelism > serde.MaxParallelism:
		return fmt.Errorf("MaxParallelism %d, allowed are at most %d", s.MaxParallelism, serde.MaxParallelism)
	case n > serde.MaxParallelism || s.MaxParallelism != 0 && s.MaxParallelism < n:
		most := s.MaxParallelism
		if most == 0 {
			most = serde.MaxParallelism
		}
		return fmt.Errorf("%d subpartitions, but MaxParallelism %d: every one needs a key group of its own", n, most)
	}
	return nil
}

// Select returns the subpartition that owns the key's group.
func (s *KeyGroup) Select(r serde.Record, n int) int {
	if s.MaxParallelism == 0 {
		s.MaxParallelism = serde.DefaultMaxParallelism(n)
	}
	return serde.ChannelOfKey(s.Hash(r), s.MaxParallelism, n)
}

// Custom is the caller's own choice (Flink: CustomPartitionerWrapper, there of a key).
type Custom func(r serde.Record, n int) int

// Check refuses a function that is nil.
func (f Custom) Check(int) error {
	if f == nil {
		return errors.New("no function")
	}
	return nil
}

// Select calls the function.
func (f Custom) Select(r serde.Record, n int) int { return f(r, n) }
