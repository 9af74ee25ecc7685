// fuzz_test.go: any bytes, in any pieces, between any steps of the two sides of a connection: no panic, no segment that does not come home.

package net

import (
	"context"
	"errors"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/net/partition"
)

// script is the input of a fuzz target, taken as commands with arguments of a byte each. At its end all arguments are 0.
type script struct{ rest []byte }

func (s *script) byte() byte {
	if len(s.rest) == 0 {
		return 0
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b
}

// below is an argument from 0 to n-1.
func (s *script) below(n int) int { return int(s.byte()) % n }

// raw is as many bytes as the next one says, up to 63.
func (s *script) raw() []byte {
	n := min(s.below(64), len(s.rest))
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b
}

func (s *script) channel() frame.ChannelID { return channelID(string(rune('a' + s.below(4)))) }

// fuzzMemory is memory for all runs of a target, which come far too often for a mapping each.
func fuzzMemory(f *testing.F, segments, segmentSize int) *buffer.NetworkBufferPool {
	f.Helper()
	p, err := buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: segments, SegmentSize: segmentSize})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := p.Free(); err != nil {
			f.Error(err)
		}
	})
	return p
}

const fuzzSegment = 16

// FuzzServer: a consumer that sends anything to a server with a partition that is written, blocked, failed.
func FuzzServer(f *testing.F) {
	p := fuzzMemory(f, 12, fuzzSegment)
	f.Add([]byte{0, 0, 0, 0, 2, 8, 0, 16, 10, 1, 0, 1, 8, 0, 3, 9, 0, 10, 3, 0, 2, 0})
	f.Add([]byte{1, 0, 0, 1, 0, 8, 1, 16, 8, 1, 16, 9, 1, 10, 1, 0, 3, 11, 0, 10, 3, 0, 1, 0, 5, 10, 4, 0, 2, 0, 12})
	f.Add([]byte{30, 0, 0, 0, 1, 0, 0, 0, 1, 10, 7, 20, 0, 0, 0, 25, 0xba, 0xdc, 0x0f, 0xfe, 4, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 13})
	f.Add([]byte("\x05\x07\x3f\x00\x00\x00\x61\xba\xdc\x0f\xfe\x02 a request, in pieces, of nothing that is there, which is not an error at all"))
	f.Fuzz(func(t *testing.T, input []byte) {
		in := &script{input}
		local, err := p.CreateLocal(buffer.LocalOptions{Required: 6, Max: 6, Subpartitions: 2, Overdraft: 4})
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
		peer, own := newMemStreams()
		s := &steppedServer{t: t, peer: peer, conn: newServerConn(own, "the consumer", registry, Options{Clock: still})}
		if n := in.below(40); n > 0 {
			own.most = func() int { return n }
		}
		barriers := int64(0)
		for len(in.rest) > 0 && s.err == nil {
			switch in.below(15) {
			case 0:
				sub := in.below(3)
				s.sent(frame.PartitionRequest{Partition: partitionID(in.below(2)), First: sub, Last: sub, Channel: in.channel(), Credit: uint32(in.below(4))})
			case 1:
				s.sent(frame.AddCredit{Credit: 1 + uint32(in.below(4)), Channel: in.channel()})
			case 2:
				s.sent(frame.CancelPartitionRequest{Channel: in.channel()})
			case 3:
				s.sent(frame.ResumeConsumption{Channel: in.channel()})
			case 4:
				s.sent(frame.AckAllUserRecordsProcessed{Channel: in.channel()})
			case 5:
				s.sent(frame.NewBufferSize{Size: 1 + in.below(20), Channel: in.channel()})
			case 6:
				s.sent(frame.TaskEventRequest{Event: in.raw(), Channel: in.channel()})
			case 7:
				s.peer.out.bytes = append(s.peer.out.bytes, in.raw()...)
			case 8:
				if sub, n := in.below(2), 1+in.below(20); part.IsAvailable() {
					_ = part.Emit(context.Background(), make([]byte, n), sub) // it was finished, or failed
				}
			case 9:
				part.Flush(in.below(2))
			case 10:
				s.receive()
				s.send()
				s.peer.in.bytes = s.peer.in.bytes[:0]
			case 11:
				barriers++
				b := frame.CheckpointBarrier{ID: barriers, Alignment: frame.Aligned, AlignedTimeoutMs: 1 + int64(in.below(2))*(frame.NoAlignedTimeout-1)}
				priority := in.below(2) == 1
				if priority {
					b = b.AsUnaligned()
				}
				_ = part.BroadcastEvent(frame.AppendEvent(nil, b), frame.DataTypeOf(b, priority))
			case 12:
				part.AlignedBarrierTimeout(barriers)
			case 13:
				_ = part.NotifyEndOfData(true)
			case 14:
				part.Fail(errTestOver)
			}
		}
		s.receive()
		s.send()
		s.close()
		part.Fail(errTestOver)
		part.Close()
		if n := p.Available(); n != p.Segments() {
			t.Fatalf("%d of %d segments are home", n, p.Segments())
		}
	})
}

// FuzzClient: a producer that sends anything to a client with a gate of three channels, of which the task polls some.
func FuzzClient(f *testing.F) {
	p := fuzzMemory(f, 16, fuzzSegment)
	f.Add([]byte{0, 2, 0, 0, 16, 1, 0, 0, 8, 9, 10, 0, 0, 0, 4, 0, 1, 9, 9, 9, 10, 10, 11})
	f.Add([]byte{7, 0, 4, 0, 3, 11, 0, 0, 16, 2, 0, 0, 0, 1, 9, 1, 0, 0, 9, 8, 0, 11, 12, 0, 0, 5})
	f.Add([]byte{3, 1, 1, 0, 1, 2, 0, 1, 0, 3, 5, 0, 2, 0, 4, 6, 1, 9, 9, 9, 13})
	f.Add([]byte("\x01\x02\x07\x2f\x00\x00\x00\x2b\xba\xdc\x0f\xfe\x00a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x08\x09"))
	f.Fuzz(func(t *testing.T, input []byte) {
		in := &script{input}
		own, peer := newMemStreams()
		if n := in.below(40); n > 0 {
			own.most = func() int { return n }
		}
		g, err := gate.New(context.Background(), gate.Options{Pool: p, Channels: 3, Exclusive: in.below(4), Floating: 3})
		if err != nil {
			t.Fatal(err)
		}
		c := &steppedClient{t: t, peer: peer, conn: newClientConn(own, "the producer", Options{Clock: still})}
		for i := range 3 {
			if err := c.open(g, i, string(rune('a'+i)), 0, i); err != nil {
				t.Fatal(err)
			}
		}
		var held []buffer.Buffer
		var last gate.Item
		sequence := map[frame.ChannelID]int32{}
		// response is a buffer with a content of its own or of zeros; its number is the next one, most of the time.
		response := func(kind buffer.DataType, content []byte) {
			h := frame.BufferHeader{Channel: in.channel(), Backlog: in.below(4), Type: kind}
			if kind.BlocksUpstream() {
				h.Backlog = 0
			}
			h.Compressed = kind.IsBuffer() && in.below(8) == 7
			h.Sequence = sequence[h.Channel] + int32(in.below(16)/15)
			sequence[h.Channel]++
			peer.out.bytes = frame.BufferResponse{BufferHeader: h, Content: content}.AppendTo(peer.out.bytes)
		}
		for len(in.rest) > 0 && c.err == nil {
			switch in.below(16) {
			case 0:
				response(buffer.DataBuffer, make([]byte, in.below(fuzzSegment+2)))
			case 1:
				response(buffer.DataBuffer, in.raw())
			case 2:
				kind := buffer.EventBuffer + buffer.DataType(in.below(10))
				response(kind, append([]byte{0}, in.raw()...))
			case 3:
				b := frame.CheckpointBarrier{ID: 1, Alignment: frame.Aligned, AlignedTimeoutMs: 5}
				response(buffer.TimeoutableBarrier, frame.AppendEvent(nil, b))
			case 4:
				peer.out.bytes = frame.BacklogAnnouncement{Backlog: 1 + in.below(9), Channel: in.channel()}.AppendTo(peer.out.bytes)
			case 5:
				e := frame.ErrorResponse{Cause: frame.NewThrowable(frame.ClassIOException, "no"), Channel: in.channel()}
				peer.out.bytes = e.AppendTo(peer.out.bytes)
			case 6:
				e := frame.ErrorResponse{Cause: frame.PartitionNotFound(partitionID(0)), Channel: in.channel()}
				peer.out.bytes = e.AppendTo(peer.out.bytes)
			case 7:
				peer.out.bytes = append(peer.out.bytes, in.raw()...)
			case 8:
				c.receive()
			case 9:
				c.receive()
				item, ok, _ := g.Poll()
				if ok {
					last = item
					held = append(held, item.Buffer)
				}
			case 10:
				if len(held) > 0 {
					held[0].Recycle()
					held = held[1:]
				}
			case 11:
				c.send()
				peer.in.bytes = peer.in.bytes[:0]
			case 12:
				_ = g.Resume(in.below(3))
				_ = g.Acknowledge(in.below(3))
			case 13:
				_, _ = g.PrioritizeBarrier(in.below(3), last.Sequence)
			case 14:
				g.SetBufferSize(1 + in.below(100))
			case 15:
				if in.below(8) == 0 {
					g.Close()
				}
			}
		}
		c.receive()
		c.send()
		for _, b := range held {
			b.Recycle()
		}
		g.Close()
		c.close()
		if c.err == nil || errors.Is(c.err, errDry) {
			t.Fatalf("the connection ended with %v", c.err)
		}
		if n := p.Available(); n != p.Segments() {
			t.Fatalf("%d of %d segments are home", n, p.Segments())
		}
	})
}
