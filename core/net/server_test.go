// server_test.go: what a server's connection owes to its producers and to others, whatever its consumer does.

package net

import (
	"testing"
	"time"

	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// sent is a request in the bytes that the peer writes.
func (s *steppedServer) sent(m interface{ AppendTo([]byte) []byte }) {
	s.peer.out.bytes = m.AppendTo(s.peer.out.bytes)
}

func requestOf(channel string, id, sub int, credit uint32) frame.PartitionRequest {
	return frame.PartitionRequest{Partition: partitionID(id), First: sub, Last: sub, Channel: channelID(channel), Credit: credit}
}

// TestResumeThatIsNotDue: a consumer without buffers of its own resumes a channel that is not blocked while that channel is in line with credit.
// The answer is an error. The credit stays, for the server is about to spend it.
func TestResumeThatIsNotDue(t *testing.T) {
	p := memory(t, 8, 8)
	registry := partition.NewRegistry(0)
	part := newRegistered(t, registry, partitionID(0), p, 1, 6)
	s := stepServer(t, registry)
	s.sent(requestOf("a", 0, 0, 0))
	s.receive()
	s.send()
	for range 3 {
		if err := part.Emit(t.Context(), make([]byte, 8), 0); err != nil {
			t.Fatal(err)
		}
	}
	part.Flush(0)
	s.sent(frame.AddCredit{Credit: 3, Channel: channelID("a")})
	s.sent(frame.ResumeConsumption{Channel: channelID("a")})
	s.receive()
	s.send()
	var d frame.Decoder
	d.Feed(s.peer.in.bytes)
	counts := map[frame.MessageID]int{}
	for {
		f, ok, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		counts[f.ID]++
	}
	if counts[frame.IDErrorResponse] != 1 || counts[frame.IDBufferResponse] != 3 {
		t.Errorf("the answer is %v, want an error and three buffers", counts)
	}
}

// TestEarlyRequestsEndWithTheirConnection: a partition that comes later belongs to whoever asks then.
func TestEarlyRequestsEndWithTheirConnection(t *testing.T) {
	p := memory(t, 4, 8)
	registry := partition.NewRegistry(time.Hour)
	defer registry.Close()
	s := stepServer(t, registry)
	s.sent(requestOf("a", 0, 0, 2))
	s.sent(requestOf("b", 0, 1, 2))
	s.receive()
	part := newPartition(t, p, partitionID(0), 2, 3)
	s.close()
	if err := registry.Register(part); err != nil {
		t.Fatal(err)
	}
	for sub := range 2 {
		v, err := part.CreateView(sub, nil)
		if err != nil {
			t.Fatal(err)
		}
		v.Release()
	}
}

// TestPartitionThatComesAsItsConsumerLeaves: its view reached the connection's inbox, and nobody looks there any more.
func TestPartitionThatComesAsItsConsumerLeaves(t *testing.T) {
	p := memory(t, 4, 8)
	registry := partition.NewRegistry(time.Hour)
	defer registry.Close()
	s := stepServer(t, registry)
	s.sent(requestOf("a", 0, 0, 2))
	s.sent(requestOf("b", 0, 1, 2))
	s.receive()
	s.sent(frame.CancelPartitionRequest{Channel: channelID("b")})
	part := newRegistered(t, registry, partitionID(0), p, 2, 3)
	s.receive()
	s.close()
	select {
	case <-part.AllDataProcessed():
	default:
		t.Error("the consumer is gone, and the producer still waits for its acknowledgement")
	}
}

// TestLongLineIsWrittenInBatches: more frames than one write takes, small ones and ones that are larger than what is copied: each round of the
// sender writes some, and the order is that of the turns.
func TestLongLineIsWrittenInBatches(t *testing.T) {
	for _, size := range []int{8, smallBody, smallBody + 1, 40_000} {
		const buffers = 700
		p := memory(t, 2*buffers+2, size)
		registry := partition.NewRegistry(0)
		part := newRegistered(t, registry, partitionID(0), p, 2, 2*buffers+2)
		s := stepServer(t, registry)
		s.sent(requestOf("a", 0, 0, buffers))
		s.sent(requestOf("b", 0, 1, buffers))
		s.receive()
		s.send()
		record := make([]byte, size)
		for n := range buffers {
			for sub := range 2 {
				record[0], record[size-1] = byte(n), byte(sub)
				if err := part.Emit(t.Context(), record, sub); err != nil {
					t.Fatal(err)
				}
			}
		}
		part.FlushAll()
		var d frame.Decoder
		got, rounds := 0, 0
		for got < 2*buffers {
			worked, err := s.conn.send.sendOnce()
			if err != nil || !worked {
				t.Fatalf("%d bytes: round %d after %d frames: %v, %v", size, rounds, got, worked, err)
			}
			if n := len(s.peer.in.bytes); n > batchBytes+frame.BufferResponseSize+size {
				t.Errorf("%d bytes: a batch of %d bytes", size, n)
			}
			d.Feed(s.peer.in.bytes)
			s.peer.in.bytes = s.peer.in.bytes[:0]
			rounds++
			for {
				f, ok, err := d.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				b := f.Response.Buffer
				if int(b.Sequence) != got/2 || b.Subpartition != got%2 || b.Content[0] != byte(got/2) || b.Content[size-1] != byte(got%2) {
					t.Fatalf("%d bytes: frame %d is %+v", size, got, b.BufferHeader)
				}
				got++
			}
		}
		if rounds < 2 {
			t.Errorf("%d bytes: %d frames in %d rounds", size, got, rounds)
		}
		s.close()
		part.Fail(errTestOver)
		part.Close()
	}
}

// TestCancelAndGoodbyeTogether: the consumer's last two words come in one read, and the connection ends before its sender has seen the first. The
// subpartition must be free nevertheless, or its producer waits for ever.
func TestCancelAndGoodbyeTogether(t *testing.T) {
	p := memory(t, 4, 8)
	registry := partition.NewRegistry(0)
	part := newRegistered(t, registry, partitionID(0), p, 1, 2)
	s := stepServer(t, registry)
	s.sent(requestOf("a", 0, 0, 2))
	s.receive()
	s.send()
	if err := part.NotifyEndOfData(true); err != nil {
		t.Fatal(err)
	}
	s.sent(frame.CancelPartitionRequest{Channel: channelID("a")})
	s.sent(frame.CloseRequest{})
	s.receive()
	s.close()
	select {
	case <-part.AllDataProcessed():
	default:
		t.Error("the consumer is gone, and the producer still waits for its acknowledgement")
	}
}
