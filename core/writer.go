// writer.go: a task's output: records into the open buffers of its subpartitions.

package core

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
	"xbench/core/serde"
)

// Buffer timeouts with a meaning of their own (Flink: execution.buffer-timeout).
const (
	FlushNever  time.Duration = -1 // a buffer is sent when it is full, or the writer says so
	FlushAlways time.Duration = 0  // every record is sent at once
)

// DefaultBufferTimeout is Flink's.
const DefaultBufferTimeout = 100 * time.Millisecond

// Defaults of a writer's share of the memory: Flink's max-buffers-per-channel and max-overdraft-buffers-per-gate.
const (
	DefaultMaxPerChannel = 10
	DefaultOverdraft     = 20
	NoOverdraft          = -1
)

// WriterOptions say what a writer writes to.
type WriterOptions struct {
	Partition     frame.ResultPartitionID
	Subpartitions int
	// Kind is Pipelined, or Replayable: then nothing waits for readers, BufferTimeout means nothing, as nobody reads before the end, and what is
	// written outlives the writer until Exchange.ReleasePartition or Close.
	Kind Kind
	// Codec compresses what a replayable partition stores.
	Codec Codec
	// Selector picks the subpartition in Emit; nil: round robin.
	Selector Selector
	// Broadcast makes Emit send every record to all subpartitions: one buffer, which all of them read. There is nothing to select then.
	Broadcast bool
	// BufferTimeout is how long a record may stay with the writer before it is sent, whether or not its buffer is full: at least 1 ms,
	// FlushAlways, or FlushNever.
	BufferTimeout time.Duration
	// MaxBuffers bounds the partition's share of the memory; 0: Flink's rule for bounded partitions, Exclusive a subpartition + Floating.
	MaxBuffers int
	// MaxPerChannel is how many buffers one subpartition should hold at most: beyond it IsAvailable says no, and a record in progress goes on. 0: Flink's
	// 10.
	MaxPerChannel int
	// Overdraft is how many buffers beyond its share the writer may take to finish a record with; 0: Flink's 20; NoOverdraft: none.
	Overdraft int
	// TaskEvents hears what readers send against the stream. It is called by other goroutines than the task and must not block; nil: nobody
	// listens.
	TaskEvents func(frame.Event)
	// Time is the account of the task's time, if the task has one for all its readers and writers (Exchange.NewTaskTime); nil: the writer's own.
	Time *meter.TaskTime
}

// Writer is a task's output (Flink: RecordWriter over a result partition). One goroutine, its task, may call it; Fail is for anybody.
//
// A call that needs a buffer waits until there is one. A task that will not call for a while (it waits for input, or for a
// schedule) says so with Idle: otherwise records may stay unsent for longer than the buffer timeout.
type Writer struct {
	x       *Exchange
	o       WriterOptions
	part    *partition.ResultPartition
	ctx     context.Context // ends with the writer: what a wait inside a record ends with
	cancel  context.CancelCauseFunc
	time    *meter.TaskTime
	always  bool
	scratch []byte
}

// NewWriter makes a partition and registers it, so that readers find it. ctx ends every wait of the writer.
func (x *Exchange) NewWriter(ctx context.Context, o WriterOptions) (*Writer, error) {
	if o.BufferTimeout < FlushNever || o.BufferTimeout > 0 && o.BufferTimeout < time.Millisecond {
		return nil, fmt.Errorf("core: a buffer timeout of %v: allowed are %d (never), 0 (always) and 1ms or more", o.BufferTimeout, FlushNever)
	}
	switch {
	case o.Selector == nil:
		o.Selector = &RoundRobin{}
	case o.Broadcast:
		return nil, fmt.Errorf("core: selector %T for a writer that broadcasts", o.Selector)
	}
	if err := checkSelector(o.Selector, o.Subpartitions); err != nil {
		return nil, err
	}
	if o.MaxPerChannel == 0 {
		o.MaxPerChannel = DefaultMaxPerChannel
	}
	switch {
	case o.Overdraft == 0:
		o.Overdraft = DefaultOverdraft
	case o.Overdraft == NoOverdraft:
		o.Overdraft = 0
	}
	share := buffer.OutputShare(o.Subpartitions, x.o.Exclusive, x.o.Floating, true)
	if o.Kind == Replayable {
		o.BufferTimeout = FlushNever
		share.Max, o.Overdraft = share.Required, 0 // what is full goes into its file at once: more would lie idle
	}
	if o.MaxBuffers > 0 {
		share.Max = max(share.Required, o.MaxBuffers)
	}
	pool, err := x.pool.CreateLocal(buffer.LocalOptions{Required: share.Required, Max: share.Max, Subpartitions: o.Subpartitions,
		MaxPerChannel: o.MaxPerChannel, Overdraft: o.Overdraft})
	if err != nil {
		return nil, err
	}
	if o.Time == nil {
		o.Time = x.NewTaskTime()
	}
	part, err := partition.New(partition.Spec{
		ID: o.Partition, Kind: o.Kind, Subpartitions: o.Subpartitions, Pool: pool, Time: o.Time,
		Codec: or(o.Codec, x.o.Codec), Dir: x.o.TempDir,
	})
	if err != nil {
		pool.Destroy()
		return nil, err
	}
	w := &Writer{x: x, o: o, part: part, time: o.Time, always: o.BufferTimeout == FlushAlways}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	if err := w.register(); err != nil {
		part.Fail(err)
		part.Close()
		return nil, err
	}
	if o.TaskEvents != nil {
		x.taskEvents.Subscribe(o.Partition, o.TaskEvents)
	}
	if o.BufferTimeout > 0 {
		x.flusher.add(part, o.BufferTimeout)
	}
	return w, nil
}

func (w *Writer) register() error {
	w.x.mu.Lock()
	defer w.x.mu.Unlock()
	if w.x.mu.closed {
		return ErrClosed
	}
	if err := w.x.registry.Register(w.part); err != nil {
		return err
	}
	w.x.mu.writers[w] = struct{}{}
	return nil
}

// Subpartitions is how many consumers the writer has.
func (w *Writer) Subpartitions() int { return w.o.Subpartitions }

// Emit sends a record to the subpartition that the selector picks, or to all of them.
func (w *Writer) Emit(r serde.Record) error {
	if w.o.Broadcast {
		return w.Broadcast(r)
	}
	ch := w.o.Selector.Select(r, w.o.Subpartitions)
	if uint(ch) >= uint(w.o.Subpartitions) {
		return &SelectorError{Selector: w.o.Selector, Index: ch, Subpartitions: w.o.Subpartitions}
	}
	return w.EmitTo(ch, r)
}

// EmitTo sends a record to one subpartition. Where it fits, it is serialised straight into the buffer that will be sent; where it fills that
// buffer, the partition has to end it.
func (w *Writer) EmitTo(ch int, r serde.Record) error {
	n := serde.LengthSize + r.Size()
	b := w.part.Builder(ch)
	if room := b.Room(); n < len(room) {
		serde.AppendFramed(room[:0], r)
		b.Advance(n)
		if w.always {
			w.part.Flush(ch)
		}
		return nil
	}
	w.scratch = serde.AppendFramed(w.scratch[:0], r)
	return w.emitFramed(ch)
}

// PutLong is EmitLong where nothing but writing the record is to be done, for a hot loop: the compiler inlines it, which saves as much as the
// record costs. False: nothing happened, and EmitLong will do it, for it has a buffer to begin or to end, or to flush.
func (w *Writer) PutLong(ch int, v int64) bool { return !w.always && w.part.PutLong(ch, v) }

// EmitLong sends a record of 8 bytes, big-endian, to one subpartition: EmitTo without the indirections.
func (w *Writer) EmitLong(ch int, v int64) error {
	if w.part.Builder(ch).PutLong(v) {
		if w.always {
			w.part.Flush(ch)
		}
		return nil
	}
	w.scratch = binary.BigEndian.AppendUint32(w.scratch[:0], 8)
	w.scratch = binary.BigEndian.AppendUint64(w.scratch, uint64(v))
	return w.emitFramed(ch)
}

// emitFramed sends the record in scratch the long way: it needs another buffer, or more than one.
func (w *Writer) emitFramed(ch int) error {
	w.part.Wrote()
	if err := w.part.Emit(w.ctx, w.scratch, ch); err != nil {
		return w.explain(err)
	}
	if w.always {
		w.part.Flush(ch)
	}
	return nil
}

// Broadcast sends a record to every subpartition. A writer that broadcasts everything (WriterOptions.Broadcast) has one buffer for all of them;
// any other appends a copy to each one's own, so that a watermark among keyed records does not cut every buffer short.
func (w *Writer) Broadcast(r serde.Record) error {
	if w.o.Broadcast {
		return w.broadcastShared(r)
	}
	w.scratch = serde.AppendFramed(w.scratch[:0], r)
	w.part.Wrote() // once, whatever number of copies
	for ch := range w.o.Subpartitions {
		b := w.part.Builder(ch)
		if len(w.scratch) < b.Writable() {
			b.Append(w.scratch)
			continue
		}
		if err := w.part.Emit(w.ctx, w.scratch, ch); err != nil {
			return w.explain(err)
		}
	}
	if w.always {
		w.part.FlushAll()
	}
	return nil
}

func (w *Writer) broadcastShared(r serde.Record) error {
	n := serde.LengthSize + r.Size()
	b := w.part.BroadcastBuilder()
	if room := b.Room(); n < len(room) {
		serde.AppendFramed(room[:0], r)
		b.Advance(n)
	} else {
		w.scratch = serde.AppendFramed(w.scratch[:0], r)
		w.part.Wrote()
		if err := w.part.Broadcast(w.ctx, w.scratch); err != nil {
			return w.explain(err)
		}
	}
	if w.always {
		w.part.FlushAll()
	}
	return nil
}

// BroadcastEvent sends an event to every subpartition, behind all records so far, or, with priority, ahead of those that are still queued.
func (w *Writer) BroadcastEvent(e frame.Event, priority bool) error {
	if err := w.part.BroadcastEvent(frame.AppendEvent(nil, e), frame.DataTypeOf(e, priority)); err != nil {
		return w.explain(err)
	}
	if w.always {
		w.part.FlushAll()
	}
	return nil
}

// IsAvailable reports whether there is a free buffer: a record that fits into one is then written without a wait. A task that looks between
// two records can do something else meanwhile (Flink: RecordWriter.isAvailable). From a look that finds none to one that finds one, or to the next
// record, the task counts as soft back-pressured, and the output flusher takes over as after Idle.
func (w *Writer) IsAvailable() bool {
	if w.part.IsAvailable() {
		w.time.Leave(meter.SoftBackPressured)
		return true
	}
	w.time.Enter(meter.SoftBackPressured)
	w.part.Idle()
	return false
}

// Available signals that IsAvailable may have become true: receive from it, then look again.
func (w *Writer) Available() <-chan struct{} { return w.part.Available() }

// FlushAll sends everything that was written so far; a replayable partition stores it, in buffers that end here.
func (w *Writer) FlushAll() { w.part.FlushAll() }

// Idle says that the task will not call for a while: the output flusher takes over until it does. It costs next to nothing. Until then the task
// counts as idle.
func (w *Writer) Idle() {
	w.time.Enter(meter.Idle)
	w.part.Idle()
}

// End says that no record follows, waits until every reader has processed what there was, and ends the partition. The task closes the
// writer afterwards. A replayable partition has no readers to wait for, but can be read from now on.
func (w *Writer) End() error {
	if err := w.part.NotifyEndOfData(true); err != nil {
		return w.explain(err)
	}
	w.part.FlushAll()
	w.Idle()
	select {
	case <-w.part.AllDataProcessed():
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	if err := w.part.Finish(); err != nil {
		return w.explain(err)
	}
	w.part.FlushAll()
	return nil
}

// AwaitReaders waits until every reader has left. Behind End that is when all of them have read the end: whoever closes the exchange earlier
// takes from them what is still under way. A *DesertedError says that some left before they had read everything. The readers of a replayable
// partition have left when it was released as well, and do not desert.
func (w *Writer) AwaitReaders() error {
	w.Idle()
	select {
	case <-w.part.AllConsumed():
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	if err := w.part.Failure(); err != nil {
		return err
	}
	if n := w.part.Deserted(); n > 0 {
		return &DesertedError{Readers: n, Of: w.o.Subpartitions}
	}
	return nil
}

// DesertedError says that readers left a writer before they had read all that it wrote.
type DesertedError struct{ Readers, Of int }

func (e *DesertedError) Error() string {
	return fmt.Sprintf("%d of %d readers left before the end of the data", e.Readers, e.Of)
}

// explain prefers the reason why the writer failed to its consequence.
func (w *Writer) explain(err error) error {
	if cause := context.Cause(w.ctx); cause != nil {
		return cause
	}
	return err
}

// Fail gives the writer up: its readers get the reason, its task the next error. Anybody may call it, at any time.
func (w *Writer) Fail(cause error) {
	if cause == nil {
		cause = errors.New("writer failed")
	}
	w.cancel(cause)
	w.part.Fail(cause)
}

// Close is the task's last call, whatever happened before. Without End the readers hear that the data is not complete.
func (w *Writer) Close() {
	w.x.flusher.remove(w.part)
	if w.o.TaskEvents != nil {
		w.x.taskEvents.Unsubscribe(w.o.Partition)
	}
	w.part.Close()
	w.cancel(ErrClosed)
	w.x.leave(w, nil)
}
