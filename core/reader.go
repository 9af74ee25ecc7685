// reader.go: a task's input: buffers from its gates, records out of the buffers.

package core

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/serde"
)

// Input is one channel of a reader: one subpartition of a partition, here or elsewhere.
type Input struct {
	Address      string // of the producer's exchange; empty: this exchange's own, without a connection and without a copy
	Partition    frame.ResultPartitionID
	Subpartition int
	// Kind of the partition. The producer of a replayable one does not wait for the word that its records are processed, and is not told, as in
	// Flink; told in spite of that it does not care.
	Kind Kind
}

// ReaderOptions say what a reader reads.
type ReaderOptions struct {
	// Debloat makes producers close their buffers early, so that what is in flight is consumed within a target time; nil: they are as large as
	// segments.
	Debloat *DebloatOptions
	// Gates are the reader's inputs, each with its channels. Channels are numbered through, gate after gate. Each gate has its
	// own floating buffers, and they take turns.
	Gates [][]Input
	// Codec decompresses what comes compressed, from replayable partitions.
	Codec Codec
	// MaxRecord bounds the size of a record in bytes; 0: serde's default.
	MaxRecord int
	// SpillThreshold is what a channel keeps in memory of a record that spans buffers, in bytes; a longer record is gathered in a file
	// in one of TempDirs. 0: Flink's 5 MiB; serde.NeverSpill: all of it. No TempDirs: the system's.
	SpillThreshold int
	TempDirs       []string
	// Time is the account of the task's time, if the task has one for all its readers and writers (Exchange.NewTaskTime); nil: the reader's own.
	Time *meter.TaskTime
}

// DebloatOptions are the parameters of buffer debloating.
type DebloatOptions = gate.DebloatOptions

// Reader is a task's input (Flink: RecordReader over a gate or a union of gates). One goroutine, its task, may call it; Cancel is for anybody.
type Reader struct {
	x     *Exchange
	gates []*gate.InputGate
	input input

	upstream      []func(event []byte) error // to the producer of each channel
	kinds         []Kind                     // of the partition that each reads
	deserializers []*serde.Deserializer
	current       *serde.Deserializer // of the buffer being read; nil: none
	held          buffer.Buffer
	channel       int

	time      *meter.TaskTime
	records   uint64        // taken by Next
	recordsIn meter.Counter // the same, up to the last buffer that was used up
	bytesIn   meter.Counter // of buffers and events, as the task gets them: decompressed
}

// input is a gate or a union of them.
type input interface {
	Next(ctx context.Context) (gate.Item, error)
	Poll() (item gate.Item, ok bool, err error)
	Available() <-chan struct{}
	Resume(channel int) error
	Acknowledge(channel int) error
	Close()
}

// NewReader makes the gates, connects where it must, and requests every subpartition. A partition that does not exist yet
// is waited for by its producer's exchange. ctx bounds connecting and the wait for buffers.
func (x *Exchange) NewReader(ctx context.Context, o ReaderOptions) (_ *Reader, err error) {
	if o.Time == nil {
		o.Time = x.NewTaskTime()
	}
	r := &Reader{x: x, time: o.Time}
	defer func() {
		if err != nil {
			r.Cancel()
		}
	}()
	if len(o.Gates) == 0 {
		return nil, fmt.Errorf("core: a reader without gates")
	}
	records := serde.Options{MaxRecord: o.MaxRecord, SpillThreshold: o.SpillThreshold, TempDirs: o.TempDirs}
	if err := records.Validate(); err != nil {
		return nil, err
	}
	for _, inputs := range o.Gates {
		g, err := gate.New(ctx, gate.Options{
			Pool: x.pool, Channels: len(inputs), Exclusive: x.o.Exclusive, Floating: x.o.Floating, Clock: x.o.Clock, Waits: x.o.Waits,
			Debloat: o.Debloat, Codec: or(o.Codec, x.o.Codec),
		})
		if err != nil {
			return nil, err
		}
		r.gates = append(r.gates, g)
		for _, in := range inputs {
			r.kinds = append(r.kinds, in.Kind)
			r.deserializers = append(r.deserializers, serde.NewDeserializer(records))
		}
	}
	r.input = r.gates[0]
	if len(r.gates) > 1 {
		r.input = gate.NewUnion(x.o.Clock, x.o.Waits, r.gates...)
	}
	x.mu.Lock()
	closed := x.mu.closed
	if !closed {
		x.mu.readers[r] = struct{}{}
	}
	x.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	for k, inputs := range o.Gates {
		for i, in := range inputs {
			send, err := x.open(ctx, r.gates[k], i, in)
			if err != nil {
				r.Close()
				return nil, fmt.Errorf("core: input %d.%d (%s): %w", k, i, in.Address, err)
			}
			r.upstream = append(r.upstream, send)
		}
	}
	return r, nil
}

// open makes channel i of a gate, requests its subpartition, and returns how to send an event to its producer.
func (x *Exchange) open(ctx context.Context, g *gate.InputGate, i int, in Input) (send func(event []byte) error, err error) {
	if in.Address == "" {
		g.OpenLocal(i, x.registry, in.Partition, in.Subpartition)
		return func(event []byte) error { return x.publish(in.Partition, event) }, nil
	}
	var id frame.ChannelID
	_, _ = rand.Read(id[:]) // it never fails
	ch, err := x.client.Open(ctx, g, i, in.Address, in.Partition, in.Subpartition, id)
	if err != nil {
		return nil, err
	}
	return func(event []byte) error { ch.SendTaskEvent(event); return nil }, nil
}

// publish delivers an event to a task of this process.
func (x *Exchange) publish(id frame.ResultPartitionID, event []byte) error {
	e, err := frame.ParseEvent(event)
	if err != nil {
		return err
	}
	if !x.taskEvents.Publish(id, e) {
		return fmt.Errorf("core: partition %v: nobody listens for task events", id)
	}
	return nil
}

// Channels is how many channels the reader has, over all its gates.
func (r *Reader) Channels() int { return len(r.deserializers) }

// Arrival says what Advance found: the records of one buffer of a channel, or an event.
type Arrival struct {
	Channel int
	Event   frame.Event // nil: records
}

// Advance takes the next buffer or event and waits for it until ctx ends. io.EOF: every channel has come to its end. What is left of the buffer before is
// dropped. The end of a channel's data is acknowledged to its producer here, if that is pipelined: everything before it has been read.
func (r *Reader) Advance(ctx context.Context) (Arrival, error) {
	r.drop()
	item, ok, err := r.poll()
	if !ok && err == nil {
		item, err = r.input.Next(ctx)
		r.time.Enter(meter.Busy)
	}
	if err != nil {
		return Arrival{}, err
	}
	return r.arrived(item)
}

// TryAdvance is Advance without waiting; ok is false when nothing is there. From then until something is, or until it writes after a wait, the task
// counts as idle.
func (r *Reader) TryAdvance() (a Arrival, ok bool, err error) {
	r.drop()
	item, ok, err := r.poll()
	if !ok || err != nil {
		return Arrival{}, false, err
	}
	a, err = r.arrived(item)
	return a, err == nil, err
}

// Available signals that TryAdvance may find something.
func (r *Reader) Available() <-chan struct{} { return r.input.Available() }

// poll takes what is there. A task that finds nothing is idle.
func (r *Reader) poll() (item gate.Item, ok bool, err error) {
	item, ok, err = r.input.Poll()
	if ok || err != nil {
		r.time.Enter(meter.Busy)
	} else {
		r.time.Enter(meter.Idle)
	}
	return item, ok, err
}

func (r *Reader) arrived(item gate.Item) (Arrival, error) {
	a := Arrival{Channel: item.Channel}
	r.bytesIn.Add(uint64(item.Buffer.Len()))
	if item.Buffer.Type().IsBuffer() {
		r.current, r.held, r.channel = r.deserializers[item.Channel], item.Buffer, item.Channel
		r.current.SetBuffer(item.Buffer.Bytes())
		return a, nil
	}
	defer item.Buffer.Recycle()
	var err error
	if a.Event, err = frame.ParseEvent(item.Buffer.Bytes()); err != nil {
		return a, &gate.ChannelError{Channel: item.Channel, Err: err}
	}
	switch item.Buffer.Type() {
	case buffer.EndOfData:
		if r.kinds[item.Channel] == Pipelined {
			err = r.input.Acknowledge(item.Channel)
		}
	case buffer.EndOfPartition:
		err = r.ended(item.Channel)
	}
	if err != nil {
		return a, &gate.ChannelError{Channel: item.Channel, Err: err}
	}
	return a, nil
}

// ended says what is wrong with the end of a channel, if anything, and gives back what its records took.
func (r *Reader) ended(channel int) error {
	d := r.deserializers[channel]
	defer d.Reset()
	if _, _, err := d.Next(); err != nil { // of bytes that the task did not look at
		return err
	}
	if d.Partial() {
		return fmt.Errorf("the partition ends within a record: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// Next returns the payload of the next record of what Advance found; false: there is no further one, and the buffer has gone home. A payload
// is to be read, not written, and valid until the next call.
func (r *Reader) Next() (payload []byte, ok bool, err error) {
	if r.current == nil {
		return nil, false, nil
	}
	payload, ok, err = r.current.Next()
	if ok {
		return payload, true, nil
	}
	r.release()
	if err != nil {
		return nil, false, &gate.ChannelError{Channel: r.channel, Err: err}
	}
	return nil, false, nil
}

// NextRun is Next for a hot loop, see serde.Deserializer.NextRun: the next record of what Advance found, and the run of those behind it. done is what is
// left of the run before, the zero Run at first. Payload nil: there is no further one, and the buffer has gone home.
func (r *Reader) NextRun(done serde.Run) (payload []byte, behind serde.Run, err error) {
	if r.current == nil {
		return nil, serde.Run{}, nil
	}
	if payload, behind, err = r.current.NextRun(done); payload != nil {
		return payload, behind, nil
	}
	r.release()
	if err != nil {
		err = &gate.ChannelError{Channel: r.channel, Err: err}
	}
	return nil, serde.Run{}, err
}

// drop skips the rest of the current buffer.
func (r *Reader) drop() {
	for r.current != nil {
		if _, ok, err := r.Next(); !ok || err != nil {
			r.release()
		}
	}
}

func (r *Reader) release() {
	if r.current != nil {
		r.records += r.current.Records()
		r.recordsIn.Raise(r.records)
		r.current = nil
		r.held.Recycle()
		r.held = buffer.Buffer{}
	}
}

// SendTaskEvent sends an event against the stream, to the task that writes a channel. That nobody listens there fails the channel, or, of
// a local one, is the error.
func (r *Reader) SendTaskEvent(channel int, e frame.Event) error {
	return r.upstream[channel](frame.AppendEvent(nil, e))
}

// PrioritizeBarrier lets the barrier that a channel announced (frame.Announcement, with its sequence number) overtake what is queued before it, as
// an unaligned barrier. It reports whether the barrier was still queued.
func (r *Reader) PrioritizeBarrier(channel int, sequence int32) (queued bool, err error) {
	for _, g := range r.gates {
		if channel < g.Channels() {
			return g.PrioritizeBarrier(channel, sequence)
		}
		channel -= g.Channels()
	}
	return false, fmt.Errorf("core: channel %d of %d", channel, r.Channels())
}

// Resume lets a channel go on after an event that blocked it.
func (r *Reader) Resume(channel int) error { return r.input.Resume(channel) }

// Close leaves: buffers go home, and producers are told. The task's last call, whatever happened before.
func (r *Reader) Close() {
	r.release()
	for _, d := range r.deserializers {
		d.Reset()
	}
	r.Cancel()
	r.x.leave(nil, r)
}

// Cancel stops the reader: its task finds an error at its next Advance, or at once if it waits in one. Anybody may call it, at any time.
func (r *Reader) Cancel() {
	for _, g := range r.gates {
		g.Close()
	}
}
