//go:build !race

package core

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"xbench/core/serde"
)

// A steadyPath is one way for records from a writer to a reader in another exchange.
type steadyPath struct {
	name    string
	records int                                      // to write in a round
	copies  int                                      // that arrive of each; 0: 1
	timeout time.Duration                            // the writer's
	write   func(w *Writer, records int) error       // so many, over all channels
	read    func(r *Reader) (records int, err error) // those of one buffer
	tls     bool
	perMil  float64 // objects per 1,000 records that are too many
}

const steadyChannels = 4

// TestNothingIsAllocatedPerRecord: once every buffer, table and connection is there, neither side allocates for a record, over a real connection, and
// the goroutines of both exchanges included. The bound is one object per 1,000 records; usually fewer than 10 are made in all. It is not 0, for
// the count is the process's, and the runtime makes objects for itself: a goroutine that parks takes the note of its wait from a store that
// collections empty. So it is five where each record is flushed, and may wake somebody. TLS is allowed two: crypto/tls makes one for each TLS record that
// it reads, and 16 KiB at most are in one.
func TestNothingIsAllocatedPerRecord(t *testing.T) {
	long := &serde.BareRecord[int64]{Serializer: &serde.Long}
	var kilobyte serde.Record = make(serde.Bytes, 1<<10) // made once: an interface of a slice is an object
	for _, p := range []steadyPath{
		{name: "longs, PutLong and NextRun", records: 400_000, timeout: DefaultBufferTimeout, write: putLongs, read: readRuns, perMil: 1},
		{name: "longs, EmitLong and Next", records: 400_000, timeout: DefaultBufferTimeout, write: emitLongs, read: readEach, perMil: 1},
		{name: "records of 1 KiB", records: 100_000, timeout: DefaultBufferTimeout, read: readEach, perMil: 1, write: func(w *Writer, records int) error {
			for i := range records {
				if err := w.EmitTo(i%steadyChannels, kilobyte); err != nil {
					return err
				}
			}
			return nil
		}},
		{name: "broadcast", records: 100_000, copies: steadyChannels, timeout: DefaultBufferTimeout, read: readRuns, perMil: 1,
			write: func(w *Writer, records int) error {
				for i := range records {
					long.Value = int64(i)
					if err := w.Broadcast(long); err != nil {
						return err
					}
				}
				return nil
			}},
		{name: "each record flushed", records: 50_000, timeout: FlushAlways, write: emitLongs, read: readEach, perMil: 5},
		{name: "TLS", records: 400_000, timeout: DefaultBufferTimeout, write: putLongs, read: readRuns, tls: true, perMil: 2},
		{name: "TLS, each record flushed", records: 50_000, timeout: FlushAlways, write: emitLongs, read: readEach, tls: true, perMil: 5},
	} {
		t.Run(p.name, func(t *testing.T) {
			objects := p.allocations(t)
			t.Logf("%d objects for %d records", objects, p.records)
			if float64(objects) > p.perMil*float64(p.records)/1000 {
				t.Errorf("%d objects were allocated for %d records", objects, p.records)
			}
		})
	}
}

// allocations counts the objects of one round, behind one of the same length that is not counted. Between two rounds everything is read.
func (p steadyPath) allocations(t *testing.T) (objects uint64) {
	o := Options{Segments: 128}
	if p.tls {
		o.TLS = mutualTLS(t)
	}
	in := open(t, o)
	o.Listen = "127.0.0.1:0"
	out := open(t, o)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: steadyChannels, BufferTimeout: p.timeout})
	r := newReader(t, in, inputs(out.Addr(), 0, steadyChannels))
	defer r.Close()
	rounds := make(chan struct{}, 1)
	var task sync.WaitGroup
	task.Go(func() {
		defer w.Close()
		var before, after runtime.MemStats // exact, unlike runtime/metrics, which counts small objects a span of them at a time
		for range 2 {
			runtime.ReadMemStats(&before)
			if err := p.write(w, p.records); err != nil {
				t.Error(err)
				return
			}
			w.FlushAll()
			w.Idle()
			<-rounds
		}
		runtime.ReadMemStats(&after)
		objects = after.Mallocs - before.Mallocs
	})
	for range 2 {
		if err := p.round(t, r); err != nil {
			w.Fail(err)
			t.Error(err)
		}
		rounds <- struct{}{}
	}
	task.Wait()
	return objects
}

// round reads until all records of a round have arrived.
func (p steadyPath) round(t *testing.T, r *Reader) error {
	ctx := t.Context()
	for left := p.records * max(p.copies, 1); left > 0; {
		if _, err := r.Advance(ctx); err != nil {
			return err
		}
		n, err := p.read(r)
		if err != nil {
			return err
		}
		left -= n
	}
	return nil
}

func putLongs(w *Writer, records int) error {
	for i := range records {
		if ch := i % steadyChannels; !w.PutLong(ch, int64(i)) {
			if err := w.EmitLong(ch, int64(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func emitLongs(w *Writer, records int) error {
	for i := range records {
		if err := w.EmitLong(i%steadyChannels, int64(i)); err != nil {
			return err
		}
	}
	return nil
}

func readRuns(r *Reader) (records int, err error) {
	var run serde.Run
	for {
		p, behind := run.Next()
		if p == nil {
			if p, behind, err = r.NextRun(run); p == nil {
				return records, err
			}
		}
		run = behind
		if records++; len(p) != 8 {
			return records, fmt.Errorf("a long of %d bytes", len(p))
		}
	}
}

func readEach(r *Reader) (records int, err error) {
	for {
		p, ok, err := r.Next()
		if !ok || err != nil {
			return records, err
		}
		if records++; len(p) != 8 && len(p) != 1<<10 {
			return records, fmt.Errorf("a record of %d bytes", len(p))
		}
	}
}
