// builder_test.go: what a builder writes and its consumers see. After BufferBuilderAndConsumerTest.

package buffer

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// newBuilder is a builder on a segment of 64 bytes, which the shelf gets back.
func newBuilder(t *testing.T) (*Builder, *shelf) {
	t.Helper()
	s, back := segmentOut(t)
	t.Cleanup(func() { // before the pool looks
		if len(back.segments) != 1 {
			t.Errorf("the segment came back %d times", len(back.segments))
		}
	})
	w := NewBuilder(s.Lend(back, 0))
	return &w, back
}

// build is what a consumer sees next, as text.
func build(c *Consumer) string {
	b := c.Build()
	defer b.Recycle()
	return string(b.Bytes())
}

func check(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func write(w *Builder, s string) { w.Append([]byte(s)) }

func TestConsumerSeesWhatIsPublished(t *testing.T) {
	w, _ := newBuilder(t)
	c := w.Consumer()
	write(w, "one")
	w.Publish()
	check(t, "first", build(&c), "one")
	write(w, "two")
	write(w, "three")
	w.Publish()
	check(t, "second: new bytes only", build(&c), "twothree")
	check(t, "third: nothing new", build(&c), "")
	w.Close()
	c.Close()
}

// Section 1.6, multipleNotCommittedAppends.
func TestAppendsAreInvisibleUntilPublished(t *testing.T) {
	w, _ := newBuilder(t)
	c := w.Consumer()
	for _, s := range []string{"0", "12", "345"} {
		write(w, s)
		check(t, "before publishing", build(&c), "")
		check(t, "available", c.IsDataAvailable(), false)
		check(t, "written, as seen", c.Written(), 0)
	}
	check(t, "written", w.Written(), 6)
	check(t, "committed", w.Committed(), 0)
	w.Publish()
	check(t, "committed", w.Committed(), 6)
	check(t, "available", c.IsDataAvailable(), true)
	check(t, "written, as seen", c.Written(), 6)
	check(t, "after publishing", build(&c), "012345")
	check(t, "available", c.IsDataAvailable(), false)
	w.Close()
	c.Close()
}

func TestRoomIsFilledInPlace(t *testing.T) {
	w, _ := newBuilder(t)
	c := w.Consumer()
	w.Trim(8)
	room := w.Room()
	check(t, "room", len(room), 8)
	check(t, "its capacity ends at the limit", cap(room), 8)
	w.Advance(copy(room, "01234"))
	check(t, "room left", len(w.Room()), 3)
	panics(t, "advanced by 4 bytes with room for 3 of 8", func() { w.Advance(4) })
	panics(t, "advanced by -1", func() { w.Advance(-1) })
	w.Advance(0)
	w.Publish()
	check(t, "seen", build(&c), "01234")
	w.Close()
	c.Close()
}

// Advance counts a record with its bytes, Append bytes alone.
func TestRecordsAreCountedWithTheirBytes(t *testing.T) {
	w, _ := newBuilder(t)
	c := w.Consumer()
	w.Advance(copy(w.Room(), "one"))
	write(w, "and a bit")
	w.Advance(copy(w.Room(), ""))
	check(t, "records", w.TakeRecords(), uint64(2))
	check(t, "taken", w.TakeRecords(), uint64(0))
	check(t, "written", w.Written(), 12)
	w.Advance(copy(w.Room(), "two"))
	check(t, "finished", w.Finish(), 15)
	check(t, "after the end", w.TakeRecords(), uint64(1))
	check(t, "again", w.Finish(), 15)
	check(t, "content", build(&c), "oneand a bittwo")
	w.Close()
	c.Close()
}

func TestAppendOverFull(t *testing.T) {
	w, _ := newBuilder(t)
	c := w.Consumer()
	long := bytes.Repeat([]byte("x"), 65)
	check(t, "appended of 65", w.Append(long), 64)
	check(t, "full", w.IsFull(), true)
	check(t, "writable", w.Writable(), 0)
	check(t, "appended when full", w.Append(long), 0)
	w.Publish()
	check(t, "seen", build(&c), string(long[:64]))
	check(t, "finished, although full", c.IsFinished(), false)
	w.Close()
	c.Close()
}

func TestOneConsumerPerBuilder(t *testing.T) {
	w, _ := newBuilder(t)
	c := w.Consumer()
	panics(t, "two consumers", func() { w.Consumer() })
	panics(t, "two consumers", func() { w.ConsumerFromBeginning() })
	w.Close()
	c.Close()
}

func TestConsumersBeginWhereTheyAreMade(t *testing.T) {
	t.Run("now", func(t *testing.T) {
		w, _ := newBuilder(t)
		write(w, "before")
		c := w.Consumer()
		write(w, "after")
		w.Publish()
		check(t, "seen", build(&c), "after")
		w.Close()
		c.Close()
	})
	t.Run("from the beginning", func(t *testing.T) {
		w, _ := newBuilder(t)
		write(w, "before")
		c := w.ConsumerFromBeginning()
		check(t, "not published", build(&c), "")
		write(w, "after")
		w.Publish()
		check(t, "seen", build(&c), "beforeafter")
		w.Close()
		c.Close()
	})
	t.Run("now, with nothing published before", func(t *testing.T) {
		w, _ := newBuilder(t)
		write(w, "before")
		c := w.Consumer()
		check(t, "nothing to see yet", build(&c), "")
		check(t, "available", c.IsDataAvailable(), false)
		w.Publish()
		check(t, "published, but from before", build(&c), "")
		w.Close()
		c.Close()
	})
}

func TestCopiesReadForThemselves(t *testing.T) {
	w, back := newBuilder(t)
	first := w.Consumer()
	write(w, "0123")
	w.Publish()
	second := first.Copy()
	check(t, "first", build(&first), "0123")
	third := first.Copy() // at the position of the one copied
	write(w, "45")
	w.Publish()
	check(t, "second", build(&second), "012345")
	check(t, "third", build(&third), "45")
	check(t, "first", build(&first), "45")
	fourth := second.CopyAt(3)
	check(t, "fourth", build(&fourth), "345")
	w.Close()
	first.Close()
	second.Close()
	third.Close()
	check(t, "came back with a copy left", len(back.segments), 0)
	fourth.Close()
}

func TestSkip(t *testing.T) {
	w, _ := newBuilder(t)
	c := w.Consumer()
	write(w, "0123456")
	w.Publish()
	c.Skip(2)
	check(t, "after 2", build(&c), "23456")
	panics(t, "skipping 1 of 0 bytes", func() { c.Skip(1) })
	write(w, "789")
	w.Finish()
	check(t, "finished, not looked", c.IsFinished(), false)
	c.Skip(3)
	check(t, "finished: skipping looks", c.IsFinished(), true)
	check(t, "nothing left", build(&c), "")
	w.Close()
	c.Close()
}

// A finish is noticed by looking, which is building or skipping: IsFinished itself uses what was seen last.
func TestFinishIsNoticedWhenBuilding(t *testing.T) {
	for _, content := range []string{"", "some", string(bytes.Repeat([]byte("x"), 64))} {
		w, _ := newBuilder(t)
		c := w.Consumer()
		write(w, content)
		w.Publish()
		check(t, "seen", build(&c), content)
		check(t, "finish says the size", w.Finish(), len(content))
		check(t, "finished before looking", c.IsFinished(), false)
		check(t, "written", c.Written(), len(content))
		check(t, "available", c.IsDataAvailable(), false)
		check(t, "the last build, empty", build(&c), "")
		check(t, "finished", c.IsFinished(), true)
		w.Close()
		c.Close()
	}
}

func TestFinishPublishes(t *testing.T) {
	w, _ := newBuilder(t)
	c := w.Consumer()
	write(w, "last words")
	w.Finish()
	check(t, "committed", w.Committed(), 10)
	check(t, "available", c.IsDataAvailable(), true)
	check(t, "seen", build(&c), "last words")
	check(t, "finished with the build that saw it", c.IsFinished(), true)
	w.Close()
	c.Close()
}

// FLINK-8948.
func TestFinishTwiceSaysTheSame(t *testing.T) {
	w, _ := newBuilder(t)
	c := w.Consumer()
	write(w, "once")
	check(t, "first", w.Finish(), 4)
	check(t, "second", w.Finish(), 4)
	check(t, "appended after the finish", w.Append([]byte("more")), 0)
	check(t, "room after the finish", len(w.Room()), 0)
	check(t, "writable after the finish", w.Writable(), 0)
	w.Trim(64)
	check(t, "room after a trim after the finish", len(w.Room()), 0)
	w.Publish()
	check(t, "seen", build(&c), "once")
	check(t, "finished", c.IsFinished(), true)
	w.Close()
	c.Close()
}

func TestTrim(t *testing.T) {
	for _, x := range []struct {
		written, trim int
		capacity      int
	}{
		{written: 10, trim: 20, capacity: 20},
		{written: 10, trim: 10, capacity: 10}, // full
		{written: 10, trim: 5, capacity: 10},  // too small: full now
		{written: 10, trim: -1, capacity: 10}, // likewise
		{written: 10, trim: 0, capacity: 10},  // likewise
		{written: 0, trim: 1000, capacity: 64},
	} {
		w, _ := newBuilder(t)
		w.Append(make([]byte, x.written))
		w.Trim(x.trim)
		check(t, "capacity", w.MaxCapacity(), x.capacity)
		check(t, "writable", w.Writable(), x.capacity-x.written)
		check(t, "full", w.IsFull(), x.capacity == x.written)
		check(t, "fits", w.Append(make([]byte, 100)), x.capacity-x.written)
		w.Trim(64) // up again: a debloated buffer that has to take the rest of a record (FLINK-33077)
		check(t, "fits after growing", w.Append(make([]byte, 100)), 64-x.capacity)
		w.Close()
	}
}

// Section 1.6, referenceCounting, recycleConsumerAndBufferBuilder.
func TestSegmentReturnsAfterTheLastOfAll(t *testing.T) {
	const parts = 4
	for last := range parts {
		w, back := newBuilder(t)
		c := w.Consumer()
		write(w, "abc")
		w.Publish()
		d := c.Copy()
		b := c.Build()
		ends := [parts]func(){w.Close, c.Close, d.Close, b.Recycle}
		for i, end := range ends {
			if i != last {
				end()
			}
		}
		if len(back.segments) != 0 {
			t.Fatalf("came back before the end of number %d", last)
		}
		if last == parts-1 && string(b.Bytes()) != "abc" {
			t.Errorf("a built buffer after all else ended: %q", b.Bytes())
		}
		ends[last]()
		if len(back.segments) != 1 {
			t.Fatalf("did not come back after number %d", last)
		}
	}
}

func TestClosedIsZero(t *testing.T) {
	w, _ := newBuilder(t)
	c := w.Consumer()
	check(t, "open", w.IsOpen(), true)
	check(t, "zero", c.IsZero(), false)
	w.Close()
	c.Close()
	check(t, "open", w.IsOpen(), false)
	check(t, "zero", c.IsZero(), true)
	w.Close() // nothing to do
	c.Close()
	var never Builder
	check(t, "room of no builder", len(never.Room()), 0)
	check(t, "appended to no builder", never.Append([]byte("x")), 0)
	never.Publish()
	never.Close()
}

func TestFinishedConsumer(t *testing.T) {
	c := FinishedConsumer(Unpooled([]byte("event"), PrioritizedEvent))
	check(t, "type", c.Type(), PrioritizedEvent)
	check(t, "finished", c.IsFinished(), true)
	check(t, "available", c.IsDataAvailable(), true)
	check(t, "written", c.Written(), 5)
	d := c.Copy() // one per subpartition
	check(t, "seen", build(&c), "event")
	check(t, "available", c.IsDataAvailable(), false)
	c.Close()
	b := d.Build()
	check(t, "type", b.Type(), PrioritizedEvent)
	d.Close()
	check(t, "outlives its consumers", string(b.Bytes()), "event")
	b.Recycle()

	empty := FinishedConsumer(Unpooled(nil, EventBuffer))
	check(t, "empty and finished", empty.IsFinished(), true)
	check(t, "seen", build(&empty), "")
	empty.Close()
}

// Data that did not come from a builder: the marker of its segment has nothing to do with it.
func TestFinishedConsumerOfASegment(t *testing.T) {
	s, back := segmentOut(t)
	copy(s.Mem(), "from elsewhere")
	c := FinishedConsumer(s.Lend(back, 0).With(14, DataBuffer, true))
	b := c.Build()
	check(t, "seen", string(b.Bytes()), "from elsewhere")
	check(t, "compressed", b.Compressed(), true)
	panics(t, "the rest from 14 of a compressed buffer", func() { c.Build() })
	b.Recycle()
	c.Close()
}

// Whatever is published when: the pieces that each of several consumers builds are all the bytes, in order, once.
func TestPiecesAreTheWhole(t *testing.T) {
	const rounds = 200
	rng := rand.New(rand.NewPCG(7, 7))
	for range rounds {
		w, _ := newBuilder(t)
		consumers := []Consumer{w.Consumer()}
		seen := make([][]byte, 1)
		var whole []byte
		for !w.IsFull() {
			switch i := rng.IntN(len(consumers)); rng.IntN(6) {
			case 0, 1:
				n := w.Append([]byte("0123456789abcdef")[:1+rng.IntN(16)])
				whole = append(whole, w.mem[w.at()-n:w.at()]...)
			case 2:
				w.Publish()
			case 3:
				seen[i] = append(seen[i], build(&consumers[i])...)
			case 4:
				if len(consumers) < 4 {
					consumers = append(consumers, consumers[i].Copy())
					seen = append(seen, bytes.Clone(seen[i]))
				}
			case 5:
				w.Trim(rng.IntN(80))
			}
		}
		w.Finish()
		w.Close()
		for i := range consumers {
			seen[i] = append(seen[i], build(&consumers[i])...)
			if !bytes.Equal(seen[i], whole) || !consumers[i].IsFinished() {
				t.Fatalf("consumer %d saw %q of %q", i, seen[i], whole)
			}
			consumers[i].Close()
		}
	}
}

// One writes, another reads: nothing but the marker is between them. For the race detector, and for what it cannot see: the numbers.
func TestWriterAndReaderShareOnlyTheMarker(t *testing.T) {
	p := newPoolWith(t, PoolOptions{Segments: 4, SegmentSize: 4 << 10})
	l := newLocal(t, p, LocalOptions{Required: 4})
	const segments = 64
	queue := make(chan Consumer, 2) // so that the reader is at work while the segment fills
	var both sync.WaitGroup
	both.Go(func() {
		defer close(queue)
		var record [8]byte
		n := uint64(0)
		for range segments {
			b, err := l.RequestBlocking(t.Context(), -1)
			if err != nil {
				t.Error(err)
				return
			}
			w := NewBuilder(b)
			queue <- w.Consumer()
			for w.Writable() >= len(record) {
				binary.BigEndian.PutUint64(record[:], n)
				w.Append(record[:])
				if n++; n%7 == 0 {
					w.Publish()
				}
			}
			w.Finish()
			w.Close()
		}
	})
	both.Go(func() {
		want := uint64(0)
		for c := range queue {
			for !c.IsFinished() {
				b := c.Build()
				for content := b.Bytes(); len(content) > 0; content = content[8:] {
					if got := binary.BigEndian.Uint64(content); got != want {
						t.Errorf("record %d says %d", want, got)
					}
					want++
				}
				b.Recycle()
				runtime.Gosched()
			}
			c.Close()
		}
		if want != segments*(4<<10)/8 {
			t.Errorf("%d records", want)
		}
	})
	both.Wait()
}
