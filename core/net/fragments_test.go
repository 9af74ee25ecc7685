// fragments_test.go: R2.6: how the bytes of a connection are cut into reads changes nothing.

package net

import (
	"context"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/net/partition"
)

// fragmentSegment is large enough for bodies that are read past what is read ahead.
const fragmentSegment = 20 << 10

// drawResponses draws what a producer may send: data of all sizes, also for channels that are gone, that never were and that will fail, events, empty
// buffers, announcements, errors, and bodies that no segment holds.
func drawResponses(t *rapid.T) []byte {
	var out []byte
	sequence := map[string]int32{}
	full := 0 // how many buffers that fill their segments are still to follow one another
	for range rapid.IntRange(1, 40).Draw(t, "messages") {
		channel := rapid.SampledFrom([]string{"a", "a", "b", "gone", "never"}).Draw(t, "channel")
		h := frame.BufferHeader{Channel: channelID(channel), Sequence: sequence[channel], Backlog: rapid.IntRange(0, 3).Draw(t, "backlog"), Type: buffer.DataBuffer}
		size, kind := 0, -1
		if full == 0 {
			kind = rapid.IntRange(0, 10).Draw(t, "kind")
		}
		switch kind {
		case -1:
			size, full = fragmentSegment, full-1
		case 10:
			size, full = fragmentSegment, rapid.IntRange(0, 2*foreseen).Draw(t, "full ones behind it")
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
