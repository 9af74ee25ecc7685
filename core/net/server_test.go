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
