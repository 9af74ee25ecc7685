// longs.go: the values of workload longs: which comes when, and on which channel.

package workloads

import (
	"encoding/binary"

	"xbench/core"
	"xbench/harness"
)

// How longs are spread over a writer's channels.
const (
	RoundRobin = "round-robin"
	Broadcast  = "broadcast" // every one to all
	Skew       = "skew"      // one to each, and then all to the first, as in Flink's skewed benchmark
)

// A long says where it is from and which one it is: writer, channel (0 of a broadcast), number in the channel. So the next value of a channel is one
// more, no two channels of a trial carry the same, and neither side needs a table to know what comes. 2^33 records are a minute and a
// half of the fastest channel; a number that outgrows its bits runs on into the next channel's, which both sides do alike.
const (
	channelShift = 33
	writerShift  = 48
	stampBit     = 1 << 63 // instead of all that, the nanosecond at which the record was due
)

// firstLong is the value that a channel begins with.
func firstLong(writer, channel int, spread string) uint64 {
	if spread == Broadcast {
		channel = 0
	}
	return uint64(writer)<<writerShift | uint64(channel)<<channelShift
}

// framedLong is how many bytes a long of that size is on its way.
func framedLong(size int) int { return 4 + size }

// stampEvery is how many records of a writer of a closed loop have one whose latency is measured among them: reading the clock for each would cost
// three times as much as sending it. It is prime, so that stamps come by on every channel.
const stampEvery = 1021

// Of long records fewer go to one that is stamped, so that a batch stays short in time.
const (
	stampEveryBytes = 16 << 20
	stampEveryMin   = 16
)

func stampEveryOf(size int) int {
	return min(stampEvery, max(stampEveryMin, stampEveryBytes/framedLong(size)))
}

// longs sends one writer's longs. It belongs to the writer's goroutine.
type longs struct {
	out     *core.Writer
	entries []harness.Entry
	spread  string
	record  longRecord
	send    func(n int) error // the next n records: one of the loops below

	base  uint64 // of the writer
	value uint64 // of the next record
	ch    int    // that it goes to
	limit int    // the channel at which this round ends
	again int    // and the rounds after it
	round uint64 // how many are over
}

func newLongs(p Params, writer int, out *core.Writer, entries []harness.Entry) *longs {
	l := &longs{
		out: out, entries: entries, spread: p.Spread, record: newLongRecord(p.Size),
		base: firstLong(writer, 0, p.Spread), limit: len(entries), again: len(entries),
	}
	l.value = l.base
	switch p.Spread {
	case Broadcast:
		l.limit, l.again = 1, 1
	case Skew:
		l.again = 1
	}
	switch {
	case p.Spread == Broadcast:
		l.send = l.sendBroadcast
	case p.Size > longBytes:
		l.send = l.sendRecords
	default:
		l.send = l.sendLongs
	}
	return l
}

// sendLongs is the loop that a benchmark of 12-byte records spends its time in: beside the record it adds and compares, and touches no memory.
func (l *longs) sendLongs(n int) error {
	out, v, ch, limit := l.out, l.value, l.ch, l.limit
	for range n {
		if !out.PutLong(ch, int64(v)) {
			if err := out.EmitLong(ch, int64(v)); err != nil {
				return err
			}
		}
		v += 1 << channelShift
		if ch++; ch == limit {
			v, ch, limit = l.nextRound(), 0, l.again
		}
	}
	l.value, l.ch, l.limit = v, ch, limit
	return nil
}

func (l *longs) sendRecords(n int) error {
	v, ch, limit := l.value, l.ch, l.limit
	for range n {
		l.record.set(v)
		if err := l.out.EmitTo(ch, &l.record); err != nil {
			return err
		}
		v += 1 << channelShift
		if ch++; ch == limit {
			v, ch, limit = l.nextRound(), 0, l.again
		}
	}
	l.value, l.ch, l.limit = v, ch, limit
	return nil
}

func (l *longs) sendBroadcast(n int) error {
	for range n {
		l.record.set(l.value)
		if err := l.out.Emit(&l.record); err != nil {
			return err
		}
		l.value = l.nextRound()
	}
	return nil
}

// nextRound is the first value of the round that begins.
func (l *longs) nextRound() uint64 {
	l.round++
	return l.base + l.round
}

// stamp sends an instant in the place of the next value. The sink cannot know it: it goes into the books.
func (l *longs) stamp(at int64) error {
	v := stampBit | uint64(at)
	l.record.set(v)
	var err error
	if l.spread == Broadcast {
		err = l.out.Emit(&l.record)
	} else {
		err = l.out.EmitTo(l.ch, &l.record)
	}
	if err != nil {
		return err
	}
	if l.record.Size() == longBytes {
		l.entries[l.ch].Mark(v)
	} else {
		l.entries[l.ch].MarkBytes(l.record.payload)
	}
	if l.ch++; l.ch == l.limit {
		l.value, l.ch, l.limit = l.nextRound(), 0, l.again
	} else {
		l.value += 1 << channelShift
	}
	return nil
}

// copies is in how many channels a record counts.
func (l *longs) copies() int {
	if l.spread == Broadcast {
		return len(l.entries)
	}
	return 1
}

// enter writes what was sent into the books.
func (l *longs) enter() {
	for ch := range l.entries {
		e := &l.entries[ch]
		switch {
		case l.spread == Broadcast:
			e.Count, e.Digest = l.round, l.entries[0].Digest
		case l.spread == Skew && l.round > 0 && ch > 0:
			e.Count = 1
		default:
			e.Count = l.round
			if ch < l.ch {
				e.Count++
			}
		}
	}
}

// longBytes is the size of a long that is nothing but its value.
const longBytes = 8

// longRecord is a long of any size: its value, filler, and the value again; or, of 8 bytes, the value alone.
type longRecord struct{ payload []byte }

func newLongRecord(size int) longRecord {
	return longRecord{payload: append([]byte(nil), newPayloads(size, 0).next(size)...)}
}

func (r *longRecord) set(v uint64) {
	binary.BigEndian.PutUint64(r.payload, v)
	binary.BigEndian.PutUint64(r.payload[len(r.payload)-longBytes:], v)
}

// Size is the number of bytes that AppendTo appends.
func (r *longRecord) Size() int { return len(r.payload) }

// AppendTo appends the record.
func (r *longRecord) AppendTo(dst []byte) []byte { return append(dst, r.payload...) }
