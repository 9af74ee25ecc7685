// lockstep_test.go: a producer's task, both ends of a connection and a consumer's task in lock step: who moves when changes nothing.

package net

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/net/partition"
	"xbench/core/serde"
)

// lockStep is a producer's task, both ends of a connection and a consumer's task, each moved by one step at a time. The goroutines that send sleep until
// somebody wakes them, and the connection is read by a goroutine or by the consumer's task, as it happens: so nobody may leave anything to somebody
// who does not know.
type lockStep struct {
	t      *testing.T
	part   *partition.ResultPartition
	server *serverConn
	client *clientConn
	gate   *gate.InputGate

	written []int // records, per channel
	read    []int
	records int
	held    []buffer.Buffer
	blocked []int // channels, behind an aligned barrier
	streams []*serde.Deserializer
	ended   bool
	down    *wire   // to the client
	asleep  [2]bool // the goroutines that send, the server's and the client's
	trace   strings.Builder

	atServer, atClient meter.Traffic
}

// newLockStep connects partitions and channels of their number. exclusive buffers may be 0. A read gives as many bytes as most says, and a write that does
// not wait takes as many as room says.
func newLockStep(t *testing.T, channels, exclusive, floating, records, segmentSize int, most, room func() int) *lockStep {
	out, in := memory(t, 3*channels+1+overdraft, segmentSize), memory(t, channels*exclusive+floating+1, segmentSize)
	registry := partition.NewRegistry(0)
	l := &lockStep{t: t, records: records, written: make([]int, channels), read: make([]int, channels)}
	local, err := out.CreateLocal(buffer.LocalOptions{Required: 3*channels + 1, Max: 3*channels + 1, Subpartitions: channels, Overdraft: overdraft})
	if err == nil {
		l.part, err = partition.New(partition.Spec{ID: partitionID(0), Subpartitions: channels, Pool: local})
	}
	if err == nil {
		err = registry.Register(l.part)
	}
	if err != nil {
		t.Fatal(err)
	}
	near, far := newMemStreams()
	near.most, far.most = most, most
	l.down = near.in
	l.server = newServerConn(&narrowStream{far, room}, "consumer", registry, Options{Clock: leaping(), Traffic: &l.atServer})
	l.client = newClientConn(&narrowStream{near, room}, "producer", Options{Clock: leaping(), Traffic: &l.atClient})
	if l.gate, err = gate.New(t.Context(), gate.Options{Pool: in, Channels: channels, Exclusive: exclusive, Floating: floating}); err != nil {
		t.Fatal(err)
	}
	for i := range channels {
		ch, err := l.gate.OpenRemote(t.Context(), i, channelID(string(rune('a'+i))), l.client.post)
		if err == nil {
			err = l.client.open(ch, partitionID(0), i)
		}
		if err != nil {
			t.Fatal(err)
		}
		l.streams = append(l.streams, serde.NewDeserializer(serde.Options{}))
	}
	t.Cleanup(func() {
		l.recycle(len(l.held))
		l.gate.Close()
		l.client.end(errTestOver)
		l.server.end(errTestOver)
		l.client.recv.release()
		l.client.inbox.close()
		l.server.release()
		l.part.Fail(errTestOver)
		l.part.Close()
	})
	return l
}

// step moves one of them, if it can move, and says whether it did.
func (l *lockStep) step(who int) bool {
	var worked bool
	var err error
	switch who {
	case 0:
		worked, err = l.send(0, &l.server.out, l.server.inbox.wake)
	case 1:
		err = l.server.recv.receiveOnce()
		worked = err == nil
	case 2:
		worked, err = l.send(1, &l.client.out, l.client.inbox.wake)
	case 3:
		if !l.client.seat.byTask.Load() {
			err = l.client.recv.receiveOnce()
			worked = err == nil
		}
	case 4:
		worked = l.write()
	case 5:
		worked = l.poll()
	case 6:
		worked = len(l.held) > 0
		l.recycle(1)
	case 7:
		if worked = len(l.blocked) > 0; worked {
			err = l.gate.Resume(l.blocked[0])
			l.blocked = l.blocked[1:]
		}
	case 8:
		l.change()
	case 9:
		worked = l.readItself()
	}
	if err != nil && !errors.Is(err, errDry) {
		l.t.Fatalf("%d: %v", who, err)
	}
	fmt.Fprintf(&l.trace, "%d%v ", who, worked)
	return worked
}

// send is a turn of a goroutine that sends: it looks for something as long as it finds something, and sleeps then.
func (l *lockStep) send(who int, o *outlet, wake <-chan struct{}) (worked bool, err error) {
	if l.asleep[who] {
		select {
		case <-wake:
			l.asleep[who] = false
		default:
			return false, nil
		}
	}
	worked, err = o.sendOnce()
	l.asleep[who] = !worked
	return worked, err
}

// change gives the seat to the consumer's task, or back.
func (l *lockStep) change() {
	s := &l.client.seat
	if s.byTask.Load() {
		l.client.Yield()
		return
	}
	select {
	case <-s.back:
	default: // it is the goroutine's from the beginning
	}
	s.byTask.Store(true)
}

// readItself is the consumer's task in the seat.
func (l *lockStep) readItself() (worked bool) {
	bytes, notes := len(l.down.bytes), l.client.inbox.len()
	l.client.Read(l.gate.Waiter())
	return len(l.down.bytes) != bytes || l.client.inbox.len() != notes
}

// overdraft is for the rest of a record that does not fit: a task that looks for a segment before each record never waits within one.
const overdraft = 2

// write emits the next record to the channel that has fewest, if the pool has a segment for it.
func (l *lockStep) write() bool {
	ch := 0
	for i, n := range l.written {
		if n < l.written[ch] {
			ch = i
		}
	}
	n := l.written[ch]
	switch {
	case n == l.records && !l.ended:
		l.ended = true
		if err := l.part.NotifyEndOfData(true); err != nil {
			l.t.Fatal(err)
		}
		if err := l.part.Finish(); err != nil {
			l.t.Fatal(err)
		}
		return true
	case n == l.records || !l.part.IsAvailable():
		return false
	}
	if ch == 0 && n%30 == 29 {
		b := frame.CheckpointBarrier{ID: int64(n), Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
		if n%60 == 59 {
			b = b.AsUnaligned()
		}
		if err := l.part.BroadcastEvent(frame.AppendEvent(nil, b), frame.DataTypeOf(b, b.Alignment == frame.Unaligned)); err != nil {
			l.t.Fatal(err)
		}
	}
	record := binary.BigEndian.AppendUint32(nil, 4)
	record = binary.BigEndian.AppendUint32(record, uint32(n))
	if err := l.part.Emit(l.t.Context(), record, ch); err != nil {
		l.t.Fatal(err)
	}
	if n%3 == 0 {
		l.part.Flush(ch)
	}
	l.written[ch]++
	return true
}

func (l *lockStep) poll() bool {
	item, ok, err := l.gate.Poll()
	if err == io.EOF || !ok && err == nil {
		return false
	}
	if err != nil {
		l.t.Fatal(err)
	}
	if !item.Buffer.Type().IsBuffer() {
		if item.Buffer.Type().BlocksUpstream() {
			l.blocked = append(l.blocked, item.Channel)
		}
		item.Buffer.Recycle()
		return true
	}
	s := l.streams[item.Channel]
	s.SetBuffer(item.Buffer.Bytes())
	for {
		payload, ok, err := s.Next()
		if err != nil {
			l.t.Fatal(err)
		}
		if !ok {
			break
		}
		if got := int(binary.BigEndian.Uint32(payload)); got != l.read[item.Channel] {
			l.t.Fatalf("channel %d: got %d, want %d", item.Channel, got, l.read[item.Channel])
		}
		l.read[item.Channel]++
	}
	l.held = append(l.held, item.Buffer)
	return true
}

func (l *lockStep) recycle(n int) {
	for range min(n, len(l.held)) {
		l.held[0].Recycle()
		l.held = l.held[1:]
	}
}

// run moves them in the order that pick says until nobody can move. Everything has arrived then.
func (l *lockStep) run(pick func() int) {
	idle := 0
	for idle < 200 {
		if l.step(pick()) {
			idle = 0
		} else {
			idle++
		}
	}
	for i, n := range l.read {
		if n != l.records {
			l.t.Errorf("channel %d stands still at %d of %d records", i, n, l.records)
		}
	}
	if !l.gate.Ended() {
		l.t.Error("the gate has not come to its end")
	}
	// What one side counts as sent the other one counts as received.
	type counts struct{ frames, buffers, events, bytes, credits uint64 }
	out := func(t *meter.Traffic) counts {
		return counts{t.FramesOut.Load(), t.BuffersOut.Load(), t.EventsOut.Load(), t.BytesOut.Load(), t.CreditsOut.Load()}
	}
	in := func(t *meter.Traffic) counts {
		return counts{t.FramesIn.Load(), t.BuffersIn.Load(), t.EventsIn.Load(), t.BytesIn.Load(), t.CreditsIn.Load()}
	}
	if sent, received := out(&l.atServer), in(&l.atClient); sent != received || sent.buffers == 0 || sent.events == 0 {
		l.t.Errorf("the server sent %+v, the client received %+v", sent, received)
	}
	if sent, received := out(&l.atClient), in(&l.atServer); sent != received || sent.credits == 0 {
		l.t.Errorf("the client sent %+v, the server received %+v", sent, received)
	}
}

// TestLockStep: whatever the order in which the parts of an exchange move, whoever sends and reads, and however few bytes a read gives or a write
// takes, every record arrives once and in order, also around barriers, and nobody waits for anybody for ever: with buffers of the channels' own and without (R8.1, rules 1, 2 and 5 of section 3.4). The
// same seed gives the same steps.
func TestLockStep(t *testing.T) {
	for _, c := range []struct{ channels, exclusive, floating, segmentSize int }{
		{1, 1, 1, 8}, {2, 2, 3, 16}, {3, 0, 1, 16}, {2, 0, 3, 7}, {4, 1, 2, 64}, {1, 0, 1, 5},
	} {
		t.Run(fmt.Sprintf("%d channels of %d and %d", c.channels, c.exclusive, c.floating), func(t *testing.T) {
			for seed := range uint64(6) {
				var traces [2]string
				for k := range traces {
					rng := rand.New(rand.NewPCG(seed, 1))
					most := 1 + rng.IntN(200)
					t.Run(fmt.Sprintf("SEED=%d/%d", seed, k), func(t *testing.T) {
						l := newLockStep(t, c.channels, c.exclusive, c.floating, 120, c.segmentSize,
							func() int { return most }, func() int { return rng.IntN(2 * most) })
						l.run(func() int { return rng.IntN(10) })
						traces[k] = l.trace.String()
					})
				}
				if traces[0] != traces[1] {
					t.Errorf("seed %d gave two different runs", seed)
				}
			}
		})
	}
}
