// write_test.go: R1.7, how records are spread over buffers, and broadcasts over subpartitions.

package partition

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

func sizes(t *testing.T, v *View) (got []int) {
	t.Helper()
	for {
		p, ok := v.Poll()
		if !ok {
			return got
		}
		got = append(got, p.Buffer.Len())
		p.Buffer.Recycle()
	}
}

func wantSizes(t *testing.T, v *View, want ...int) {
	t.Helper()
	if got := sizes(t, v); !slices.Equal(got, want) {
		t.Errorf("buffers of %v bytes, wanted %v", got, want)
	}
}

func setSize(t *testing.T, v *View, n int) {
	t.Helper()
	if err := v.SetBufferSize(n); err != nil {
		t.Fatal(err)
	}
}

func broadcast(t *testing.T, p *ResultPartition, n int) {
	t.Helper()
	if err := p.Broadcast(context.Background(), pattern(n)); err != nil {
		t.Fatal(err)
	}
}

// R1.7: what the consumers want, and the first record of a buffer, decide how long it gets.
func TestBufferSizes(t *testing.T) {
	t.Run("R1.7 different sizes for two subpartitions, then others", func(t *testing.T) {
		f := newFixture(t, shape{subs: 2, segments: 20, segmentSize: 1000})
		v0, _ := f.view(0)
		v1, _ := f.view(1)
		setSize(t, v0, 10)
		setSize(t, v1, 6)
		for ch := range 2 {
			f.emit(ch, 2)
			f.emit(ch, 10)
		}
		wantSizes(t, v0, 10, 2)
		wantSizes(t, v1, 6, 6)
		setSize(t, v0, 13)
		setSize(t, v1, 5)
		f.emit(0, 12)
		f.emit(0, 8)
		f.emit(1, 2)
		f.emit(1, 7)
		wantSizes(t, v0, 8, 12) // the buffer begun before is filled to its old limit
		wantSizes(t, v1, 5, 4)
	})
	t.Run("R1.7 the first record of a buffer is not split", func(t *testing.T) {
		f := newFixture(t, shape{subs: 1, segments: 5, segmentSize: 1000})
		v, _ := f.view(0)
		setSize(t, v, 7)
		f.emit(0, 111)
		f.emit(0, 1)
		wantSizes(t, v, 111, 1)
	})
	t.Run("R1.7 a wish above the segment is the segment", func(t *testing.T) {
		f := newFixture(t, shape{subs: 1, segments: 5, segmentSize: 100})
		v, _ := f.view(0)
		setSize(t, v, 101)
		f.emit(0, 150)
		wantSizes(t, v, 100, 50)
	})
	t.Run("R1.7 a wish of 0 is none, a negative one the consumer's fault", func(t *testing.T) {
		f := newFixture(t, shape{subs: 1, segments: 5, segmentSize: 100})
		v, _ := f.view(0)
		setSize(t, v, 0)
		f.emit(0, 150)
		wantSizes(t, v, 100, 50)
		if err := v.SetBufferSize(-1); !errors.Is(err, frame.ErrPeer) {
			t.Error(err)
		}
	})
	t.Run("R1.7 a broadcast follows the shortest wish", func(t *testing.T) {
		f := newFixture(t, shape{subs: 2, segments: 20, segmentSize: 1000})
		v0, _ := f.view(0)
		v1, _ := f.view(1)
		setSize(t, v0, 6)
		setSize(t, v1, 10)
		broadcast(t, f.ResultPartition, 6)
		wantSizes(t, v0, 6)
		wantSizes(t, v1, 6)
		setSize(t, v0, 4)
		setSize(t, v1, 12)
		broadcast(t, f.ResultPartition, 3)
		broadcast(t, f.ResultPartition, 7)
		wantSizes(t, v0, 4, 6)
		wantSizes(t, v1, 4, 6)
	})
	t.Run("with no other buffer to be had, one is made longer than wished (FLINK-33077)", func(t *testing.T) {
		f := newFixture(t, shape{subs: 1, segments: 1, segmentSize: 20})
		v, _ := f.view(0)
		setSize(t, v, 1)
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // waiting would be an error
		for range 2 {
			if err := f.Emit(ctx, pattern(10), 0); err != nil {
				t.Fatal(err)
			}
		}
		wantSizes(t, v, 20)
	})
}

// A record may use any number of buffers, also of one byte each; all but the last are full.
func TestSpanningRecord(t *testing.T) {
	for _, segmentSize := range []int{1, 10, 16, 31} {
		f := newFixture(t, shape{subs: 2, segments: 130, segmentSize: segmentSize})
		v, _ := f.view(1)
		f.emit(1, 64)
		var got []byte
		for {
			p, ok := v.Poll()
			if !ok {
				break
			}
			got = append(got, p.Buffer.Bytes()...)
			p.Buffer.Recycle()
		}
		if !bytes.Equal(got, pattern(64)) {
			t.Errorf("segments of %d bytes: %v", segmentSize, got)
		}
	}
}

// The task's fast path: the record is encoded into the buffer itself, and readers see it when they are meant to.
func TestBuilder(t *testing.T) {
	f := newFixture(t, shape{subs: 2, segments: 4, segmentSize: 100})
	v, _ := f.view(1)
	if n := len(f.Builder(1).Room()); n != 0 {
		t.Fatalf("room for %d bytes though nothing is open", n)
	}
	f.emit(1, 10)
	b := f.Builder(1)
	if n := len(b.Room()); n != 90 {
		t.Fatalf("room for %d bytes, wanted 90", n)
	}
	b.Advance(copy(b.Room(), pattern(20)))
	poll(t, v, 10) // what Emit published
	wantNothing(t, v)
	f.Flush(1)
	poll(t, v, 20)
	b = f.Builder(1)
	b.Advance(copy(b.Room(), pattern(70)))
	if n := len(f.Builder(1).Room()); n != 0 {
		t.Fatalf("room for %d bytes in a full buffer", n)
	}
	f.emit(1, 5) // ends the full one
	poll(t, v, 70)
	poll(t, v, 5)
	if err := f.Finish(); err != nil {
		t.Fatal(err)
	}
	if n := len(f.Builder(1).Room()); n != 0 {
		t.Fatalf("room for %d bytes after the end", n)
	}
	if err := f.Emit(context.Background(), pattern(1), 1); !errors.Is(err, ErrFinished) {
		t.Errorf("emit after the end: %v", err)
	}
	if f.BytesOut() != 105 || f.BuffersOut() != 2 {
		t.Errorf("%d bytes in %d buffers out, wanted 105 in 2", f.BytesOut(), f.BuffersOut())
	}
}

// A broadcast is written once: every subpartition reads the same segment, which goes home when the last one did.
func TestBroadcastSharesOneSegment(t *testing.T) {
	f := newFixture(t, shape{subs: 3, segments: 4, segmentSize: 100})
	broadcast(t, f.ResultPartition, 30)
	if n := f.pool.Used(); n != 1 {
		t.Errorf("%d segments in use, wanted 1", n)
	}
	b := f.BroadcastBuilder()
	b.Advance(copy(b.Room(), pattern(40)))
	f.FlushAll()
	var seg *buffer.Segment
	for ch := range 3 {
		v, l := f.view(ch)
		if available, backlog := v.Availability(true); !available || backlog != 1 || l.told() != 0 {
			t.Errorf("view %d: %t, backlog %d, told %d times", ch, available, backlog, l.told())
		}
		p, ok := v.Poll()
		if !ok || p.Buffer.Len() != 70 {
			t.Fatalf("view %d polled %v", ch, p.Buffer)
		}
		if seg == nil {
			seg = p.Buffer.Segment()
		}
		if p.Buffer.Segment() != seg {
			t.Errorf("view %d reads another segment", ch)
		}
		p.Buffer.Recycle()
	}
	f.endAll()
	if f.BytesOut() != 210 || f.BuffersOut() != 3 {
		t.Errorf("%d bytes in %d buffers out, wanted 210 in 3", f.BytesOut(), f.BuffersOut())
	}
}

// Broadcasts and single records keep their order: each ends the buffers of the other kind.
func TestBroadcastAndSingleRecordsExclude(t *testing.T) {
	f := newFixture(t, shape{subs: 2, segments: 10, segmentSize: 100})
	v0, _ := f.view(0)
	v1, _ := f.view(1)
	f.emit(0, 1)
	broadcast(t, f.ResultPartition, 2)
	broadcast(t, f.ResultPartition, 2)
	f.emit(1, 3)
	if n := len(f.BroadcastBuilder().Room()); n != 0 {
		t.Errorf("room for %d bytes to broadcast while single buffers are open", n)
	}
	broadcast(t, f.ResultPartition, 5)
	if n := len(f.Builder(1).Room()); n != 0 {
		t.Errorf("room for %d bytes while a broadcast is open", n)
	}
	wantSizes(t, v0, 1, 4, 5)
	wantSizes(t, v1, 4, 3, 5)
}

// Whatever a task does, each subpartition's stream is its records and the broadcasts in order, with the events where they were
// put; and the sequence numbers have no gap.
func TestStreamIsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		subs := rapid.IntRange(1, 3).Draw(rt, "subpartitions")
		segmentSize := rapid.SampledFrom([]int{1, 7, 16, 64}).Draw(rt, "segmentSize")
		f := newFixture(t, shape{subs: subs, segments: 64 + 200/segmentSize, segmentSize: segmentSize})
		want, got, next := make([][]byte, subs), make([][]byte, subs), make([]int32, subs)
		views := make([]*View, subs)
		for i := range views {
			views[i], _ = f.view(i)
		}
		drain := func(ch int) {
			for {
				p, ok := views[ch].Poll()
				if !ok {
					return
				}
				got[ch] = append(got[ch], p.Buffer.Bytes()...)
				p.Buffer.Recycle()
				if p.Sequence != next[ch] {
					rt.Fatalf("sequence number %d, wanted %d", p.Sequence, next[ch])
				}
				next[ch]++
			}
		}
		mark := byte(0)
		record := func(rt *rapid.T) []byte {
			mark++
			return bytes.Repeat([]byte{mark}, rapid.IntRange(1, 40).Draw(rt, "bytes"))
		}
		channel := func(rt *rapid.T) int { return rapid.IntRange(0, subs-1).Draw(rt, "channel") }
		rt.Repeat(map[string]func(*rapid.T){
			"emit": func(rt *rapid.T) {
				ch, r := channel(rt), record(rt)
				for i := range views { // a full pool would wait for us
					drain(i)
				}
				if err := f.Emit(context.Background(), r, ch); err != nil {
					rt.Fatal(err)
				}
				want[ch] = append(want[ch], r...)
			},
			"build": func(rt *rapid.T) {
				ch, r := channel(rt), record(rt)
				if b := f.Builder(ch); len(b.Room()) >= len(r) {
					b.Advance(copy(b.Room(), r))
					want[ch] = append(want[ch], r...)
				}
			},
			"broadcast": func(rt *rapid.T) {
				r := record(rt)
				for i := range views {
					drain(i)
				}
				if err := f.Broadcast(context.Background(), r); err != nil {
					rt.Fatal(err)
				}
				for i := range want {
					want[i] = append(want[i], r...)
				}
			},
			"event": func(rt *rapid.T) {
				content, typ := event(frame.CancelCheckpoint{ID: 0x0102030405060708}, false)
				if err := f.BroadcastEvent(content, typ); err != nil {
					rt.Fatal(err)
				}
				for i := range want {
					want[i] = append(want[i], content...)
				}
			},
			"idle":    func(rt *rapid.T) { f.Idle() },
			"request": func(rt *rapid.T) { f.RequestFlush() },
			"flush":   func(rt *rapid.T) { f.Flush(channel(rt)) },
			"size": func(rt *rapid.T) {
				if err := views[channel(rt)].SetBufferSize(rapid.IntRange(0, 20).Draw(rt, "size")); err != nil {
					rt.Fatal(err)
				}
			},
			"drain": func(rt *rapid.T) { drain(channel(rt)) },
			"": func(rt *rapid.T) {
				for i := range want {
					if !bytes.HasPrefix(want[i], got[i]) {
						rt.Fatalf("subpartition %d read\n%v\nof\n%v", i, got[i], want[i])
					}
				}
			},
		})
		if err := f.Finish(); err != nil {
			rt.Fatal(err)
		}
		for i := range want {
			drain(i)
			if want := append(want[i], 0, 0, 0, 0); !bytes.Equal(got[i], want) {
				rt.Fatalf("subpartition %d read\n%v\nwanted\n%v", i, got[i], want)
			}
			views[i].Release()
		}
		f.Close()
		f.wantHome()
	})
}

// R8.1 (e): what a barrier captured and what is polled after it are, together, the stream from where the reader stood.
func TestCaptureAndRestAreTheStream(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 20, segmentSize: 16})
	v, _ := f.view(0)
	rng := rand.New(rand.NewPCG(7, 0))
	var want, seen []byte
	emit := func() {
		r := framed(pattern(rng.IntN(30)))
		want = append(want, r...)
		if err := f.Emit(context.Background(), r, 0); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		emit()
	}
	for range 2 {
		p, _ := v.Poll()
		seen = append(seen, p.Buffer.Bytes()...)
		p.Buffer.Recycle()
	}
	before := len(want)
	content, typ := event(unaligned(9), true)
	if err := f.BroadcastEvent(content, typ); err != nil {
		t.Fatal(err)
	}
	if len(f.captures) != 1 || f.captures[0].Checkpoint != 9 {
		t.Fatalf("captures: %+v", f.captures)
	}
	snapshot := slices.Clone(seen)
	for _, b := range f.captures[0].InFlight {
		snapshot = append(snapshot, b.Bytes()...)
	}
	if !bytes.Equal(snapshot, want[:before]) {
		t.Errorf("read and captured: %v\nwritten before the barrier: %v", snapshot, want[:before])
	}
	emit()
	if p, _ := v.Poll(); p.Buffer.Type() != buffer.PrioritizedEvent {
		t.Errorf("first comes %v", p.Buffer)
	} else {
		p.Buffer.Recycle()
	}
	for {
		p, ok := v.Poll()
		if !ok {
			break
		}
		seen = append(seen, p.Buffer.Bytes()...)
		p.Buffer.Recycle()
	}
	if !bytes.Equal(seen, want) {
		t.Errorf("read %v\nwanted %v", seen, want)
	}
}

// What would go out as something that it is not is our own bug.
func TestBarrierOfTheWrongType(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 2, segmentSize: 16})
	for _, c := range []struct {
		barrier frame.CheckpointBarrier
		typ     buffer.DataType
	}{{aligned(1), buffer.PrioritizedEvent}, {unaligned(1), buffer.TimeoutableBarrier}, {aligned(1), buffer.DataBuffer}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v as %v: no panic", c.barrier, c.typ)
				}
			}()
			_ = f.BroadcastEvent(frame.AppendEvent(nil, c.barrier), c.typ)
		}()
	}
}
