// partition_write.go: records on their way into buffers, and buffers on their way into subpartitions. All of it is the task's.

package partition

import (
	"context"
	"errors"
	"fmt"

	"xbench/core/buffer"
	"xbench/core/meter"
)

// Builder is where the next record for subpartition ch goes if it fits: write it to Room, with its length in front, and
// Advance. If it does not fit, or no buffer is open (then there is no room at all), Emit it, and count it with Wrote. The pointer is
// good until the next call on p. Task.
//
// Nothing is published here: readers see the record when the buffer is full, or after a flush. This is the path of almost all
// records: no lock, no allocation, one atomic load.
func (p *ResultPartition) Builder(ch int) *buffer.Builder {
	if p.asked.Load() != 0 {
		p.own()
	}
	return &p.unicast[ch]
}

// PutLong writes a record of 8 bytes for subpartition ch if that is all there is to do, and reports whether it was. Task.
func (p *ResultPartition) PutLong(ch int, v int64) bool {
	return p.asked.Load() == 0 && p.unicast[ch].PutLong(v)
}

// BroadcastBuilder is Builder for records that go to every subpartition; the other way is Broadcast. Task.
func (p *ResultPartition) BroadcastBuilder() *buffer.Builder {
	if p.asked.Load() != 0 {
		p.own()
	}
	return &p.broadcast
}

// Emit appends framed, a record of any length with its length in front, to subpartition ch and publishes it. It may use many
// buffers and waits for them. Task.
//
// Errors: ErrFinished; *CancelledError when the partition was failed or released; what ctx says when it ends the wait;
// *StorageError, which has released the partition. After an error half a record may be in the stream, so that the partition can
// only be failed.
func (p *ResultPartition) Emit(ctx context.Context, framed []byte, ch int) error {
	p.own()
	if err := p.end(p.laneToAll()); err != nil { // or the record would overtake those that were broadcast before
		return err
	}
	return p.write(ctx, framed, p.lane(ch))
}

// Broadcast appends framed to every subpartition: one segment, which all of them read. Otherwise as Emit. Task.
func (p *ResultPartition) Broadcast(ctx context.Context, framed []byte) error {
	p.own()
	if err := p.endUnicast(); err != nil {
		return err
	}
	return p.write(ctx, framed, p.laneToAll())
}

// lane is a builder with the subpartitions that its buffers go to: from first up to, not including, end. The pool charges the
// buffers to the first, also those for all, as in Flink: so the limit per channel holds for them too.
type lane struct {
	builder    *buffer.Builder
	first, end int
}

func (l lane) readers() int { return l.end - l.first }

func (p *ResultPartition) lane(ch int) lane { return lane{&p.unicast[ch], ch, ch + 1} }

func (p *ResultPartition) laneToAll() lane { return lane{&p.broadcast, 0, len(p.unicast)} }

// write spreads one record over as many buffers as it needs.
func (p *ResultPartition) write(ctx context.Context, framed []byte, l lane) error {
	if p.finished {
		return ErrFinished
	}
	if !l.builder.IsOpen() {
		if err := p.open(ctx, l); err != nil {
			return err
		}
		// The queue gets the buffer while it is empty: what a flush finds is then only a matter of what is published.
		if err := p.offer(l, len(framed)); err != nil {
			return err
		}
	}
	n := p.fill(l.builder, framed)
	for n < len(framed) {
		if err := p.end(l); err != nil {
			return err
		}
		if err := p.open(ctx, l); err != nil {
			return err
		}
		// The rest of a record fills a whole segment if it needs to: the limit comes with the offer, and counts from the next
		// record on.
		began := p.fill(l.builder, framed[n:])
		n += began
		if err := p.offer(l, began); err != nil {
			return err
		}
	}
	if l.builder.IsFull() {
		return p.end(l)
	}
	return nil
}

// fill appends what fits and publishes it. (Flink: BufferWritingResultPartition.append)
func (p *ResultPartition) fill(w *buffer.Builder, rest []byte) int {
	if len(rest) >= w.Writable() && !p.pool.IsAvailable() {
		// No other buffer to be had, and this one ends early only because the consumer asked for short ones: better a longer
		// buffer than a wait. One byte more than the record, so that the next may still find room.
		w.Trim(max(w.MaxCapacity(), w.Written()+len(rest)+1))
	}
	n := w.Append(rest)
	w.Publish()
	return n
}

// open takes a buffer from the pool, and waits for one if it must.
func (p *ResultPartition) open(ctx context.Context, l lane) error {
	b, err := p.pool.Request(l.first)
	if err == nil && b.IsZero() {
		p.Idle() // the flusher takes care of what is written: its consumption may be what frees a buffer
		p.time.Enter(meter.HardBackPressured)
		b, err = p.pool.RequestBlocking(ctx, l.first)
		p.own()
	}
	switch {
	case err == nil:
		*l.builder = buffer.NewBuilder(b)
		return nil
	case p.IsReleased():
		return p.cancelledError()
	case errors.Is(err, buffer.ErrPoolDestroyed):
		return &CancelledError{ID: p.id, Cause: err}
	}
	return fmt.Errorf("partition %v: waiting for a buffer: %w", p.id, err)
}

// offer puts the buffer just opened into the queues of its readers and gives it the length that they want: the shortest of
// their wishes, but not less than atLeast bytes, so that the first record of a buffer is not split if a segment can hold it.
// Where nobody reads before the end there are no queues.
func (p *ResultPartition) offer(l lane, atLeast int) error {
	if p.store != nil {
		return nil
	}
	c := l.builder.ConsumerFromBeginning()
	size := refused
	for i := l.first; i < l.end; i++ {
		n, push := p.subs[i].addPending(c.Copy())
		if size == refused || n != refused && n < size {
			size = n
		}
		p.pending(push)
	}
	c.Close()
	p.push()
	if size == refused && p.IsReleased() {
		l.builder.Close()
		return p.cancelledError()
	}
	if size > 0 { // 0 is nobody's wish; refused: whoever read it is gone, the records go nowhere
		l.builder.Trim(max(size, atLeast))
	}
	return nil
}

func (p *ResultPartition) cancelledError() error {
	return &CancelledError{ID: p.id, Cause: p.Failure()}
}

// end finishes a builder, if it is open, and stores what is to be stored. An error says that this failed: only a replayable
// partition has any.
func (p *ResultPartition) end(l lane) (err error) {
	w := l.builder
	if !w.IsOpen() {
		return nil
	}
	n := w.Finish()
	p.records += w.TakeRecords()
	if p.store == nil {
		w.Close()
	} else {
		c := w.ConsumerFromBeginning()
		b := c.Build()
		c.Close()
		w.Close() // now b is the only reference
		err = p.store.keep(b, l.first, l.end)
	}
	p.buffersOut.Add(uint64(l.readers()))
	p.bytesOut.Add(uint64(n * l.readers()))
	p.publishRecords()
	return err
}

func (p *ResultPartition) endUnicast() error {
	if p.broadcast.IsOpen() {
		return nil // the two modes exclude each other: opening this one ended those
	}
	for i := range p.unicast {
		if err := p.end(p.lane(i)); err != nil {
			return err
		}
	}
	return nil
}

func (p *ResultPartition) endAll() error {
	if err := p.endUnicast(); err != nil {
		return err
	}
	return p.end(p.laneToAll())
}
