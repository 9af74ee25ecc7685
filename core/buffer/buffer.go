// buffer.go: a counted reference to a part of a segment, as a small value.

package buffer

import "fmt"

// A Buffer is one counted reference to a part of a segment, with the type of what lies there. It is a small value:
// copies are the same reference, and by convention only one of them is used from then on. Its zero value is no
// buffer. A Buffer may move between goroutines, but is not for two at once.
//
// After Flink's NetworkBuffer and its read-only slices; what is there a class of its own is here a Buffer that is part
// of another and cannot grow.
type Buffer struct {
	seg        *Segment
	off        int32  // where it begins in seg.block
	n          int32  // how long it is
	turn       uint32 // of the segment, when the reference was made
	typ        DataType
	compressed bool
	part       bool // a slice: never longer than now
}

// Unpooled is mem as a buffer with a reference count of its own, for events: no credit, no pool. Nothing happens to mem
// when the last reference goes.
func Unpooled(mem []byte, t DataType) Buffer {
	s := &Segment{block: mem, index: -1, channel: noChannel}
	s.state.Store(1<<32 | 1)
	return Buffer{seg: s, n: int32(len(mem)), turn: 1, typ: t}
}

// IsZero reports whether b is no buffer at all.
func (b Buffer) IsZero() bool { return b.seg == nil }

// Bytes is the content. It is valid until b is recycled. Only the builder of a segment, or who alone holds
// it, may write there. Panics when b's turn is over.
func (b Buffer) Bytes() []byte {
	b.seg.check(b.turn)
	return b.seg.block[b.off : b.off+b.n : b.off+b.n]
}

// Len is the number of bytes of content.
func (b Buffer) Len() int { return int(b.n) }

// Cap is the number of bytes that content may have: up to the end of the segment, or Len for a slice.
func (b Buffer) Cap() int {
	if b.part {
		return int(b.n)
	}
	return len(b.seg.block) - int(b.off)
}

// Type says what the content is.
func (b Buffer) Type() DataType { return b.typ }

// Compressed reports whether the content is a compressed block.
func (b Buffer) Compressed() bool { return b.compressed }

// Segment is what b is a part of. Unpooled buffers have one as well, with index -1.
func (b Buffer) Segment() *Segment { return b.seg }

// Retain is another reference to the same content. Panics when b's turn is over.
func (b Buffer) Retain() Buffer {
	b.seg.retain(b.turn)
	return b
}

// Recycle gives the reference back; the last one sends the segment home to its recycler, exactly once. Panics
// when b's turn is over.
func (b Buffer) Recycle() { b.seg.release(b.turn) }

// Slice is the content from one byte up to, not including, another, on the same reference: it is recycled instead of b, not
// besides it. A compressed buffer has no slices but itself. Panics outside [0, Len].
func (b Buffer) Slice(from, to int) Buffer {
	if from < 0 || from > to || to > int(b.n) {
		panic(fmt.Sprintf("buffer: slice [%d, %d) of %d bytes", from, to, b.n))
	}
	if b.compressed && (from != 0 || to != int(b.n)) {
		panic(fmt.Sprintf("buffer: slice [%d, %d) of a compressed buffer of %d bytes", from, to, b.n))
	}
	b.off += int32(from)
	b.n = int32(to - from)
	b.part = true
	return b
}

// With is the same reference with another length and type, for who filled the memory. Panics when n is above Cap.
func (b Buffer) With(n int, t DataType, compressed bool) Buffer {
	if n < 0 || n > b.Cap() {
		panic(fmt.Sprintf("buffer: length %d of at most %d", n, b.Cap()))
	}
	b.n, b.typ, b.compressed = int32(n), t, compressed
	return b
}

// Framed is the content with n bytes of header room in front of it, to be written by the caller, so that both leave in one
// write. nil when there is no such room: the content is not the beginning of a pooled segment. The room belongs to the
// segment, so the caller must be the only one who sends this segment (not one of several copies of a broadcast).
func (b Buffer) Framed(n int) []byte {
	b.seg.check(b.turn)
	if b.off != b.seg.body || n > int(b.off) {
		return nil
	}
	return b.seg.block[int(b.off)-n : b.off+b.n : b.off+b.n]
}

// Swap exchanges the memory of b's segment for that of s, which nobody has lent, and reports whether they are of one size. b has to be the only
// reference.
func (b Buffer) Swap(s *Segment) bool {
	b.seg.check(b.turn)
	if len(b.seg.block) != len(s.block) || b.seg.body != s.body {
		return false
	}
	b.seg.block, s.block = s.block, b.seg.block
	return true
}

// String is for traces and tests.
func (b Buffer) String() string {
	if b.IsZero() {
		return "no buffer"
	}
	return fmt.Sprintf("%v of %d bytes at %d in segment %d, turn %d", b.typ, b.n, b.off-b.seg.body, b.seg.index, b.turn)
}
