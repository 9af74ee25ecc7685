package core

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"xbench/core/net/frame"
	"xbench/core/serde"
)

func partitionID(n int) frame.ResultPartitionID {
	var id frame.ResultPartitionID
	binary.BigEndian.PutUint32(id.Partition[16:], uint32(n))
	return id
}

// open opens an exchange that the test's end closes: every segment has to be home then.
func open(t testing.TB, o Options) *Exchange {
	t.Helper()
	x, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Errorf("after the test: %v", err)
		}
	})
	return x
}

func newWriter(t testing.TB, x *Exchange, o WriterOptions) *Writer {
	t.Helper()
	w, err := x.NewWriter(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func newReader(t testing.TB, x *Exchange, gates ...[]Input) *Reader {
	t.Helper()
	r, err := x.NewReader(t.Context(), ReaderOptions{Gates: gates})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// inputs are all subpartitions of a partition.
func inputs(address string, partition, subpartitions int) []Input {
	var all []Input
	for sub := range subpartitions {
		all = append(all, Input{Address: address, Partition: partitionID(partition), Subpartition: sub})
	}
	return all
}

// received is what a reader got, per channel in order.
type received struct {
	payloads map[int][]string
	events   map[int][]frame.Event
}

// readAll reads to the end.
func readAll(ctx context.Context, r *Reader) (got received, err error) {
	got = received{payloads: map[int][]string{}, events: map[int][]frame.Event{}}
	for {
		a, err := r.Advance(ctx)
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		if a.Event != nil {
			got.events[a.Channel] = append(got.events[a.Channel], a.Event)
		}
		for {
			p, ok, err := r.Next()
			if err != nil {
				return got, err
			}
			if !ok {
				break
			}
			got.payloads[a.Channel] = append(got.payloads[a.Channel], string(p))
		}
	}
}

// emit sends one text record.
func emit(t testing.TB, w *Writer, ch int, text string) {
	t.Helper()
	if err := w.EmitTo(ch, textRecord(text)); err != nil {
		t.Fatal(err)
	}
}

func textRecord(s string) serde.Record { return serde.Bytes(s) }
