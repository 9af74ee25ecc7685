// await_test.go: a producer that leaves only when its consumers have everything.

package core

import (
	"errors"
	"testing"
)

func TestAwaitReaders(t *testing.T) {
	t.Run("all read to the end", func(t *testing.T) {
		out, in := pair(t)
		w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 2, BufferTimeout: FlushNever})
		emit(t, w, 0, "the record")
		left := make(chan error)
		go func() {
			defer w.Close()
			if err := w.End(); err != nil {
				left <- err
				return
			}
			left <- w.AwaitReaders()
		}()
		r := newReader(t, in, inputs(out.Addr(), 0, 2))
		got, err := readAll(t.Context(), r)
		if err != nil || len(got.payloads[0]) != 1 {
			t.Errorf("the reader got %v, %v", got, err)
		}
		r.Close()
		if err := <-left; err != nil {
			t.Error(err)
		}
	})
	t.Run("one leaves early", func(t *testing.T) {
		out, in := pair(t)
		w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 2, BufferTimeout: FlushAlways})
		defer w.Close()
		early, stays := newReader(t, in, inputs(out.Addr(), 0, 2)[:1]), newReader(t, in, inputs(out.Addr(), 0, 2)[1:])
		emit(t, w, 0, "the record")
		if _, err := early.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		early.Close()
		ended := make(chan error)
		go func() { ended <- errors.Join(w.End(), w.AwaitReaders()) }()
		if _, err := readAll(t.Context(), stays); err != nil {
			t.Error(err)
		}
		stays.Close()
		var deserted *DesertedError
		if err := <-ended; !errors.As(err, &deserted) || *deserted != (DesertedError{Readers: 1, Of: 2}) || err.Error() != "1 of 2 readers left before the end of the data" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the writer fails", func(t *testing.T) {
		out, _ := pair(t)
		w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushAlways})
		defer w.Close()
		cause := errors.New("the disk is full")
		go w.Fail(cause)
		if err := w.AwaitReaders(); !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
	})
}
