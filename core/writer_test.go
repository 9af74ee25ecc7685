package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"xbench/core/net/frame"
)

// TestBroadcast: every reader gets every record, mixed with records for one of them, in the order in which they were written.
func TestBroadcast(t *testing.T) {
	out, in := pair(t)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 3, Broadcast: true, BufferTimeout: FlushNever})
	var want [3][]string
	var task sync.WaitGroup
	task.Go(func() {
		defer w.Close()
		for i := range 300 {
			text := fmt.Sprintf("record %d %s", i, strings.Repeat("x", i))
			if i%7 == 3 {
				want[i%3] = append(want[i%3], text)
				if err := w.EmitTo(i%3, textRecord(text)); err != nil {
					t.Error(err)
				}
				continue
			}
			for ch := range want {
				want[ch] = append(want[ch], text)
			}
			if err := w.Emit(textRecord(text)); err != nil {
				t.Error(err)
			}
		}
		if err := w.End(); err != nil {
			t.Error(err)
		}
	})
	r := newReader(t, in, inputs(out.Addr(), 0, 3))
	defer r.Close()
	got, err := readAll(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	task.Wait()
	for ch := range want {
		if !slices.Equal(got.payloads[ch], want[ch]) {
			t.Errorf("channel %d: %d records, want %d, or their order differs", ch, len(got.payloads[ch]), len(want[ch]))
		}
	}
}

// TestRecordsLargerThanAllBuffersOfTheirChannel span many of them, remote and local.
func TestRecordsLargerThanAllBuffersOfTheirChannel(t *testing.T) {
	out, in := pair(t)
	for k, c := range []struct {
		name    string
		in      *Exchange
		address string
	}{{"remote", in, out.Addr()}, {"local", out, ""}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWriter(t, out, WriterOptions{Partition: partitionID(k), Subpartitions: 1, BufferTimeout: FlushNever})
			sizes := []int{0, 1, 251, 252, 253, 100_000, 3, 256 * 128, 0}
			var task sync.WaitGroup
			task.Go(func() {
				defer w.Close()
				for i, n := range sizes {
					if err := w.EmitTo(0, textRecord(strings.Repeat(string(rune('a'+i)), n))); err != nil {
						t.Error(err)
					}
				}
				if err := w.End(); err != nil {
					t.Error(err)
				}
			})
			r := newReader(t, c.in, inputs(c.address, k, 1))
			defer r.Close()
			got, err := readAll(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			task.Wait()
			for i, n := range sizes {
				if i >= len(got.payloads[0]) || got.payloads[0][i] != strings.Repeat(string(rune('a'+i)), n) {
					t.Fatalf("record %d of %d bytes is missing or another", i, n)
				}
			}
		})
	}
}

// TestBarrierBlocksUntilResumed: behind an aligned barrier nothing comes until the task resumes the channel, and then nothing is missing.
func TestBarrierBlocksUntilResumed(t *testing.T) {
	out, in := pair(t)
	for k, c := range []struct {
		name    string
		in      *Exchange
		address string
	}{{"remote", in, out.Addr()}, {"local", out, ""}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWriter(t, out, WriterOptions{Partition: partitionID(k), Subpartitions: 1, BufferTimeout: FlushAlways})
			r := newReader(t, c.in, inputs(c.address, k, 1))
			defer r.Close()
			emit(t, w, 0, "before")
			barrier := frame.CheckpointBarrier{ID: 1, Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
			if err := w.BroadcastEvent(barrier, false); err != nil {
				t.Fatal(err)
			}
			emit(t, w, 0, "after")
			var task sync.WaitGroup
			task.Go(func() {
				defer w.Close()
				if err := w.End(); err != nil {
					t.Error(err)
				}
			})
			var order []string
			for {
				a, err := r.Advance(t.Context())
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if a.Event != nil {
					order = append(order, fmt.Sprintf("%T", a.Event))
				}
				if _, isBarrier := a.Event.(frame.CheckpointBarrier); isBarrier {
					if _, ok, err := r.TryAdvance(); ok || err != nil {
						t.Errorf("something came while the channel was blocked (%v)", err)
					}
					if err := r.Resume(a.Channel); err != nil {
						t.Fatal(err)
					}
				}
				for p, ok, _ := r.Next(); ok; p, ok, _ = r.Next() {
					order = append(order, string(p))
				}
			}
			task.Wait()
			want := []string{"before", "frame.CheckpointBarrier", "after", "frame.EndOfData", "frame.EndOfPartition"}
			if !slices.Equal(order, want) {
				t.Errorf("got %v, want %v", order, want)
			}
		})
	}
}

// TestBroadcastAmongRecords: a record for all subpartitions comes between those for one, in order, and ends nobody's buffer.
func TestBroadcastAmongRecords(t *testing.T) {
	out, in := pair(t)
	const channels = 5
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: channels, BufferTimeout: FlushNever})
	free := out.FreeSegments()
	for i := range 3 {
		for ch := range channels {
			emit(t, w, ch, fmt.Sprintf("%d for %d", i, ch))
		}
		if err := w.Broadcast(textRecord(fmt.Sprintf("%d for all", i))); err != nil {
			t.Fatal(err)
		}
	}
	if used := free - out.FreeSegments(); used > channels+1 {
		t.Errorf("%d segments for %d subpartitions with a few records each", used, channels)
	}
	var task sync.WaitGroup
	task.Go(func() {
		defer w.Close()
		if err := w.End(); err != nil {
			t.Error(err)
		}
	})
	r := newReader(t, in, inputs(out.Addr(), 0, channels))
	defer r.Close()
	got, err := readAll(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	task.Wait()
	for ch := range channels {
		want := []string{fmt.Sprintf("0 for %d", ch), "0 for all", fmt.Sprintf("1 for %d", ch), "1 for all", fmt.Sprintf("2 for %d", ch), "2 for all"}
		if !slices.Equal(got.payloads[ch], want) {
			t.Errorf("channel %d: %v, want %v", ch, got.payloads[ch], want)
		}
	}
}

// PutLong does what EmitLong would, or nothing: an idle task, an open flush, no buffer, one that would be full, a writer that sends every record.
func TestPutLong(t *testing.T) {
	for _, timeout := range []time.Duration{FlushNever, FlushAlways} {
		t.Run(fmt.Sprint(timeout), func(t *testing.T) {
			x := open(t, Options{Segments: 64, SegmentSize: 40}) // a buffer is full with the fourth record, which spans
			w := newWriter(t, x, WriterOptions{Subpartitions: 1, BufferTimeout: timeout})
			defer w.Close()
			r := newReader(t, x, inputs("", 0, 1))
			defer r.Close()
			if w.PutLong(0, 0) {
				t.Fatal("a record went into a buffer that is not there")
			}
			put := 0
			for i := range int64(20) {
				if i == 10 {
					w.Idle()
				}
				if w.PutLong(0, i) {
					if put++; i == 10 {
						t.Error("the task wrote while it was idle")
					}
				} else if err := w.EmitLong(0, i); err != nil {
					t.Fatal(err)
				}
			}
			if timeout == FlushAlways && put != 0 || timeout == FlushNever && put < 8 {
				t.Errorf("%d of 20 records were put", put)
			}
			w.FlushAll()
			for i := range int64(20) {
				p := nextPayload(t, r)
				if got := int64(binary.BigEndian.Uint64(p)); len(p) != 8 || got != i {
					t.Fatalf("record %d is %d", i, got)
				}
			}
			if n := w.part.RecordsOut(); n != 20 {
				t.Errorf("%d records counted", n)
			}
		})
	}
}

// nextPayload takes the next record, which has to be there.
func nextPayload(t *testing.T, r *Reader) []byte {
	t.Helper()
	for {
		p, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return p
		}
		if _, there, err := r.TryAdvance(); !there || err != nil {
			t.Fatalf("no further record: %v", err)
		}
	}
}
