// replay_test.go: what readers of a replayable partition see: when they may come, how often, what each gets, and when it has to wait.

package partition

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// newReplayable is a fixture with a replayable partition in a folder of its own, which has to be empty all the time.
func newReplayable(t *testing.T, s shape) *fixture {
	t.Helper()
	s.kind, s.dir = Replayable, t.TempDir()
	f := newFixture(t, s)
	wantNoFiles(t, s.dir)
	return f
}

// end ends the partition as a task does.
func (f *fixture) end() {
	f.t.Helper()
	if err := f.NotifyEndOfData(true); err != nil {
		f.t.Fatal(err)
	}
	<-f.AllDataProcessed()
	if err := f.Finish(); err != nil {
		f.t.Fatal(err)
	}
	f.Close()
}

// replayed is what a reader got.
type replayed struct {
	stream []byte // contents as they were before compression
	types  []buffer.DataType
	sizes  []int // as they are stored
}

// replayAll polls v to the end and checks what is said about every buffer: its number, the exact backlog, and what comes next.
func replayAll(v *View, l *counter, d *buffer.Decompressor) (got replayed, err error) {
	_, backlog := v.Availability(true)
	next := buffer.None
	for n := int32(0); ; n++ {
		queued := v.QueuedBuffers()
		p, ok := v.Poll()
		if !ok {
			return got, fmt.Errorf("nothing to poll after %d buffers: %w", n, v.Failure())
		}
		t := p.Buffer.Type()
		if t.IsBuffer() {
			backlog--
		}
		want := backlog
		if t.BlocksUpstream() {
			want = 0
		}
		if p.Sequence != n || p.Backlog != want || next != buffer.None && t != next || v.QueuedBuffers() != queued-1 {
			return got, fmt.Errorf("%v has number %d and backlog %d, want %v, %d and %d; %d are queued after %d",
				p.Buffer, p.Sequence, p.Backlog, next, n, want, v.QueuedBuffers(), queued)
		}
		got.sizes = append(got.sizes, p.Buffer.Len())
		got.types = append(got.types, t)
		b, err := d.Decompress(p.Buffer)
		if err == nil && t.IsBuffer() {
			got.stream = append(got.stream, b.Bytes()...)
		}
		b.Recycle()
		if err != nil {
			return got, err
		}
		next = p.Next
		if t.BlocksUpstream() {
			if _, ok := v.Poll(); ok || next != buffer.None {
				return got, fmt.Errorf("something follows %v before it is resumed: %v", t, next)
			}
			if err := v.Resume(); err != nil {
				return got, err
			}
		}
		if t == buffer.EndOfPartition {
			if _, ok := v.Poll(); ok || next != buffer.None || v.QueuedBuffers() != 0 {
				return got, fmt.Errorf("something follows the end: %v", next)
			}
			return got, nil
		}
	}
}

// Whatever a task does, every reader of a subpartition gets its records and the broadcasts in order, with the events where they were put, as often as
// it is read, and at the same time.
func TestReplayIsWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		subs := rapid.IntRange(1, 3).Draw(rt, "subpartitions")
		segmentSize := rapid.SampledFrom([]int{1, 7, 16, 64, 300}).Draw(rt, "segmentSize")
		codec := rapid.SampledFrom([]buffer.Codec{buffer.LZ4, buffer.Zstd, buffer.NoCodec}).Draw(rt, "codec")
		f := newFixture(t, shape{subs: subs, segments: subs + 1, segmentSize: segmentSize, kind: Replayable, codec: codec, dir: dir})
		want, events := make([][]byte, subs), make([][]int, subs) // where in the stream events are
		mark := byte(0)
		record := func() []byte {
			mark++
			return bytes.Repeat([]byte{mark}, rapid.IntRange(1, 400).Draw(rt, "bytes"))
		}
		channel := func() int { return rapid.IntRange(0, subs-1).Draw(rt, "channel") }
		put := func(content []byte, typ buffer.DataType) {
			if err := f.BroadcastEvent(content, typ); err != nil {
				rt.Fatal(err)
			}
			for i := range events {
				events[i] = append(events[i], len(want[i]))
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"emit": func(*rapid.T) {
				ch, r := channel(), record()
				if err := f.Emit(context.Background(), r, ch); err != nil {
					rt.Fatal(err)
				}
				want[ch] = append(want[ch], r...)
			},
			"build": func(*rapid.T) {
				ch, r := channel(), record()
				if b := f.Builder(ch); len(b.Room()) >= len(r) {
					b.Advance(copy(b.Room(), r))
					want[ch] = append(want[ch], r...)
				}
			},
			"broadcast": func(*rapid.T) {
				r := record()
				if err := f.Broadcast(context.Background(), r); err != nil {
					rt.Fatal(err)
				}
				for i := range want {
					want[i] = append(want[i], r...)
				}
			},
			"event":   func(*rapid.T) { put(event(frame.CancelCheckpoint{ID: 7}, false)) },
			"barrier": func(*rapid.T) { put(event(aligned(3), false)) },
			"idle":    func(*rapid.T) { f.Idle() },
			"request": func(*rapid.T) { f.RequestFlush() },
			"flush":   func(*rapid.T) { f.Flush(channel()) },
		})
		f.end()
		f.wantHome()
		var readers sync.WaitGroup
		for i := range subs {
			for range 2 {
				v, l := f.view(i)
				readers.Go(func() {
					defer v.Release()
					got, err := replayAll(v, l, buffer.NewDecompressor(codec))
					if err != nil {
						t.Error(err)
					}
					if !bytes.Equal(got.stream, want[i]) {
						t.Errorf("subpartition %d was read as %d bytes, want %d, or they differ", i, len(got.stream), len(want[i]))
					}
					ends := len(got.types) - 2
					if ends < 0 || got.types[ends] != buffer.EndOfData || got.types[ends+1] != buffer.EndOfPartition {
						t.Errorf("subpartition %d ends with %v", i, got.types)
					}
				})
			}
		}
		readers.Wait()
		f.Release(nil)
		if t.Failed() {
			rt.Fatal("see above")
		}
	})
	wantNoFiles(t, dir)
}

// Events keep their places among the records: what was emitted before them is written before them.
func TestReplayKeepsTheOrderOfEvents(t *testing.T) {
	f := newReplayable(t, shape{subs: 2, segments: 3, segmentSize: 16})
	f.emit(0, 5)
	if err := f.BroadcastEvent(event(aligned(1), false)); err != nil {
		t.Fatal(err)
	}
	f.emit(0, 7)
	if err := f.BroadcastEvent(event(unaligned(2), true)); err != nil { // nothing overtakes in a file
		t.Fatal(err)
	}
	f.AlignedBarrierTimeout(1)
	f.AbortCheckpoint(1, errTestOver)
	broadcast(t, f.ResultPartition, 20)
	f.end()
	if len(f.captures) > 0 {
		t.Errorf("captured %v", f.captures)
	}
	for i, want := range []string{
		"DATA_BUFFER ALIGNED_CHECKPOINT_BARRIER DATA_BUFFER PRIORITIZED_EVENT_BUFFER DATA_BUFFER DATA_BUFFER END_OF_DATA END_OF_PARTITION",
		"ALIGNED_CHECKPOINT_BARRIER PRIORITIZED_EVENT_BUFFER DATA_BUFFER DATA_BUFFER END_OF_DATA END_OF_PARTITION",
	} {
		v, l := f.view(i)
		got, err := replayAll(v, l, buffer.NewDecompressor(buffer.LZ4))
		if err != nil {
			t.Error(err)
		}
		if types := strings.Trim(fmt.Sprint(got.types), "[]"); types != want {
			t.Errorf("subpartition %d:\n got %s\nwant %s", i, types, want)
		}
		v.Release()
	}
	f.Release(nil)
}

// Nobody reads before the end: the rule, and the words, are Flink's. It is the consumer's fault, also if it asked before the partition was there.
func TestReplayOnlyWhenFinished(t *testing.T) {
	f := newReplayable(t, shape{subs: 1, segments: 2, segmentSize: 16})
	r := NewRegistry(1)
	var early answer
	r.timeout = 1 << 40
	_, waits, err := r.ViewOrListen(f.ID(), 0, newCounter(), early.ready)
	if err != nil || waits == nil {
		t.Fatal(err)
	}
	tooEarly := func(what string, v *View, err error) {
		t.Helper()
		var of *ConsumerError
		if v != nil || !errors.As(err, &of) || !errors.Is(err, frame.ErrPeer) || !strings.Contains(err.Error(), "Writing of blocking partition not yet finished.") {
			t.Errorf("%s: %v, %v", what, v, err)
		}
	}
	if err := r.Register(f.ResultPartition); err != nil {
		t.Fatal(err)
	}
	v, _, err := early.get()
	tooEarly("early", v, err)
	v, err = r.View(f.ID(), 0, newCounter())
	tooEarly("empty", v, err)
	f.emit(0, 40)
	v, err = f.CreateView(0, newCounter())
	tooEarly("written", v, err)
	if err := f.NotifyEndOfData(true); err != nil {
		t.Fatal(err)
	}
	v, err = f.CreateView(0, newCounter())
	tooEarly("at the end of data", v, err)
	if err := f.Finish(); err != nil {
		t.Fatal(err)
	}
	if v, err = r.View(f.ID(), 0, newCounter()); err != nil {
		t.Fatal(err)
	}
	v.Release()
	if _, err := f.CreateView(1, newCounter()); err == nil {
		t.Error("subpartition 1 of 1 has a view")
	}
	if err := f.Emit(context.Background(), pattern(4), 0); !errors.Is(err, ErrFinished) {
		t.Errorf("writing behind the end: %v", err)
	}
	if err := f.Finish(); !errors.Is(err, ErrFinished) {
		t.Errorf("the second end: %v", err)
	}
	f.Close()
	r.Close()
}

// A reader has two buffers. With both of them away it has to wait, is told when the first comes back, and is not told otherwise. Events need none.
func TestReplayHasTwoBuffers(t *testing.T) {
	f := newReplayable(t, shape{subs: 1, segments: 2, segmentSize: 16, codec: buffer.NoCodec})
	for range 4 {
		f.emit(0, 16)
	}
	f.end()
	v, l := f.view(0)
	take := func(next buffer.DataType, backlog int) buffer.Buffer {
		t.Helper()
		p, ok := v.Poll()
		if !ok || p.Next != next || p.Backlog != backlog {
			t.Fatalf("polled %v, next %v, backlog %d; want next %v, backlog %d", p.Buffer, p.Next, p.Backlog, next, backlog)
		}
		return p.Buffer
	}
	dry := func() {
		t.Helper()
		wantNothing(t, v)
		if available, backlog := v.Availability(true); available || backlog == 0 {
			t.Errorf("available %v, backlog %d without a buffer to read into", available, backlog)
		}
	}
	a := take(buffer.DataBuffer, 3)
	b := take(buffer.None, 2)
	dry()
	if a.Segment() == b.Segment() || l.told() != 0 {
		t.Errorf("%v and %v, told %d times", a, b, l.told())
	}
	a.Recycle()
	if l.told() != 1 {
		t.Errorf("told %d times", l.told())
	}
	c := take(buffer.None, 1)
	dry()
	b.Recycle()
	c.Recycle() // there is one already
	if l.told() != 2 {
		t.Errorf("told %d times", l.told())
	}
	d := take(buffer.EndOfData, 0)
	if !bytes.Equal(d.Bytes(), pattern(16)) {
		t.Errorf("read %v", d.Bytes())
	}
	end := take(buffer.EndOfPartition, 0)
	last := take(buffer.None, 0)
	if available, _ := v.Availability(true); available {
		t.Error("available behind the end")
	}
	for _, b := range []buffer.Buffer{d, end, last} {
		b.Recycle()
	}
	if l.told() != 2 {
		t.Errorf("told %d times", l.told())
	}
	v.Release()
	f.Release(nil)
}

// Read buffers are no larger than what was written, and what is read in compressed form can be decompressed where it is.
func TestReplayBuffersAreAsLargeAsTheLargest(t *testing.T) {
	f := newReplayable(t, shape{subs: 1, segments: 2, segmentSize: 4096})
	content := bytes.Repeat([]byte("again and "), 30)
	if err := f.Emit(context.Background(), content, 0); err != nil {
		t.Fatal(err)
	}
	f.end()
	v, _ := f.view(0)
	p, _ := v.Poll()
	if !p.Buffer.Compressed() || p.Buffer.Len() >= len(content) || p.Buffer.Cap() != len(content) {
		t.Errorf("%v, compressed %v, in %d bytes; the content has %d", p.Buffer, p.Buffer.Compressed(), p.Buffer.Cap(), len(content))
	}
	b, err := buffer.NewDecompressor(buffer.LZ4).Decompress(p.Buffer)
	if err != nil || !bytes.Equal(b.Bytes(), content) {
		t.Errorf("decompressed to %v, %v", b, err)
	}
	b.Recycle()
	v.Release()
	f.Release(nil)
}

// R2.4 and 4.2: without credit only events are available, and the backlog is the number of data buffers, exactly.
func TestReplayAvailability(t *testing.T) {
	f := newReplayable(t, shape{subs: 1, segments: 2, segmentSize: 16})
	f.emit(0, 40)
	f.end()
	v, l := f.view(0)
	check := func(with, without bool, backlog int) {
		t.Helper()
		a, n := v.Availability(true)
		b, m := v.Availability(false)
		if a != with || b != without || n != backlog || m != backlog {
			t.Errorf("available %v, without credit %v, backlog %d and %d; want %v, %v, %d", a, b, n, m, with, without, backlog)
		}
	}
	v.ReturnEmptyBuffers()
	check(true, false, 3)
	poll(t, v, 16)
	check(true, false, 2)
	poll(t, v, 16)
	poll(t, v, 8)
	check(true, true, 0)
	poll(t, v, 5)
	check(true, true, 0)
	poll(t, v, 4)
	check(false, false, 0)
	if l.told() != 0 {
		t.Errorf("told %d times", l.told())
	}
	var of *ConsumerError
	if err := v.Resume(); !errors.As(err, &of) {
		t.Errorf("resuming what is not blocked: %v", err)
	}
	if err := v.SetBufferSize(-1); !errors.As(err, &of) {
		t.Errorf("a negative size: %v", err)
	}
	if err := v.SetBufferSize(100); err != nil {
		t.Error(err)
	}
	v.AckAllRecordsProcessed()
	if f.Deserted() != 0 {
		t.Error("a reader deserted")
	}
	v.Release()
	f.Release(nil)
}

// A flush that the task asks for ends buffers, as in Flink; one of the output flusher does nothing: nobody could read it.
func TestReplayFlush(t *testing.T) {
	f := newReplayable(t, shape{subs: 2, segments: 3, segmentSize: 16})
	f.emit(0, 3)
	f.RequestFlush()
	f.Idle()
	f.RequestFlush()
	f.emit(0, 4)
	f.emit(1, 1)
	f.Flush(0)
	f.Flush(0)
	f.emit(1, 2)
	broadcast(t, f.ResultPartition, 5)
	f.Flush(1)
	broadcast(t, f.ResultPartition, 6)
	f.FlushAll()
	f.end()
	for i, want := range [][]int{{7, 5, 6, 5, 4}, {3, 5, 6, 5, 4}} {
		v, _ := f.view(i)
		wantSizes(t, v, want...)
		v.Release()
	}
	if f.BuffersOut() != 6 || f.BytesOut() != 32 || f.QueuedBuffers() != 0 {
		t.Errorf("%d buffers of %d bytes, %d queued", f.BuffersOut(), f.BytesOut(), f.QueuedBuffers())
	}
	f.Release(nil)
}

// Nothing is allocated for a buffer: not where it is compressed and stored, nor where it is read.
func TestReplayAllocatesNothing(t *testing.T) {
	f := newReplayable(t, shape{subs: 1, segments: 2, segmentSize: 256})
	record := bytes.Repeat([]byte("abcd"), 64)
	write := func() {
		if err := f.Emit(context.Background(), record, 0); err != nil {
			t.Fatal(err)
		}
	}
	write()
	if n := testing.AllocsPerRun(100, write); n != 0 {
		t.Errorf("%v allocations to write a buffer", n)
	}
	f.end()
	v, _ := f.view(0)
	d := buffer.NewDecompressor(buffer.LZ4)
	read := func() {
		p, ok := v.Poll()
		if !ok || !p.Buffer.Type().IsBuffer() {
			t.Fatal("nothing to read")
		}
		b, err := d.Decompress(p.Buffer)
		if err != nil || !bytes.Equal(b.Bytes(), record) {
			t.Fatal(err)
		}
		b.Recycle()
	}
	read()
	if n := testing.AllocsPerRun(90, read); n != 0 {
		t.Errorf("%v allocations to read a buffer", n)
	}
	v.Release()
	f.Release(nil)
}
