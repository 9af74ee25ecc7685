package core

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"xbench/core/serde"
)

// write sends a writer's records: 0, 1, 2 ... over all its channels.
func (n network) write(w *Writer, records int) error {
	var err error
	switch {
	case n.to == everybody:
		err = n.broadcast(w, records)
	case n.size > 0:
		err = n.writeSized(w, records)
	default:
		err = n.writeLongs(w, records)
	}
	if err != nil {
		return err
	}
	return w.End()
}

func (n network) writeLongs(w *Writer, records int) error {
	turns := records // how many of them go to the channels in turn
	if n.to == skewed {
		turns = min(records, n.channels)
	}
	ch := 0
	for i := range turns {
		if !w.PutLong(ch, int64(i)) {
			if err := w.EmitLong(ch, int64(i)); err != nil {
				return err
			}
		}
		if ch++; ch == n.channels {
			ch = 0
		}
	}
	for i := turns; i < records; i++ {
		if !w.PutLong(0, int64(i)) {
			if err := w.EmitLong(0, int64(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n network) writeSized(w *Writer, records int) error {
	payload := make(serde.Bytes, n.size)
	ch := 0
	for i := range records {
		binary.BigEndian.PutUint64(payload, uint64(i))
		binary.BigEndian.PutUint64(payload[n.size-8:], uint64(i))
		if err := w.EmitTo(ch, payload); err != nil {
			return err
		}
		if ch++; ch == n.channels {
			ch = 0
		}
	}
	return nil
}

func (n network) broadcast(w *Writer, records int) error {
	for i := range records {
		if err := w.Broadcast(long(i)); err != nil {
			return err
		}
	}
	return nil
}

// long is a record of 8 bytes.
type long uint64

func (long) Size() int                    { return 8 }
func (v long) AppendTo(dst []byte) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) }

// check is what a reader expects of each channel next.
type check struct {
	network
	next []uint64
}

func newCheck(n network) *check {
	c := &check{network: n, next: make([]uint64, n.writers*n.channels)}
	for i := range c.next {
		if n.to != everybody {
			c.next[i] = uint64(i % n.channels)
		}
	}
	return c
}

func (n network) read(ctx context.Context, r *Reader) error { return newCheck(n).read(ctx, r, nil) }

// read takes everything, and tells read after each buffer how many records there have been.
func (c *check) read(ctx context.Context, r *Reader, read func(total uint64)) error {
	var total uint64
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
		n, err := c.buffer(r, a.Channel)
		if err != nil {
			return err
		}
		if total += n; read != nil {
			read(total)
		}
	}
}

// step is how far apart the values of a channel are.
func (c *check) step(channel int) uint64 {
	switch {
	case c.to == roundRobin:
		return uint64(c.channels)
	case c.to == skewed && channel%c.channels == 0 && c.next[channel] == 0:
		return uint64(c.channels)
	}
	return 1
}

// buffer checks the records of one buffer.
func (c *check) buffer(r *Reader, channel int) (records uint64, err error) {
	want, step := c.next[channel], c.step(channel)
	var run serde.Run
	for {
		p, rest := run.Next()
		if p == nil {
			if p, rest, err = r.NextRun(run); p == nil {
				c.next[channel] = want
				return records, err
			}
		}
		run = rest
		if got := binary.BigEndian.Uint64(p); got != want || c.size > 0 && binary.BigEndian.Uint64(p[c.size-8:]) != want {
			return records, fmt.Errorf("channel %d: got %d, want %d", channel, got, want)
		}
		if want += step; c.to == skewed {
			step = 1
		}
		records++
	}
}
