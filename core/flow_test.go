package core

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"testing"
	"time"
)

// TestStoppedConsumerLeavesItsNeighboursAlone: eight writers share one connection. One consumer stops dead; the other seven
// get everything, and when it goes on it has lost nothing. This is what credit is for: without it the stopped one's data would fill the
// connection.
func TestStoppedConsumerLeavesItsNeighboursAlone(t *testing.T) {
	const tasks, records, stopped = 8, 20_000, 3
	o := Options{Segments: 512, SegmentSize: 1024}
	in := open(t, o)
	o.Listen = "127.0.0.1:0"
	out := open(t, o)

	var writing, healthy, all sync.WaitGroup
	goOn := make(chan struct{})
	for k := range tasks {
		w := newWriter(t, out, WriterOptions{Partition: partitionID(k), Subpartitions: 1, BufferTimeout: time.Millisecond})
		r := newReader(t, in, inputs(out.Addr(), k, 1))
		writing.Go(func() {
			defer w.Close()
			for i := range records {
				if err := w.EmitLong(0, int64(i)); err != nil {
					t.Errorf("writer %d: %v", k, err)
					return
				}
			}
			if err := w.End(); err != nil {
				t.Errorf("writer %d: %v", k, err)
			}
		})
		group := &healthy
		if k == stopped {
			group = &all
		}
		group.Go(func() {
			defer r.Close()
			if k == stopped {
				if _, err := r.Advance(t.Context()); err != nil { // one buffer in hand, and not a step further
					t.Errorf("reader %d: %v", k, err)
					return
				}
				<-goOn
			}
			countLongs(t, k, r, records)
		})
	}
	healthy.Wait() // the seven have all of theirs, while the eighth has not moved
	if n := in.Connections(); n != 1 {
		t.Errorf("%d connections, want all of it on 1", n)
	}
	close(goOn)
	all.Wait()
	writing.Wait()
}

// countLongs reads 0, 1, 2, ... to the end, whatever part of them is in hand already.
func countLongs(t *testing.T, k int, r *Reader, records int64) {
	next := int64(0)
	for {
		for {
			p, ok, err := r.Next()
			if err != nil {
				t.Errorf("reader %d: %v", k, err)
				return
			}
			if !ok {
				break
			}
			if got := int64(binary.BigEndian.Uint64(p)); got != next {
				t.Errorf("reader %d: got %d, want %d", k, got, next)
				return
			}
			next++
		}
		if _, err := r.Advance(t.Context()); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Errorf("reader %d: %v", k, err)
			return
		}
	}
	if next != records {
		t.Errorf("reader %d: %d records of %d", k, next, records)
	}
}

// TestWriterWaitsForItsReader: memory is bounded by the pool. A writer whose reader does not read comes to a stand, and its wait is
// reported; nothing is lost when the reader reads.
func TestWriterWaitsForItsReader(t *testing.T) {
	waits := make(chan struct{}, 1)
	out := open(t, Options{Listen: "127.0.0.1:0", Segments: 64, SegmentSize: 128, Waits: firstPoolWait(waits)})
	in := open(t, Options{Segments: 64, SegmentSize: 128})
	const records = 5000 // 60 kB, where 128 segments hold 16
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushNever})
	r := newReader(t, in, inputs(out.Addr(), 0, 1))
	var task sync.WaitGroup
	written := make(chan struct{})
	task.Go(func() {
		defer w.Close()
		for i := range int64(records) {
			if err := w.EmitLong(0, i); err != nil {
				t.Error(err)
				return
			}
		}
		close(written)
		if err := w.End(); err != nil {
			t.Error(err)
		}
	})
	countLongs(t, 0, r, records)
	<-written
	task.Wait()
	select {
	case <-waits:
	default:
		t.Error("60 kB went through 8 kB of memory, and nobody waited")
	}
	r.Close()
}
