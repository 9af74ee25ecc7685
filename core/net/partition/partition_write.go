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
// Errors: ErrFinished; *CancelledError when the partition was failed or released; what ctx says when it ends the wait. After an
// error half a record may be in the stream, so that the partition can only be failed.
func (p *ResultPartition) Emit(ctx context.Context, framed []byte, ch int) error {
	p.own()
	p.end(&p.broadcast, len(p.subs)) // or the record would overtake those that were broadcast before
	return p.write(ctx, framed, lane{&p.unicast[ch], p.subs[ch : ch+1], ch})
}

// Broadcast appends framed to every subpartition: one segment, which all of them read. Otherwise as Emit. Task.
func (p *ResultPartition) Broadcast(ctx context.Context, framed []byte) error {
	p.own()
	p.endUnicast()
	// As in Flink, the shared segment is charged to subpartition 0, so that the limit per channel holds here too.
	return p.write(ctx, framed, lane{&p.broadcast, p.subs, 0})
}

// lane is a builder with the subpartitions that read it, and the channel to which the pool charges its buffers.
type lane struct {
	builder *buffer.Builder
	to      []subpartition
	channel int
}

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
		p.end(l.builder, len(l.to))
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
		p.end(l.builder, len(l.to))
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
	b, err := p.pool.Request(l.channel)
	if err == nil && b.IsZero() {
		p.Idle() // the flusher takes care of what is written: its consumption may be what frees a buffer
		p.time.Enter(meter.HardBackPressured)
		b, err = p.pool.RequestBlocking(ctx, l.channel)
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
func (p *ResultPartition) offer(l lane, atLeast int) error {
	c := l.builder.ConsumerFromBeginning()
	size := refused
	if len(l.to) == 1 {
		size = l.to[0].add(c)
	} else {
		for i := range l.to {
			if n := l.to[i].add(c.Copy()); size == refused || n != refused && n < size {
				size = n
			}
		}
		c.Close()
	}
	if size == refused && p.IsReleased() {
		p.end(l.builder, 0)
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

// end finishes a builder, if it is open, that has so many readers.
func (p *ResultPartition) end(w *buffer.Builder, readers int) {
	if !w.IsOpen() {
		return
	}
	n := w.Finish()
	p.records += w.TakeRecords()
	w.Close()
	p.buffersOut.Add(uint64(readers))
	p.bytesOut.Add(uint64(n * readers))
	p.publishRecords()
}

func (p *ResultPartition) endUnicast() {
	if p.broadcast.IsOpen() {
		return // the two modes exclude each other: opening this one ended those
	}
	for i := range p.unicast {
		p.end(&p.unicast[i], 1)
	}
}

func (p *ResultPartition) endAll() {
	p.endUnicast()
	p.end(&p.broadcast, len(p.subs))
}
