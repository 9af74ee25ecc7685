// exchange.go: ours: records go straight to a writer of package core, and come straight from a reader.

package field

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"xbench/core"
	"xbench/core/net/frame"
	"xbench/core/serde"
	"xbench/harness"
)

// exchange is one worker's share of our exchange, with Flink's defaults: segments of 32 KiB, 2 exclusive and 8 floating buffers.
type exchange struct {
	plan     harness.Plan
	spec     Spec
	segments int
	x        *core.Exchange
	writers  []*core.Writer
	readers  []*core.Reader
}

func (d *exchange) open(p harness.Plan, s Spec) (addr string, err error) {
	d.plan, d.spec = p, s
	d.segments = max(core.DefaultSegments, 4*s.total()) // as Flink's network benchmarks have it
	o := core.Options{
		Segments: d.segments, SegmentSize: batchSize, Exclusive: core.DefaultExclusive, Floating: core.DefaultFloating,
	}
	if p.Holds(harness.RoleSource) {
		o.Listen = "127.0.0.1:0"
	}
	if d.x, err = core.Open(o); err != nil {
		return "", err
	}
	return d.x.Addr(), nil
}

func (d *exchange) connect(ctx context.Context, addr string) error {
	if d.plan.Holds(harness.RoleSource) {
		for i := range d.spec.Writers {
			w, err := d.x.NewWriter(ctx, core.WriterOptions{Partition: d.partition(i), Subpartitions: d.spec.Channels, BufferTimeout: d.spec.Timeout})
			if err != nil {
				return fmt.Errorf("writer %d: %w", i, err)
			}
			d.writers = append(d.writers, w)
		}
	}
	if d.plan.Holds(harness.RoleSink) {
		for i := range d.spec.Consumers {
			r, err := d.x.NewReader(ctx, core.ReaderOptions{Gates: d.gates(i, addr)})
			if err != nil {
				return fmt.Errorf("consumer %d: %w", i, err)
			}
			d.readers = append(d.readers, r)
		}
	}
	return nil
}

// gates are the inputs of a consumer: one gate for each of its writers.
func (d *exchange) gates(consumer int, addr string) (gates [][]core.Input) {
	for w := range d.spec.Writers {
		if d.spec.consumer(w) != consumer {
			continue
		}
		var gate []core.Input
		for ch := range d.spec.Channels {
			gate = append(gate, core.Input{Address: addr, Partition: d.partition(w), Subpartition: ch})
		}
		gates = append(gates, gate)
	}
	return gates
}

// partition names the partition of a writer.
func (d *exchange) partition(writer int) frame.ResultPartitionID {
	var dataSet, vertex [16]byte
	binary.BigEndian.PutUint64(dataSet[:], d.plan.Seed)
	copy(vertex[:], "rivals")
	return frame.ResultPartitionID{
		Partition: frame.NewPartitionID(dataSet, int32(writer)),
		Producer:  frame.NewProducerID(dataSet, vertex, int32(writer), 0),
	}
}

func (d *exchange) output(writer int, t *harness.SourceTask) output {
	return &exchangeOutput{w: d.writers[writer], entries: t.Ledger.Entries, record: stamped{size: d.spec.Size}}
}

func (d *exchange) stats() harness.Stats {
	return harness.Stats{
		BytesOnWire: d.x.Traffic().BytesOut.Load(), Connections: d.x.Connections(),
		Segments: d.segments, SegmentSize: batchSize, Exclusive: core.DefaultExclusive, Floating: core.DefaultFloating,
	}
}

// close fails when a segment is not home.
func (d *exchange) close() error {
	for _, w := range d.writers {
		w.Close()
	}
	for _, r := range d.readers {
		r.Close()
	}
	return d.x.Close()
}

// exchangeOutput is a writer as what a source writes to.
type exchangeOutput struct {
	w       *core.Writer
	entries []harness.Entry
	turn    int
	record  stamped
}

func (o *exchangeOutput) longs(n int, now int64) error {
	ch, entries, w := o.turn, o.entries, o.w
	for i := range n {
		v := int64(nextLong(&entries[ch], i, now))
		if !w.PutLong(ch, v) {
			if err := w.EmitLong(ch, v); err != nil {
				return err
			}
		}
		if ch++; ch == len(entries) {
			ch = 0
		}
	}
	o.turn = ch
	return nil
}

func (o *exchangeOutput) next(due int64) error {
	e := &o.entries[o.turn]
	o.record.number, o.record.due = e.Count, due
	if err := o.w.EmitTo(o.turn, &o.record); err != nil {
		return err
	}
	e.Count++
	if o.turn++; o.turn == len(o.entries) {
		o.turn = 0
	}
	return nil
}

// flush has nothing to do: a writer without a buffer timeout flushes every record itself.
func (o *exchangeOutput) flush() error { return nil }

// tick has nothing to do: the exchange's output flusher sees to the buffer timeout.
func (o *exchangeOutput) tick(int64) error { return nil }

func (o *exchangeOutput) idle() { o.w.Idle() }

func (o *exchangeOutput) end(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { o.w.Fail(context.Cause(ctx)) })
	defer stop()
	return o.w.End()
}

func (o *exchangeOutput) release() { o.w.Close() }

// consume is a consumer's task: one goroutine.
func (d *exchange) consume(ctx context.Context, consumer int, t *harness.SinkTask) error {
	r := d.readers[consumer]
	defer r.Close()
	entries := d.entries(consumer, t)
	stall := stallOf(d.plan, d.spec, consumer)
	stall.begin(t)
	for {
		a, err := r.Advance(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if a.Event != nil {
			continue
		}
		now := t.Clock()
		if stall.due(now) {
			now = stall.stand(t)
		}
		n, err := take(r, t, entries[a.Channel], d.spec.Size)
		if err != nil {
			return err
		}
		if n > 0 {
			t.Received(n, now)
		}
	}
}

// entries are the books of a consumer's channels, in the order of its gates.
func (d *exchange) entries(consumer int, t *harness.SinkTask) (entries []*harness.Entry) {
	for w := range d.spec.Writers {
		if d.spec.consumer(w) != consumer {
			continue
		}
		l := t.Ledger(w, d.spec.Channels)
		for ch := range l.Entries {
			entries = append(entries, &l.Entries[ch])
		}
	}
	return entries
}

// take enters the records of one buffer.
func take(r *core.Reader, t *harness.SinkTask, e *harness.Entry, size int) (n int, err error) {
	if size == longSize {
		return takeLongs(r, t, e)
	}
	for {
		p, ok, err := r.Next()
		if !ok {
			return n, err
		}
		n++
		if due := enterStamped(e, p, size); due != 0 {
			t.Latency(due, t.Clock())
		}
	}
}

// takeLongs keeps what it counts in registers.
func takeLongs(r *core.Reader, t *harness.SinkTask, e *harness.Entry) (n int, err error) {
	var run serde.Run
	next := e.Count
	for {
		p, rest := run.Next()
		if p == nil {
			if p, rest, err = r.NextRun(run); p == nil {
				e.Count = next
				return n, err
			}
		}
		run = rest
		n++
		if len(p) == longSize && binary.BigEndian.Uint64(p) == next {
			next++
			continue
		}
		e.Count = next
		if due := enterOther(e, p); due != 0 {
			t.Latency(due, t.Clock())
		}
		next = e.Count
	}
}
