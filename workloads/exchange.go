// exchange.go: the exchange as a driver of the harness: opened, connected, counted and closed.

package workloads

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"xbench/core"
	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/harness"
	"xbench/harness/wait"
)

// exchange is one worker's share of a trial: an exchange, and the writers or readers of its roles. All sources are in one
// worker, and all sinks.
type exchange struct {
	plan    harness.Plan
	p       Params
	x       *core.Exchange
	waits   meter.Waits
	sources []*source
	sinks   []*sink
	witness witness
}

// Open allocates the memory, and listens if this worker has the sources.
func (d *exchange) Open(_ context.Context, plan harness.Plan) (addr string, err error) {
	d.plan = plan
	decoder := json.NewDecoder(bytes.NewReader(plan.Params))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d.p); err != nil {
		return "", fmt.Errorf("parameters of case %s: %w", plan.Case, err)
	}
	if d.p.Segments == 0 {
		d.p.Segments = segmentsFor(d.p, len(plan.Roles))
	}
	o := core.Options{
		Segments: d.p.Segments, SegmentSize: d.p.SegmentSize,
		Exclusive: d.p.Exclusive, NoExclusive: d.p.Exclusive == 0, Floating: d.p.Floating,
		Connections: d.p.Connections, Congestion: d.p.Congestion, Waits: &d.waits,
	}
	if d.p.TLS {
		if o.TLS, err = trialTLS(plan.Seed, d.witness.shookHands); err != nil {
			return "", err
		}
	}
	if plan.Holds(harness.RoleSource) {
		o.Listen = d.p.Listen
	}
	if d.x, err = core.Open(o); err != nil {
		return "", err
	}
	return d.x.Addr(), nil
}

// segmentsFor is Flink's rule for its network benchmarks: 4 per channel, at least 2048, for each side. A process with both roles has one pool, and
// what both sides can use of their 4 + 4: 2 + 2 with the default settings, and what floats on either side.
func segmentsFor(p Params, roles int) int {
	need := 4 * p.Writers * p.Channels
	if roles > 1 {
		need += 2 * p.Writers * p.Floating * p.Readers
	}
	return max(core.DefaultSegments, need)
}

// Connect makes the writers, and the readers of all their partitions.
func (d *exchange) Connect(ctx context.Context, addrs []string) error {
	producer := ""
	for _, a := range addrs {
		if a != "" && producer != "" {
			return fmt.Errorf("two workers with sources, at %s and %s: all writers have to be in one", producer, a)
		}
		producer += a
	}
	d.witness.producer = producer
	if d.plan.Holds(harness.RoleSource) {
		for i := range d.p.Writers {
			if err := d.addSource(ctx, i); err != nil {
				return err
			}
		}
	}
	if d.plan.Holds(harness.RoleSink) {
		for i := range d.p.Readers {
			if err := d.addSink(ctx, i, producer); err != nil {
				return err
			}
		}
	}
	return nil
}

// addSource makes writer i and everything that it will send.
func (d *exchange) addSource(ctx context.Context, i int) error {
	s := &source{p: d.p, index: i, read: make(chan struct{}, 1), witness: &d.witness}
	if d.p.Workload == Trace {
		var err error
		if s.recording, err = loadRecording(d.p.Load, i, d.plan.Warmup+d.plan.Duration); err != nil {
			return err
		}
	}
	var err error
	o := core.WriterOptions{
		Partition: d.partition(i), Subpartitions: d.p.Channels, BufferTimeout: d.p.BufferTimeout, Broadcast: d.p.Spread == Broadcast,
	}
	if d.p.Workload == Rounds {
		o.TaskEvents = s.wasRead
	}
	s.out, err = d.x.NewWriter(ctx, o)
	if err != nil {
		return fmt.Errorf("writer %d: %w", i, err)
	}
	d.sources = append(d.sources, s)
	return nil
}

// addSink makes reader i, with a gate for each writer that it reads from: every Readers-th channel of all of them, or all
// channels of every Readers-th.
func (d *exchange) addSink(ctx context.Context, i int, producer string) error {
	s := &sink{p: d.p, index: i, rounds: make([]round, d.p.Writers), witness: &d.witness}
	firstWriter, writerStep, firstChannel, channelStep := 0, 1, i, d.p.Readers
	if d.p.Share == ByWriter {
		firstWriter, writerStep, firstChannel, channelStep = i, d.p.Readers, 0, 1
	}
	var gates [][]core.Input
	for w := firstWriter; w < d.p.Writers; w += writerStep {
		var gate []core.Input
		for ch := firstChannel; ch < d.p.Channels; ch += channelStep {
			gate = append(gate, core.Input{Address: producer, Partition: d.partition(w), Subpartition: ch})
			first := firstLong(w, ch, d.p.Spread)
			c := channel{origin: origin{w, ch}, index: len(s.channels), first: first, next: first}
			if w < len(d.sources) {
				c.local = d.sources[w]
			}
			s.channels = append(s.channels, c)
		}
		gates = append(gates, gate)
	}
	var err error
	if s.in, err = d.x.NewReader(ctx, core.ReaderOptions{Gates: gates}); err != nil {
		return fmt.Errorf("reader %d: %w", i, err)
	}
	d.sinks = append(d.sinks, s)
	return nil
}

// partition names the partition of a writer: the same in every worker of a trial, and another in any other.
func (d *exchange) partition(writer int) frame.ResultPartitionID {
	var dataSet, vertex [16]byte
	binary.BigEndian.PutUint64(dataSet[:], d.plan.Seed)
	binary.BigEndian.PutUint64(dataSet[8:], uint64(d.plan.Trial))
	copy(vertex[:], d.plan.Case)
	return frame.ResultPartitionID{
		Partition: frame.NewPartitionID(dataSet, int32(writer)),
		Producer:  frame.NewProducerID(dataSet, vertex, int32(writer), 0),
	}
}

// Sources are the writers of this worker.
func (d *exchange) Sources() []harness.Source {
	var all []harness.Source
	for _, s := range d.sources {
		all = append(all, harness.Source{Name: fmt.Sprintf("writer %d", s.index), Index: s.index, Channels: d.p.Channels, Run: s.run})
	}
	return all
}

// Sinks are the readers of this worker.
func (d *exchange) Sinks() []harness.Sink {
	var all []harness.Sink
	for _, s := range d.sinks {
		all = append(all, harness.Sink{Name: fmt.Sprintf("reader %d", s.index), Run: s.run})
	}
	return all
}

// Stats counts what went over the wire, and who waited for what.
func (d *exchange) Stats() harness.Stats {
	s := harness.Stats{
		BytesOnWire: d.x.Traffic().BytesOut.Load(), BufferTimeout: d.p.BufferTimeout,
		Segments: d.p.Segments, SegmentSize: d.p.SegmentSize, Exclusive: d.p.Exclusive, Floating: d.p.Floating,
	}
	d.witness.tell(&s)
	if d.plan.Holds(harness.RoleSink) {
		s.Checks = d.checks()
		s.Bytes.Records, s.Bytes.Expected = d.expectedBytes()
	}
	for r := range meter.Reasons {
		if total := d.waits.Total(r); total.Count > 0 {
			s.Waits = append(s.Waits, wait.Wait{Role: d.waiter(r), Reason: r.String(), Count: uint64(total.Count), Ns: total.Ns})
		}
	}
	return s
}

// waiter is who waits for that reason. A worker with both roles has one exchange, which does not tell them apart, but the
// reasons nearly do: only sinks wait for input, and it is sources that run out of buffers, credit and room in the socket.
func (d *exchange) waiter(r meter.Reason) string {
	source, sink := d.plan.Holds(harness.RoleSource), d.plan.Holds(harness.RoleSink)
	if sink && (!source || r == meter.Input) {
		return harness.RoleSink
	}
	return harness.RoleSource
}

// Close gives the tasks that never ran, and then the exchange, back. It fails when a segment is not home.
func (d *exchange) Close() error {
	if d.x == nil {
		return nil
	}
	for _, s := range d.sources {
		s.out.Close()
	}
	for _, s := range d.sinks {
		s.in.Close()
	}
	return d.x.Close()
}
