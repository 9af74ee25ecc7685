// batches.go: a writer's records, gathered channel by channel, for transports that want to be written to in batches.

package field

import (
	"context"
	"encoding/binary"

	"xbench/harness"
)

// batches gathers up to batchSize of whole records per channel. Its writer owns it, and sends a batch when it is full or the
// buffer timeout is over, which it looks at between two chunks: no goroutine, no lock, nothing atomic.
type batches struct {
	size      int
	transport transport
	open      []batch // by channel
	entries   []harness.Entry
	turn      int
	clock     func() int64 // the task's
	timeout   int64        // in nanoseconds
	due       int64        // when the next flush is, of that clock
	record    stamped
}

// batch is the one that a channel gathers.
type batch struct {
	mem []byte
	n   int
	out channel
}

// stride is the distance of two channels' batches: an odd number of cache lines, so that their beginnings do not all fall into the same cache sets.
const stride = batchSize + 3*64

func newBatches(s Spec, t transport, channels []channel, entries []harness.Entry) *batches {
	b := &batches{
		size: s.Size, transport: t, entries: entries, open: make([]batch, len(channels)),
		timeout: int64(s.Timeout), record: stamped{size: s.Size},
	}
	mem := make([]byte, len(channels)*stride)
	for i, c := range channels {
		at := mem[i*stride:]
		b.open[i] = batch{mem: at[:batchSize:batchSize], out: c}
	}
	return b
}

func (b *batches) longs(n int, now int64) error {
	ch := b.turn
	for i := range n {
		o := &b.open[ch]
		if o.n+longFramed > len(o.mem) {
			if err := b.send(o); err != nil {
				return err
			}
		}
		p := o.mem[o.n : o.n+longFramed]
		v := nextLong(&b.entries[ch], i, now)
		binary.BigEndian.PutUint32(p, longSize)
		binary.BigEndian.PutUint64(p[lengthSize:], v)
		o.n += longFramed
		if ch++; ch == len(b.open) {
			ch = 0
		}
	}
	b.turn = ch
	return nil
}

func (b *batches) next(due int64) error {
	o := &b.open[b.turn]
	if o.n+lengthSize+b.size > len(o.mem) {
		if err := b.send(o); err != nil {
			return err
		}
	}
	e := &b.entries[b.turn]
	b.record.number, b.record.due = e.Count, due
	p := binary.BigEndian.AppendUint32(o.mem[:o.n], uint32(b.size))
	o.n = len(b.record.AppendTo(p))
	e.Count++
	if b.turn++; b.turn == len(b.open) {
		b.turn = 0
	}
	return nil
}

func (b *batches) send(o *batch) (err error) {
	o.mem, err = o.out.write(o.mem[:o.n])
	o.mem, o.n = o.mem[:cap(o.mem)], 0
	return err
}

func (b *batches) flush() error {
	for i := range b.open {
		if o := &b.open[i]; o.n > 0 {
			if err := b.send(o); err != nil {
				return err
			}
		}
	}
	return b.transport.flush()
}

// tick flushes when the timeout is over. A flush that takes long is followed by as much time for writing: so it would be with a goroutine beside
// the writer that flushes, and without it a writer whose transport takes more than the timeout for one batch of each channel (1,000 channels at
// 1 ms) would do nothing but flush single records.
func (b *batches) tick(now int64) error {
	if b.timeout == 0 || now < b.due {
		return nil
	}
	err := b.flush()
	end := b.clock()
	b.due = max(now+b.timeout, end+(end-now))
	return err
}

func (b *batches) idle() {}

func (b *batches) end(context.Context) error {
	if err := b.flush(); err != nil {
		return err
	}
	for i := range b.open {
		if err := b.open[i].out.end(); err != nil {
			return err
		}
	}
	return b.transport.flush()
}

func (b *batches) release() {}
