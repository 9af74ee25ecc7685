// buffer_test.go: slices, types, header room, unpooled memory.

package buffer

import (
	"testing"
)

func TestSlicesShareTheReference(t *testing.T) {
	s, back := segmentOut(t)
	copy(s.Mem(), "0123456789")
	b := s.Lend(back, 0).With(10, DataBufferWithClearEnd, false)
	part := b.Slice(2, 9)
	inner := part.Slice(1, 4) // offsets add up from the root (FLINK-8736)
	if got := string(inner.Bytes()); got != "345" || inner.Len() != 3 || inner.Type() != DataBufferWithClearEnd {
		t.Errorf("slice of a slice: %q, %v", got, inner)
	}
	if inner.Segment() != s || b.Len() != 10 || b.Cap() != 64 {
		t.Errorf("the root changed: %v", b)
	}
	inner.Recycle() // instead of b
	if len(back.segments) != 1 {
		t.Errorf("recycled %d times", len(back.segments))
	}
	panics(t, "recycled in turn 1", func() { part.Recycle() })
}

func TestSlicesDoNotGrow(t *testing.T) {
	s, back := segmentOut(t)
	b := s.Lend(back, 0).With(10, DataBuffer, false)
	part := b.Slice(2, 9)
	if part.Cap() != 7 || cap(part.Bytes()) != 7 {
		t.Errorf("capacity %d and %d", part.Cap(), cap(part.Bytes()))
	}
	panics(t, "length 8 of at most 7", func() { part.With(8, DataBuffer, false) })
	panics(t, "length 65 of at most 64", func() { b.With(65, DataBuffer, false) })
	panics(t, "length -1", func() { b.With(-1, DataBuffer, false) })
	for _, bad := range [][2]int{{-1, 3}, {4, 3}, {0, 11}, {11, 11}} {
		panics(t, "of 10 bytes", func() { b.Slice(bad[0], bad[1]) })
	}
	b.Recycle()
}

func TestCompressedBuffersHaveNoParts(t *testing.T) {
	s, back := segmentOut(t)
	b := s.Lend(back, 0).With(10, DataBuffer, true)
	if whole := b.Slice(0, 10); !whole.Compressed() {
		t.Error("the slice forgot that it is compressed")
	}
	panics(t, "of a compressed buffer", func() { b.Slice(0, 9) })
	panics(t, "of a compressed buffer", func() { b.Slice(1, 10) })
	b.Recycle()
}

func TestFramedLeavesInOnePiece(t *testing.T) {
	s, back := segmentOut(t)
	copy(s.Mem(), "content")
	b := s.Lend(back, 0).With(7, DataBuffer, false)
	framed := b.Framed(3)
	copy(framed, "hd:")
	if string(framed) != "hd:content" || cap(framed) != 10 {
		t.Errorf("framed %q, capacity %d", framed, cap(framed))
	}
	if n := len(b.Framed(HeaderRoom)); n != HeaderRoom+7 {
		t.Errorf("all of the room: %d bytes", n)
	}
	if b.Framed(HeaderRoom+1) != nil {
		t.Error("more room than there is")
	}
	if b.Slice(0, 3).Framed(3) == nil {
		t.Error("the beginning of a segment has room")
	}
	if b.Slice(1, 3).Framed(3) != nil {
		t.Error("room in front of other content")
	}
	b.Recycle()
	if u := Unpooled([]byte("event"), EventBuffer); u.Framed(3) != nil {
		t.Error("unpooled memory has no room")
	}
}

func TestUnpooledBuffersCountForThemselves(t *testing.T) {
	mem := []byte("event")
	b := Unpooled(mem, EndOfData)
	if b.Type() != EndOfData || b.Len() != 5 || b.Cap() != 5 || b.Segment().Index() != -1 || string(b.Bytes()) != "event" {
		t.Errorf("%v, capacity %d", b, b.Cap())
	}
	c := b.Retain()
	b.Recycle()
	if string(c.Bytes()) != "event" {
		t.Error("gone with a reference left")
	}
	c.Recycle()
	panics(t, "recycled in turn 1: segment -1", func() { c.Recycle() })
	if string(mem) != "event" {
		t.Errorf("the caller's memory is %q now: it may be in use elsewhere", mem)
	}
}

func TestZeroBufferIsNone(t *testing.T) {
	var b Buffer
	if !b.IsZero() || b.Len() != 0 || b.String() != "no buffer" || Unpooled(nil, EventBuffer).IsZero() {
		t.Error("zero value")
	}
}

// Two segments of one size change their memory, not who they are; of two sizes they keep it, and a turn that is over has none to give.
func TestSwap(t *testing.T) {
	ours, theirs := NewSegment(4), NewSegment(4)
	copy(theirs.Mem(), "that")
	b := ours.Lend(nil, -1).With(4, DataBuffer, false)
	copy(b.Bytes(), "this")
	if !b.Swap(theirs) || string(b.Bytes()) != "that" || string(theirs.Mem()) != "this" || b.Segment() != ours {
		t.Errorf("the buffer has %q, the spare segment %q", b.Bytes(), theirs.Mem())
	}
	if b.Swap(NewSegment(5)) || string(b.Bytes()) != "that" {
		t.Errorf("swapped with a segment of another size: %q", b.Bytes())
	}
	b.Recycle()
	panics(t, "turn", func() { b.Swap(theirs) })
}
