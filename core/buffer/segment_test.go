// segment_test.go: turns, references, and that nothing is returned or freed twice. R1.1.

package buffer

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"unsafe"
)

// shelf keeps what is recycled: the owner of exclusive segments.
type shelf struct{ segments []*Segment }

func (f *shelf) Recycle(s *Segment) { f.segments = append(f.segments, s) }

// segmentOut is a segment that the test owns until the end.
func segmentOut(t *testing.T) (*Segment, *shelf) {
	t.Helper()
	p := newPool(t, 2)
	all, err := p.RequestUnpooled(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.RecycleUnpooled(all) })
	return all[0], &shelf{}
}

func TestSegmentsTakeALineEach(t *testing.T) {
	if got := unsafe.Sizeof(Segment{}); got != 64 {
		t.Errorf("a Segment has %d bytes: neighbours' position markers share cache lines", got)
	}
	if got := unsafe.Sizeof(Buffer{}); got != 24 {
		t.Errorf("a Buffer has %d bytes, want 24: it is copied a lot", got)
	}
}

func TestStridesSpreadOverCacheSets(t *testing.T) {
	for _, size := range []int{1, 16, 31, 64, 127, 4 << 10, 32 << 10, 64 << 10} {
		stride := strideOf(size)
		if stride%64 != 0 || stride/64%2 != 1 || stride < size+HeaderRoom || stride > size+HeaderRoom+127 {
			t.Errorf("stride %d for segments of %d bytes", stride, size)
		}
	}
}

// Each segment is as long as it should be, and its own.
func TestSegmentsDoNotOverlap(t *testing.T) {
	for _, size := range []int{1, 16, 31, 32, 64, 127, 1024} {
		p := newPoolWith(t, PoolOptions{Segments: 5, SegmentSize: size})
		all, err := p.RequestUnpooled(context.Background(), 5)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range all {
			if len(s.Mem()) != size || s.Index() != i {
				t.Fatalf("segment %d: %d bytes, want segment %d of %d", s.Index(), len(s.Mem()), i, size)
			}
			for j := range s.Mem() {
				s.Mem()[j] = byte(i)
			}
			front := s.Lend(&shelf{}, 0).Framed(HeaderRoom)
			clear(front[:HeaderRoom])
		}
		for i, s := range all {
			if want := bytes.Repeat([]byte{byte(i)}, size); !bytes.Equal(s.Mem(), want) {
				t.Errorf("segment %d was written by a neighbour", i)
			}
			s.unlend(1)
		}
		p.RecycleUnpooled(all)
	}
}

func TestRecyclerGetsTheSegmentOncePerTurn(t *testing.T) {
	s, back := segmentOut(t)
	for turn := range 3 {
		b := s.Lend(back, turn)
		c := b.Retain()
		b.Recycle()
		if len(back.segments) != turn {
			t.Fatalf("turn %d: recycled with a reference left", turn)
		}
		c.Recycle()
		if len(back.segments) != turn+1 || back.segments[turn] != s || s.Channel() != turn {
			t.Fatalf("turn %d: %v, channel %d", turn, back.segments, s.Channel())
		}
	}
}

// A turn begins with nothing published, whatever the one before came to.
func TestTurnsBeginUnwritten(t *testing.T) {
	s, back := segmentOut(t)
	for range 2 {
		w := NewBuilder(s.Lend(back, 0))
		c := w.Consumer()
		if c.Written() != 0 || c.IsDataAvailable() || build(&c) != "" || c.IsFinished() {
			t.Errorf("%d bytes before anything was written", c.Written())
		}
		w.Append([]byte("something"))
		w.Finish()
		w.Close()
		c.Close()
	}
}

// Late uses say in which turn they are, and in which the segment is.
func TestUseAfterTheTurnPanics(t *testing.T) {
	s, back := segmentOut(t)
	old := s.Lend(back, 0)
	old.Recycle()
	const over = "in turn 1: segment 0 is in turn 1 with 0 references"
	panics(t, "recycled "+over, func() { old.Recycle() })
	panics(t, "retained "+over, func() { old.Retain() })
	panics(t, "used "+over, func() { old.Bytes() })
	panics(t, "used "+over, func() { old.Framed(1) })
	now := s.Lend(back, 0)
	const other = "in turn 1: segment 0 is in turn 2 with 1 references"
	panics(t, "recycled "+other, func() { old.Recycle() })
	panics(t, "retained "+other, func() { old.Retain() })
	panics(t, "used "+other, func() { old.Bytes() })
	now.Recycle()
	if len(back.segments) != 2 {
		t.Errorf("recycled %d times", len(back.segments))
	}
}

func TestLendingTwicePanics(t *testing.T) {
	s, back := segmentOut(t)
	b := s.Lend(back, 0)
	panics(t, "lending segment 0 is in turn 1 with 1 references", func() { s.Lend(back, 0) })
	b.Recycle()
}

// R1.1: a double free is found, in any build. A segment in two hands would be silent corruption (FLINK-20654).
func TestReturningTwicePanics(t *testing.T) {
	p := newPool(t, 2)
	all, err := p.RequestUnpooled(context.Background(), 2)
	if err != nil {
		t.Fatal(err)
	}
	b := all[0].Lend(&shelf{}, 0)
	panics(t, "returned to the free list: segment 0 is in turn 1 with 1 references", func() { p.give(all[0]) })
	b.Recycle()
	p.RecycleUnpooled(all)
	panics(t, "returned to the free list: segment 0 is home", func() { p.give(all[0]) })
	panics(t, "lending segment 0 is home", func() { all[0].Lend(&shelf{}, 0) })
	panics(t, "segment 0 returned to a pool it is not from", func() { newPool(t, 1).give(all[0]) })
	panics(t, "segment -1 returned to a pool it is not from", func() { p.give(Unpooled(nil, EventBuffer).Segment()) })
}

// R1.1: memory is unmapped only when every segment is home, and what is missing is named.
func TestFreeRefusesWhileASegmentIsOut(t *testing.T) {
	p := newPool(t, 3)
	l := newLocal(t, p, LocalOptions{Required: 1})
	all := request(t, l, -1, 2)
	copy(all[0].Segment().Mem(), "still here")
	all[1].Retain()
	err := p.Free()
	var leak *LeakError
	if !errors.As(err, &leak) || leak.Missing != 2 || leak.Total != 3 ||
		!strings.Contains(err.Error(), "segment 1 is in turn 1 with 2 references") {
		t.Fatalf("freed with segments out: %v", err)
	}
	if got := string(all[0].With(10, DataBuffer, false).Bytes()); got != "still here" {
		t.Errorf("memory after the refusal: %q", got)
	}
	recycle(all[0], all[1], all[1])
}

// R1.1: freeing twice is harmless in a measured build and found in a checked one.
func TestFreeTwice(t *testing.T) {
	p, err := NewNetworkBufferPool(PoolOptions{Segments: 2, SegmentSize: 64})
	if err != nil {
		t.Fatal(err)
	}
	late := &p.segments[1]
	if err := p.Free(); err != nil {
		t.Fatal(err)
	}
	if owned {
		panics(t, "can be freed only once", func() { p.Free() })
	} else if err := p.Free(); err != nil {
		t.Error(err)
	}
	if n := len(late.Mem()); n != 0 {
		t.Errorf("a stale handle sees %d bytes of unmapped memory", n)
	}
}

// Under the tags own and race, memory whose turn is over does not look like data.
func TestRecycledMemoryIsSpoiled(t *testing.T) {
	if !owned {
		t.Skip("in builds with the tag own or race")
	}
	s, back := segmentOut(t)
	b := s.Lend(back, 0).With(64, DataBuffer, false)
	late := b.Bytes()
	copy(late, "plausible")
	b.Retain().Recycle()
	if string(late[:9]) != "plausible" {
		t.Error("spoiled during the turn")
	}
	b.Recycle()
	if !bytes.Equal(late, bytes.Repeat([]byte{0xDD}, 64)) {
		t.Errorf("after the turn: %x", late)
	}
}
