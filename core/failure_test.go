package core

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"xbench/core/buffer"
	"xbench/core/net"
	"xbench/core/net/gate"
)

func pair(t *testing.T) (out, in *Exchange) {
	out = open(t, Options{Listen: "127.0.0.1:0", Segments: 128, SegmentSize: 256})
	return out, open(t, Options{Segments: 128, SegmentSize: 256})
}

// TestWriterFailureReachesTheReader: the reason, not only the fact, on remote and local channels.
func TestWriterFailureReachesTheReader(t *testing.T) {
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
			if _, err := r.Advance(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.Fail(errors.New("the disk is full"))
			if _, err := readAll(t.Context(), r); err == nil || !strings.Contains(err.Error(), "the disk is full") {
				t.Errorf("the reader heard %v", err)
			}
			if err := w.EmitTo(0, textRecord("after")); err == nil {
				w.FlushAll()
			}
			w.Close()
		})
	}
}

// TestWriterThatClosesWithoutEnd: the reader must not take a part for the whole.
func TestWriterThatClosesWithoutEnd(t *testing.T) {
	out, in := pair(t)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushAlways})
	r := newReader(t, in, inputs(out.Addr(), 0, 1))
	defer r.Close()
	emit(t, w, 0, "only one")
	if _, err := r.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := readAll(t.Context(), r); err == nil || !strings.Contains(err.Error(), "before it was finished") {
		t.Errorf("the reader heard %v", err)
	}
}

// TestReaderThatLeavesLetsTheWriterGo: what is written to it goes nowhere, and the writer neither fails nor waits.
func TestReaderThatLeavesLetsTheWriterGo(t *testing.T) {
	out, in := pair(t)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 2, BufferTimeout: FlushAlways})
	leaves := newReader(t, in, inputs(out.Addr(), 0, 2)[:1])
	stays := newReader(t, in, inputs(out.Addr(), 0, 2)[1:])
	emit(t, w, 0, "read by nobody soon")
	if _, err := leaves.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	leaves.Close()
	done := make(chan error)
	go func() {
		for range 10_000 {
			if err := w.EmitTo(0, textRecord("into the void")); err != nil {
				done <- err
				return
			}
		}
		if err := w.EmitTo(1, textRecord("to the one that stays")); err != nil {
			done <- err
			return
		}
		done <- w.End()
	}()
	got, err := readAll(t.Context(), stays)
	if err != nil || len(got.payloads[0]) != 1 {
		t.Errorf("the one that stays got %v, %v", got.payloads, err)
	}
	if err := <-done; err != nil {
		t.Errorf("the writer: %v", err)
	}
	w.Close()
	stays.Close()
}

// TestProducerThatGoesAway: its readers fail, with an error that says which connection.
func TestProducerThatGoesAway(t *testing.T) {
	out, in := pair(t)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushAlways})
	r := newReader(t, in, inputs(out.Addr(), 0, 1))
	defer r.Close()
	emit(t, w, 0, "x")
	if _, err := r.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	address := out.Addr()
	closed := make(chan error)
	go func() { closed <- out.Close() }()
	for w.EmitTo(0, textRecord("x")) == nil {
		// until its task notices
	}
	w.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	var remote *net.RemoteTransportError
	if _, err := readAll(t.Context(), r); !errors.As(err, &remote) || remote.Peer != address {
		t.Errorf("the reader heard %v", err)
	}
}

func TestTooFewBuffers(t *testing.T) {
	x := open(t, Options{Segments: 10, SegmentSize: 64})
	_, err := x.NewWriter(t.Context(), WriterOptions{Partition: partitionID(0), Subpartitions: 10})
	var insufficient *buffer.InsufficientError
	if !errors.As(err, &insufficient) || insufficient.Required != 11 || insufficient.Available != 10 || insufficient.Total != 10 {
		t.Fatalf("got %#v", err)
	}
	if !strings.Contains(strings.ToLower(err.Error()), "insufficient number of network buffers: required 11, but only 10 available") {
		t.Errorf("the message is %q", err)
	}
	if x.FreeSegments() != 10 {
		t.Errorf("%d segments free after the refusal, want all 10", x.FreeSegments())
	}
}

func TestPortInUse(t *testing.T) {
	first := open(t, Options{Listen: "127.0.0.1:0", Segments: 4, SegmentSize: 64})
	_, err := Open(Options{Listen: first.Addr(), Segments: 4, SegmentSize: 64})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), first.Addr()) {
		t.Errorf("got %v", err)
	}
}

func TestPartitionThatNeverComes(t *testing.T) {
	out := open(t, Options{Listen: "127.0.0.1:0", Segments: 4, SegmentSize: 64, PartitionTimeout: time.Millisecond})
	in := open(t, Options{Segments: 64, SegmentSize: 64, PartitionTimeout: 500 * time.Millisecond, BackoffMax: time.Second})
	r := newReader(t, in, inputs(out.Addr(), 7, 1))
	defer r.Close()
	var notFound *net.PartitionNotFoundError
	if _, err := readAll(t.Context(), r); !errors.As(err, &notFound) {
		t.Errorf("got %v", err)
	}
}

// TestEveryWaitEndsWithItsContext: reading, writing, and waiting for acknowledgements.
func TestEveryWaitEndsWithItsContext(t *testing.T) {
	out, in := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := out.NewWriter(ctx, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushNever})
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(t, in, inputs(out.Addr(), 0, 1)) // it does not read
	ended := make(chan error)
	go func() {
		for {
			if err := w.EmitTo(0, textRecord("more and more")); err != nil {
				ended <- err
				return
			}
		}
	}()
	reader, stop := context.WithCancel(t.Context())
	stop()
	idle := newReader(t, in, inputs(out.Addr(), 1, 1))
	if _, err := idle.Advance(reader); !errors.Is(err, context.Canceled) {
		t.Errorf("the reader's wait ended with %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the writer's wait ended with %v", err)
	}
	w.Close()
	r.Close()
	idle.Close()
}

// TestCloseWithEverythingOpen: tasks that are blocked end with ErrClosed, and nothing is left behind (open's cleanup, goleak).
func TestCloseWithEverythingOpen(t *testing.T) {
	out, in := pair(t)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: 1e6})
	r := newReader(t, in, inputs(out.Addr(), 0, 1))
	reading := make(chan error)
	go func() {
		defer r.Close()
		for {
			if _, err := r.Advance(t.Context()); err != nil {
				reading <- err
				return
			}
		}
	}()
	ended := make(chan error)
	go func() {
		defer w.Close()
		for {
			if err := w.EmitTo(0, textRecord("more and more")); err != nil {
				ended <- err
				return
			}
		}
	}()
	var closing sync.WaitGroup
	defer closing.Wait()
	for _, x := range []*Exchange{in, out} {
		closing.Go(func() {
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if err := <-reading; !errors.Is(err, gate.ErrClosed) && !errors.Is(err, ErrClosed) && !strings.Contains(err.Error(), ErrClosed.Error()) {
		t.Errorf("the reader ended with %v", err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("the writer ended with %v", err)
	}
}
