package core

import (
	"context"
	"testing"

	"xbench/core/net/frame"
)

// TestTaskEventsGoAgainstTheStream: from a reader's channel to the task that writes it, and to nobody else.
func TestTaskEventsGoAgainstTheStream(t *testing.T) {
	out, in := pair(t)
	for k, c := range []struct {
		name    string
		in      *Exchange
		address string
	}{{"remote", in, out.Addr()}, {"local", out, ""}} {
		t.Run(c.name, func(t *testing.T) {
			heard := make(chan frame.Event, 1)
			listens := newWriter(t, out, WriterOptions{
				Partition: partitionID(2 * k), Subpartitions: 1, TaskEvents: func(e frame.Event) { heard <- e },
			})
			deaf := newWriter(t, out, WriterOptions{Partition: partitionID(2*k + 1), Subpartitions: 1})
			r := newReader(t, c.in, append(inputs(c.address, 2*k, 1), inputs(c.address, 2*k+1, 1)...))
			defer r.Close()
			if err := r.SendTaskEvent(0, frame.CancelCheckpoint{ID: 7}); err != nil {
				t.Fatal(err)
			}
			if got := <-heard; got != (frame.CancelCheckpoint{ID: 7}) {
				t.Errorf("the task heard %v", got)
			}
			err := r.SendTaskEvent(1, frame.CancelCheckpoint{ID: 8})
			if c.address != "" && err == nil {
				_, err = r.Advance(t.Context())
			}
			if err == nil {
				t.Error("nobody listens, and nobody says so")
			}
			listens.Close()
			deaf.Close()
		})
	}
}

// TestSeveralConnections: the channels of one gate share several connections, and nothing else changes.
func TestSeveralConnections(t *testing.T) {
	out := open(t, Options{Listen: "127.0.0.1:0", Segments: 256, SegmentSize: 256})
	in := open(t, Options{Segments: 256, SegmentSize: 256, Connections: 3})
	const channels = 30
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: channels})
	r := newReader(t, in, inputs(out.Addr(), 0, channels))
	defer r.Close()
	if n := in.Connections(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
	done := make(chan error, 1)
	go func() {
		defer w.Close()
		for i := range int64(3000) {
			if err := w.EmitLong(int(i)%channels, i); err != nil {
				done <- err
				return
			}
		}
		done <- w.End()
	}()
	got, err := readAll(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	for ch := range channels {
		if n := len(got.payloads[ch]); n != 100 {
			t.Errorf("channel %d: %d records of 100", ch, n)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
