// full_buffer_test.go: a record that fills its buffer to the last byte.

package core

import (
	"testing"

	"xbench/core/serde"
)

// TestARecordThatFillsItsBufferEndsIt (Flink: BufferWritingResultPartition.emitRecord): what a reader has taken whole is gone. Otherwise an empty
// buffer would lie at the head of the queue, count as backlog, and ask for a credit of its own.
func TestARecordThatFillsItsBufferEndsIt(t *testing.T) {
	x := open(t, Options{Segments: 16, SegmentSize: 24})
	long := &serde.BareRecord[int64]{Serializer: &serde.Long}
	for name, o := range map[string]struct {
		emit      func(w *Writer) error
		broadcast bool
	}{
		"EmitTo":             {emit: func(w *Writer) error { return w.EmitTo(0, long) }},
		"EmitLong":           {emit: func(w *Writer) error { return w.EmitLong(0, 0) }},
		"Broadcast":          {emit: func(w *Writer) error { return w.Broadcast(long) }},
		"a broadcast buffer": {emit: func(w *Writer) error { return w.Emit(long) }, broadcast: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t, x, WriterOptions{Partition: partitionID(0), Subpartitions: 1, Broadcast: o.broadcast, BufferTimeout: FlushNever})
			defer w.Close()
			view, err := w.part.CreateView(0, deaf{})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := o.emit(w); err != nil {
					t.Fatal(err)
				}
			}
			w.FlushAll()
			p, ok := view.Poll()
			if !ok || p.Buffer.Len() != 24 {
				t.Fatalf("polled %v", p.Buffer)
			}
			p.Buffer.Recycle()
			if n := view.QueuedBuffers(); n != 0 {
				t.Errorf("%d buffers are left", n)
			}
		})
	}
}

// deaf is a listener that is not interested.
type deaf struct{}

func (deaf) DataAvailable()          {}
func (deaf) DataPending()            {}
func (deaf) Push()                   {}
func (deaf) PriorityAvailable(int32) {}
