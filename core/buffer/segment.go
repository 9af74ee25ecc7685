// segment.go: the handle of one block of memory, and the count that says whose turn it is.

package buffer

import (
	"fmt"
	"sync/atomic"
)

// HeaderRoom is the space in front of every pooled segment's memory, in bytes: a frame header written there
// leaves together with the content in one write (Buffer.Framed). One cache line, so that content stays aligned.
const HeaderRoom = 64

// noChannel is the channel of a segment that is lent to nobody in particular, for example a gate's floating buffer.
const noChannel = -1

// A Recycler takes a segment back when its turn is over.
type Recycler interface {
	// Recycle is called once per turn, by whoever drops the last reference, with no lock of this package held.
	// The segment is the recycler's to lend again or to return to its pool.
	Recycle(s *Segment)
}

// A Segment is the handle of one fixed-size block. Handles lie on the Go heap, in the slice of the pool that made
// them; blocks do not. A segment is home (in the free list of its NetworkBufferPool), out (with a local pool or a
// channel that may lend it), or lent (its turn is on, references count).
//
// The fields other than state and written belong to the owner while the segment is out, and are fixed while it is lent.
// 64 bytes: the position markers of neighbours, written by different tasks, do not share a cache line.
type Segment struct {
	state    atomic.Uint64 // turn << 32 | home bit | references
	block    []byte        // header room and memory
	recycler Recycler      // who gets it when the turn is over; nil: memory that nobody wants back
	written  atomic.Int32  // the position marker: builder publishes, consumers look (see builder.go)
	body     int32         // where the memory begins in block
	channel  int32         // whom it was lent for
	index    int32         // its number in the pool, -1 for memory of no pool
}

const (
	homeBit  = 1 << 31
	refsMask = homeBit - 1
)

func turnOf(state uint64) uint32 { return uint32(state >> 32) }
func refsOf(state uint64) uint32 { return uint32(state) & refsMask }
func isHome(state uint64) bool   { return state&homeBit != 0 }

// NewSegment is a segment of no pool, on the Go heap, for its owner to lend: read buffers, for which no share of a pool is set aside.
func NewSegment(size int) *Segment {
	return &Segment{block: make([]byte, HeaderRoom+size), body: HeaderRoom, index: -1, channel: noChannel}
}

// Mem is the whole memory, without the header room. Only its owner may call it, that is the recycler or
// whoever holds a Buffer on it; after NetworkBufferPool.Free it is empty.
func (s *Segment) Mem() []byte { return s.block[s.body:] }

// Index is the segment's number in its pool, -1 for unpooled memory.
func (s *Segment) Index() int { return int(s.index) }

// Channel is whom the segment was lent for last, -1 for nobody.
func (s *Segment) Channel() int { return int(s.channel) }

// Lend begins a turn: one reference, held by the Buffer returned (empty, of type DataBuffer), and a position marker at 0.
// r gets the segment when the turn is over. Only the owner of a segment that is out may lend it. Panics when
// it is lent already, or home.
func (s *Segment) Lend(r Recycler, channel int) Buffer {
	old := s.state.Load()
	if refsOf(old) != 0 || isHome(old) {
		panic("buffer: lending " + s.describe(old))
	}
	turn := turnOf(old) + 1
	s.recycler = r
	s.channel = int32(channel)
	s.written.Store(0)
	if !s.state.CompareAndSwap(old, uint64(turn)<<32|1) {
		panic("buffer: two owners lend " + s.describe(s.state.Load()))
	}
	return Buffer{seg: s, off: s.body, turn: turn, typ: DataBuffer}
}

// unlend ends a turn without the recycler: the buffer was refused by the one it was offered to. Panics when that
// one kept a reference, or recycled what it refused.
func (s *Segment) unlend(turn uint32) {
	if !s.state.CompareAndSwap(uint64(turn)<<32|1, uint64(turn)<<32) {
		panic(fmt.Sprintf("buffer: refused in turn %d, but used: %s", turn, s.describe(s.state.Load())))
	}
}

// retain adds a reference to a turn that is on.
func (s *Segment) retain(turn uint32) {
	for {
		old := s.state.Load()
		if turnOf(old) != turn || refsOf(old) == 0 {
			s.overdue("retained", turn, old)
		}
		if s.state.CompareAndSwap(old, old+1) {
			return
		}
	}
}

// release drops a reference; the last one ends the turn and sends the segment to its recycler.
func (s *Segment) release(turn uint32) {
	for {
		old := s.state.Load()
		if turnOf(old) != turn || refsOf(old) == 0 {
			s.overdue("recycled", turn, old)
		}
		if s.state.CompareAndSwap(old, old-1) {
			if refsOf(old) == 1 {
				s.end()
			}
			return
		}
	}
}

// end is what follows the last reference. Nobody else can see the segment now.
func (s *Segment) end() {
	if s.recycler == nil {
		return
	}
	spoil(s.block)
	s.recycler.Recycle(s)
}

// check panics when turn is over.
func (s *Segment) check(turn uint32) {
	if old := s.state.Load(); turnOf(old) != turn || refsOf(old) == 0 {
		s.overdue("used", turn, old)
	}
}

// leaveHome is called by the pool that takes the segment from its free list.
func (s *Segment) leaveHome() {
	old := s.state.Load()
	if !isHome(old) || !s.state.CompareAndSwap(old, old&^homeBit) {
		panic("buffer: taken from the free list: " + s.describe(old))
	}
}

// comeHome is called by the pool that puts the segment into its free list. Panics when it is there already, or
// lent: either would put one segment into two hands (FLINK-20654: silent corruption).
func (s *Segment) comeHome() {
	old := s.state.Load()
	if isHome(old) || refsOf(old) != 0 || !s.state.CompareAndSwap(old, old|homeBit) {
		panic("buffer: returned to the free list: " + s.describe(old))
	}
}

//go:noinline
func (s *Segment) overdue(what string, turn uint32, state uint64) {
	panic(fmt.Sprintf("buffer: %s in turn %d: %s", what, turn, s.describe(state)))
}

// describe is the segment in panics and in reports of leaks.
func (s *Segment) describe(state uint64) string {
	if isHome(state) {
		return fmt.Sprintf("segment %d is home after turn %d", s.index, turnOf(state))
	}
	return fmt.Sprintf("segment %d is in turn %d with %d references", s.index, turnOf(state), refsOf(state))
}
