package core

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/net/frame"
)

// TestTimeoutableBarrier: it is announced ahead of the records before it; it comes in its place, and blocks; or, made an unaligned one, it comes
// at once, and does not.
func TestTimeoutableBarrier(t *testing.T) {
	barrier := frame.CheckpointBarrier{ID: 1, Alignment: frame.Aligned, AlignedTimeoutMs: 1000}
	for k, c := range []struct {
		name       string
		prioritize bool
		want       []string
	}{
		{"in its place", false, []string{"Announcement", "a", "b", "CheckpointBarrier", "c", "EndOfData", "EndOfPartition"}},
		{"overtaking", true, []string{"Announcement", "CheckpointBarrier unaligned", "a", "b", "c", "EndOfData", "EndOfPartition"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, in := pair(t)
			w := newWriter(t, out, WriterOptions{Partition: partitionID(k), Subpartitions: 1, BufferTimeout: FlushNever})
			r := newReader(t, in, inputs(out.Addr(), k, 1))
			defer r.Close()
			var task sync.WaitGroup
			task.Go(func() {
				defer w.Close()
				emit(t, w, 0, "a")
				emit(t, w, 0, "b")
				if err := w.BroadcastEvent(barrier, false); err != nil {
					t.Error(err)
				}
				emit(t, w, 0, "c")
				if err := w.End(); err != nil {
					t.Error(err)
				}
			})
			for { // until the barrier is queued here
				if n, _ := r.gates[0].Queued(); n == 3 { // "a" and "b" in one buffer, barrier, announcement
					break
				}
				time.Sleep(time.Millisecond)
			}
			var got []string
			for {
				a, err := r.Advance(t.Context())
				if err != nil {
					break
				}
				for p, ok, _ := r.Next(); ok; p, ok, _ = r.Next() {
					got = append(got, string(p))
				}
				switch e := a.Event.(type) {
				case nil:
				case frame.Announcement:
					got = append(got, "Announcement")
					if c.prioritize {
						if queued, err := r.PrioritizeBarrier(a.Channel, e.Sequence); !queued || err != nil {
							t.Errorf("queued: %v, %v", queued, err)
						}
					}
				case frame.CheckpointBarrier:
					name := "CheckpointBarrier"
					if e.Alignment == frame.Unaligned {
						name += " unaligned"
					}
					got = append(got, name)
					if err := r.Resume(a.Channel); err != nil {
						t.Fatal(err)
					}
				default:
					got = append(got, fmt.Sprintf("%T", e)[len("frame."):])
				}
			}
			task.Wait()
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestDebloating: buffers shrink until what is in flight takes a slow reader about the target time, and grow again when it is fast.
func TestDebloating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := open(t, Options{Segments: 64, SegmentSize: 4096, Clock: inBubble()})
		w := newWriter(t, x, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushNever})
		r, err := x.NewReader(t.Context(), ReaderOptions{
			Gates:   [][]Input{inputs("", 0, 1)},
			Debloat: &DebloatOptions{Target: time.Second, Period: 200 * time.Millisecond, Samples: 3, Min: 64, Start: 4096},
		})
		if err != nil {
			t.Fatal(err)
		}
		var task sync.WaitGroup
		task.Go(func() {
			defer w.Close()
			for i := int64(0); w.EmitLong(0, i) == nil; i++ {
			}
		})
		const recordBytes = 12
		consume := func(perSecond int, long time.Duration) (bufferBytes int) {
			for end := time.Now().Add(long); time.Now().Before(end); {
				if _, err := r.Advance(t.Context()); err != nil {
					t.Fatal(err)
				}
				n := 0
				for _, ok, _ := r.Next(); ok; _, ok, _ = r.Next() {
					n++
				}
				time.Sleep(time.Duration(n) * time.Second / time.Duration(perSecond))
			}
			return r.gates[0].BufferSize()
		}
		// 1,000 records, 12,000 bytes, a second should be in flight, in the ten buffers of the partition.
		slow := consume(1000, time.Minute)
		inFlight := r.gates[0].TimeToConsume()
		if slow > 2000 || inFlight < 500*time.Millisecond || inFlight > 2*time.Second {
			t.Errorf("for %d bytes a second, buffers of %d bytes, %v in flight", 1000*recordBytes, slow, inFlight)
		}
		if fast := consume(1_000_000, time.Minute/10); fast != 4096 {
			t.Errorf("for a fast reader, buffers of %d bytes, want 4096", fast)
		}
		r.Close()
		w.Fail(ErrClosed)
		task.Wait()
	})
}
