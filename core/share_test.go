package core

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestMaxPerChannelIsAdvisory: a subpartition with its most makes the writer unavailable between records, and stops none (FLINK-27522); when its
// reader has taken them, the writer is available again.
func TestMaxPerChannelIsAdvisory(t *testing.T) {
	x := open(t, Options{Segments: 64, SegmentSize: 64})
	w := newWriter(t, x, WriterOptions{Partition: partitionID(0), Subpartitions: 2, BufferTimeout: FlushNever, MaxBuffers: 32, MaxPerChannel: 3})
	defer w.Close()
	r := newReader(t, x, inputs("", 0, 2))
	defer r.Close()
	full := strings.Repeat("x", 60) // a segment
	for i := range 5 {
		if got, want := w.IsAvailable(), i < 3; got != want {
			t.Errorf("with %d buffers in subpartition 0, available: %v", i, got)
		}
		emit(t, w, 0, full)
	}
	emit(t, w, 1, full)
	for range 5 {
		if _, err := r.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, ok, _ := r.Next(); ok; _, ok, _ = r.Next() {
		}
	}
	if !w.IsAvailable() {
		t.Error("not available with nothing queued")
	}
}

// TestOverdraftFinishesARecord: a record that needs more buffers than there are in the writer's share gets them, up to the overdraft; with
// none, or beyond it, the writer waits.
func TestOverdraftFinishesARecord(t *testing.T) {
	for _, c := range []struct {
		overdraft, buffers int
		waits              bool
	}{{2, 6, false}, {2, 7, true}, {NoOverdraft, 4, false}, {NoOverdraft, 5, true}} {
		x := open(t, Options{Segments: 64, SegmentSize: 64})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if !c.waits {
			cancel()
			ctx, cancel = context.WithCancel(t.Context())
		}
		w, err := x.NewWriter(ctx, WriterOptions{Subpartitions: 1, BufferTimeout: FlushNever, MaxBuffers: 4, Overdraft: c.overdraft})
		if err != nil {
			t.Fatal(err)
		}
		err = w.EmitTo(0, textRecord(strings.Repeat("x", 64*c.buffers-4)))
		if waited := errors.Is(err, context.DeadlineExceeded); waited != c.waits || !waited && err != nil {
			t.Errorf("%d buffers with a share of 4 and an overdraft of %d: %v", c.buffers, c.overdraft, err)
		}
		cancel()
		w.Close()
	}
}
