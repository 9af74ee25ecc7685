// exchange_source.go: the producing tasks: their record loops.

package workloads

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"xbench/core"
	"xbench/core/serde"
	"xbench/harness"
	"xbench/harness/pace"
)

// source is one producing task. It belongs to its goroutine.
type source struct {
	p         Params
	index     int
	out       *core.Writer
	recording *recording    // Trace
	read      chan struct{} // Rounds: the round that was sent last has been read
	witness   *witness
}

// run sends until the end of the trial, and waits until everything has arrived.
func (s *source) run(ctx context.Context, t *harness.SourceTask) error {
	defer s.out.Close()
	failed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(failed)
		s.out.Fail(context.Cause(ctx))
	})
	defer func() {
		if !stop() {
			<-failed // it gives buffers back: nobody may close the exchange under its hands
		}
	}()
	s.witness.begun()
	if err := s.send(ctx, t); err != nil {
		return fmt.Errorf("writer %d: %w", s.index, err)
	}
	if ctx.Err() != nil { // what there was to send was cut short
		return fmt.Errorf("writer %d: %w", s.index, context.Cause(ctx))
	}
	if err := s.out.End(); err != nil {
		return fmt.Errorf("writer %d: end: %w", s.index, err)
	}
	return nil
}

func (s *source) send(ctx context.Context, t *harness.SourceTask) error {
	switch {
	case s.p.Workload == Longs && s.p.Rate > 0:
		return s.sendPacedLongs(ctx, t)
	case s.p.Workload == Longs:
		return s.sendLongs(ctx, t)
	case s.p.Workload == Rounds:
		return s.sendRounds(ctx, t)
	case s.p.Workload == Trace:
		return s.sendRecording(ctx, t)
	}
	e, err := newElements(s.p, t)
	if err != nil {
		return err
	}
	if s.p.Rate == 0 {
		return s.sendFreely(ctx, t, e)
	}
	return s.sendPaced(ctx, t, e)
}

// sendPaced sends keyed records at their rate.
func (s *source) sendPaced(ctx context.Context, t *harness.SourceTask, e *elements) error {
	pacer := t.Pacer(pace.PerSecond(s.p.Rate, s.index, s.p.Writers))
	for {
		s.out.Idle()
		first, n, ok := pacer.Next(ctx)
		if !ok {
			return nil
		}
		for i := first; i < first+n; i++ {
			if err := e.send(s.out, pacer.Due(i)); err != nil {
				return err
			}
		}
		t.Sent(int(n))
	}
}

// sendFreely sends keyed records as fast as they go. One in a batch carries the instant; the others carry 0.
func (s *source) sendFreely(ctx context.Context, t *harness.SourceTask, e *elements) error {
	if !t.WaitBegin(ctx) {
		return nil
	}
	for {
		at := t.Clock()
		if t.Over(at) {
			return nil
		}
		for range stampEvery {
			if err := e.send(s.out, at); err != nil {
				return err
			}
			at = 0
		}
		t.Sent(stampEvery)
	}
}

// sendRecording sends this writer's part of a trace at its times.
func (s *source) sendRecording(ctx context.Context, t *harness.SourceTask) error {
	r := s.recording
	filler := newPayloads(r.sizeMax, t.Seed)
	var e element
	pacer := t.Pacer(r.times)
	for {
		s.out.Idle()
		first, n, ok := pacer.Next(ctx)
		if !ok {
			return nil
		}
		for i := first; i < first+n; i++ {
			ch := int(r.channels[i])
			value := r.payloads[i]
			if value == nil {
				value = filler.next(r.sizes[i])
			}
			e.set(pacer.Due(i), value)
			if err := s.out.EmitTo(ch, &e); err != nil {
				return err
			}
			t.Ledger.Entries[ch].Bytes(e.payload)
		}
		t.Sent(int(n))
	}
}

// elements makes the records of a keyed workload.
type elements struct {
	keys    *Keys
	channel []uint16 // by key
	values  *payloads
	size    int
	element element
	entries []harness.Entry
}

func newElements(p Params, t *harness.SourceTask) (*elements, error) {
	keys, err := NewKeys(p.Keys, p.KeyCount, p.KeySkew, t.Seed)
	if err != nil {
		return nil, err
	}
	e := &elements{keys: keys, values: newPayloads(p.Size, t.Seed), size: p.Size, entries: t.Ledger.Entries}
	groups := serde.DefaultMaxParallelism(p.Channels)
	e.channel = make([]uint16, p.KeyCount)
	for k := range e.channel {
		e.channel[k] = uint16(serde.ChannelOfKey(serde.HashLong(int64(k)), groups, p.Channels))
	}
	return e, nil
}

// send sends the next record, with an instant in nanoseconds.
func (e *elements) send(out *core.Writer, at int64) error {
	key := e.keys.Next()
	ch := int(e.channel[key])
	e.element.set(at, e.values.next(e.size))
	if e.size >= 8 { // a record carries its key
		binary.BigEndian.PutUint64(e.element.payload[elementHead:], key)
	}
	if err := out.EmitTo(ch, &e.element); err != nil {
		return err
	}
	e.entries[ch].Bytes(e.element.payload)
	return nil
}

// element is a stream element "record with timestamp" whose value is a byte array. Unlike serde's own types it keeps its
// bytes: they are entered in the books as they are sent.
type element struct{ payload []byte }

// elementHead: tag, timestamp, length of the byte array.
const elementHead = 1 + 8 + 4

func (e *element) set(at int64, value []byte) {
	if len(value) > math.MaxInt32-elementHead {
		panic(fmt.Sprintf("workloads: a value of %d bytes", len(value)))
	}
	p := append(e.payload[:0], byte(serde.TagTimestamped))
	p = binary.BigEndian.AppendUint64(p, uint64(at))
	p = binary.BigEndian.AppendUint32(p, uint32(len(value)))
	e.payload = append(p, value...)
}

// Size is the number of bytes that AppendTo appends.
func (e *element) Size() int { return len(e.payload) }

// AppendTo appends the element.
func (e *element) AppendTo(dst []byte) []byte { return append(dst, e.payload...) }
