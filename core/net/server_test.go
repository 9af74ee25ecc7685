// server_test.go: what a server's connection owes to its producers and to others, whatever its consumer does.

package net

import (
	"testing"

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
	part := newPartition(t, p, 0, 1, 6)
	if err := registry.Register(part); err != nil {
		t.Fatal(err)
	}
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

// TestCancelAndGoodbyeTogether: the consumer's last two words come in one read, and the connection ends before its sender has seen the first. The
// subpartition must be free nevertheless, or its producer waits for ever.
func TestCancelAndGoodbyeTogether(t *testing.T) {
	p := memory(t, 4, 8)
	registry := partition.NewRegistry(0)
	part := newPartition(t, p, 0, 1, 2)
	if err := registry.Register(part); err != nil {
		t.Fatal(err)
	}
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
