// fragments_test.go: R2.6, and both ends of a connection in lock step: how the bytes are cut into reads, and who moves when, changes nothing.

package net

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/net/partition"
	"xbench/core/serde"
)

// fragmentSegment is large enough for bodies that are read past what is read ahead.
const fragmentSegment = 20 << 10

// drawResponses draws what a producer may send: data of all sizes, also for channels that are gone, that never were and that will fail, events, empty
// buffers, announcements, errors, and bodies that no segment holds.
func drawResponses(t *rapid.T) []byte {
	var out []byte
	sequence := map[string]int32{}
	for range rapid.IntRange(1, 25).Draw(t, "messages") {
		channel := rapid.SampledFrom([]string{"a", "a", "b", "gone", "never"}).Draw(t, "channel")
		h := frame.BufferHeader{Channel: channelID(channel), Sequence: sequence[channel], Backlog: rapid.IntRange(0, 3).Draw(t, "backlog"), Type: buffer.DataBuffer}
		size := 0
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			out = frame.BacklogAnnouncement{Backlog: 1 + h.Backlog, Channel: h.Channel}.AppendTo(out)
			continue
		case 1:
			out = frame.ErrorResponse{Cause: frame.NewThrowable(frame.ClassRuntime, strings.Repeat("no ", rapid.SampledFrom([]int{0, 1, 400, 25_000}).Draw(t, "words"))), Channel: h.Channel}.AppendTo(out)
			continue
		case 2:
			h.Type, size = buffer.PrioritizedEvent, rapid.IntRange(1, 200).Draw(t, "size")
		case 3:
			h.Type, size = buffer.EventBuffer, rapid.IntRange(1, 200).Draw(t, "size")
		case 4: // an empty buffer
		case 5:
			size = rapid.IntRange(1, fragmentSegment+100).Draw(t, "size")
		default:
			size = rapid.IntRange(1, 300).Draw(t, "size")
		}
		sequence[channel]++
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(int(h.Sequence) + i)
		}
		out = frame.BufferResponse{BufferHeader: h, Content: content}.AppendTo(out)
	}
	return out
}

// heard is what a client makes of a producer's bytes that come in reads of so many: what its task gets, and what it answers.
func heard(t testing.TB, p *buffer.NetworkBufferPool, stream []byte, most func() int) string {
	g, err := gate.New(context.Background(), gate.Options{Pool: p, Channels: 3, Exclusive: 20, Floating: 10})
	if err != nil {
		t.Fatal(err)
	}
	c := stepClient(t, Options{Clock: still})
	defer c.close()
	defer g.Close()
	for i, channel := range []string{"a", "b", "gone"} {
		if err := c.open(g, i, channel, 0, i); err != nil {
			t.Fatal(err)
		}
	}
	c.send()
	// The end of its partition makes a channel one that is gone.
	c.peer.out.bytes = frame.BufferResponse{
		BufferHeader: frame.BufferHeader{Channel: channelID("gone"), Type: buffer.EndOfPartition}, Content: frame.AppendEvent(nil, frame.EndOfPartition{}),
	}.AppendTo(nil)
	c.receive()
	if item, ok, err := g.Poll(); !ok || err != nil || item.Buffer.Type() != buffer.EndOfPartition {
		t.Fatalf("polled %v, %v", item, err)
	}
	c.conn.stream.(*memStream).most = most
	c.peer.out.bytes = slices.Clone(stream)
	c.receive()
	if c.err != nil {
		t.Fatal(c.err)
	}
	c.send()
	var out strings.Builder
	for {
		item, ok, err := g.Poll()
		if err != nil {
			fmt.Fprintln(&out, err)
			continue
		}
		if !ok {
			break
		}
		b := item.Buffer
		fmt.Fprintf(&out, "%d #%d %v %d bytes %08x\n", item.Channel, item.Sequence, b.Type(), b.Len(), crc32.ChecksumIEEE(b.Bytes()))
		b.Recycle()
	}
	var d frame.Decoder
	out.WriteString(sentences(t, &d, c.peer.in.bytes))
	return out.String()
}

// R2.6: any fragmentation of a producer's bytes, and any size of reads, gives the same.
func TestR2_6AnyFragmentationOfResponses(t *testing.T) {
	p := memory(t, 80, fragmentSegment)
	rapid.Check(t, func(r *rapid.T) {
		stream := drawResponses(r)
		want := heard(t, p, stream, nil)
		largest := rapid.SampledFrom([]int{1, 2, 7, 44, 100, 5000, 30_000}).Draw(r, "largest read")
		seed := rapid.Uint64().Draw(r, "seed")
		rng := rand.New(rand.NewPCG(seed, 0))
		if got := heard(t, p, stream, func() int { return 1 + rng.IntN(largest) }); got != want {
			r.Fatalf("in reads of up to %d bytes:\n%s\nat once:\n%s", largest, got, want)
		}
	})
}

// answered is what a server makes of a consumer's bytes that come in reads of so many.
func answered(t testing.TB, p *buffer.NetworkBufferPool, stream []byte, most func() int) string {
	local, err := p.CreateLocal(buffer.LocalOptions{Required: 20, Max: 20, Subpartitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	registry := partition.NewRegistry(0)
	part, err := partition.New(partition.Spec{ID: partitionID(0), Subpartitions: 2, Pool: local})
	if err == nil {
		err = registry.Register(part)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	defer part.Fail(errTestOver)
	for sub := range 2 {
		for n := range 8 {
			if err := part.Emit(context.Background(), slices.Repeat([]byte{byte(n)}, 100), sub); err != nil {
				t.Fatal(err)
			}
		}
	}
	part.FlushAll()
	s := stepServer(t, registry)
	defer s.close()
	s.conn.stream.(*memStream).most = most
	s.peer.out.bytes = slices.Clone(stream)
	s.receive()
	s.send()
	var d frame.Decoder
	out := sentences(t, &d, s.peer.in.bytes)
	if s.err != nil {
		out += s.err.Error()
	}
	return out
}

// TestAnyFragmentationOfRequests is R2.6 for the other direction. The stream may end in garbage.
func TestAnyFragmentationOfRequests(t *testing.T) {
	p := memory(t, 20, 100)
	rapid.Check(t, func(r *rapid.T) {
		var stream []byte
		for range rapid.IntRange(1, 30).Draw(r, "messages") {
			id := channelID(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "channel"))
			switch rapid.IntRange(0, 8).Draw(r, "kind") {
			case 0, 1:
				sub := rapid.IntRange(0, 2).Draw(r, "subpartition")
				stream = frame.PartitionRequest{Partition: partitionID(0), First: sub, Last: sub, Channel: id, Credit: uint32(sub)}.AppendTo(stream)
			case 2, 3:
				stream = frame.AddCredit{Credit: uint32(rapid.IntRange(1, 3).Draw(r, "credit")), Channel: id}.AppendTo(stream)
			case 4:
				stream = frame.CancelPartitionRequest{Channel: id}.AppendTo(stream)
			case 5:
				stream = frame.ResumeConsumption{Channel: id}.AppendTo(stream)
			case 6:
				event := frame.AppendEvent(nil, frame.Other{Class: strings.Repeat("x", rapid.IntRange(0, 9000).Draw(r, "name"))})
				stream = frame.TaskEventRequest{Event: event, Channel: id}.AppendTo(stream)
			case 7:
				stream = frame.NewBufferSize{Size: 50, Channel: id}.AppendTo(stream)
			case 8:
				stream = frame.AckAllUserRecordsProcessed{Channel: id}.AppendTo(stream)
			}
		}
		if rapid.Bool().Draw(r, "garbage") {
			stream = append(stream, rapid.SliceOfN(rapid.Byte(), 9, 60).Draw(r, "bytes")...)
		}
		want := answered(t, p, stream, nil)
		largest := rapid.SampledFrom([]int{1, 3, 28, 200, 5000}).Draw(r, "largest read")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0))
		if got := answered(t, p, stream, func() int { return 1 + rng.IntN(largest) }); got != want {
			r.Fatalf("in reads of up to %d bytes:\n%s\nat once:\n%s", largest, got, want)
		}
	})
}

// lockStep is a producer's task, both ends of a connection and a consumer's task, each moved by one step at a time.
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
	trace   strings.Builder

	atServer, atClient meter.Traffic
}

// newLockStep connects partitions and channels of their number. exclusive buffers may be 0.
func newLockStep(t *testing.T, channels, exclusive, floating, records, segmentSize int, most func() int) *lockStep {
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
	l.server = newServerConn(far, "consumer", registry, Options{Clock: still, Traffic: &l.atServer})
	l.client = newClientConn(near, "producer", Options{Clock: still, Traffic: &l.atClient})
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
		worked, err = l.server.send.sendOnce()
	case 1:
		err = l.server.recv.receiveOnce()
		worked = err == nil
	case 2:
		worked, err = l.client.send.sendOnce()
	case 3:
		err = l.client.recv.receiveOnce()
		worked = err == nil
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
	}
	if err != nil && !errors.Is(err, errDry) {
		l.t.Fatalf("%d: %v", who, err)
	}
	fmt.Fprintf(&l.trace, "%d%v ", who, worked)
	return worked
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

// TestLockStep: whatever the order in which the parts of an exchange move, and however few bytes a read gives, every record arrives once and in order, also
// around barriers, and nobody waits for anybody for ever: with buffers of the channels' own and without (R8.1, rules 1, 2 and 5 of section 3.4). The
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
						l := newLockStep(t, c.channels, c.exclusive, c.floating, 120, c.segmentSize, func() int { return most })
						l.run(func() int { return rng.IntN(8) })
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
