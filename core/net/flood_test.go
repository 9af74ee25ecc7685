// flood_test.go: a peer that sends and does not read.

package net

import (
	"errors"
	"testing"
	"time"

	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// TestPeerThatFloods: its requests pile up for a sender that it keeps from sending, until there are too many of them; then its connection ends.
func TestPeerThatFloods(t *testing.T) {
	registry := partition.NewRegistry(time.Second)
	defer registry.Close()
	s := stepServer(t, registry)
	var batch []byte
	for range 1000 {
		batch = frame.AddCredit{Credit: 1, Channel: channelID("nobody's")}.AppendTo(batch)
	}
	for sent := 0; s.err == nil && sent <= 2*notesMax; sent += 1000 {
		s.peer.out.bytes = append(s.peer.out.bytes, batch...)
		s.receive()
	}
	var flood *FloodError
	if !errors.As(s.err, &flood) || flood.Notes < notesMax || flood.Notes > notesMax+10_000 {
		t.Errorf("the connection ended with %v", s.err)
	}
}

// TestBufferSizeBeforeThePartition: what a consumer asks for before its partition is there holds when it comes.
func TestBufferSizeBeforeThePartition(t *testing.T) {
	registry := partition.NewRegistry(time.Minute)
	defer registry.Close()
	pool := memory(t, 8, 64)
	s := stepServer(t, registry)
	request := frame.PartitionRequest{Partition: partitionID(0), Channel: channelID("a"), Credit: 8}.AppendTo(nil)
	request = frame.NewBufferSize{Size: 16, Channel: channelID("a")}.AppendTo(request)
	s.peer.out.bytes = append(s.peer.out.bytes, request...)
	s.receive()
	s.send()
	part := newRegistered(t, registry, partitionID(0), pool, 1, 8)
	s.send()
	for range 4 {
		if err := part.Emit(t.Context(), append([]byte{0, 0, 0, 4}, "abcd"...), 0); err != nil {
			t.Fatal(err)
		}
	}
	part.FlushAll()
	s.send()
	var sizes []int
	err := eachFrame(new(frame.Decoder), s.peer.in.bytes, func(f *frame.Frame) {
		if f.ID == frame.IDBufferResponse {
			sizes = append(sizes, f.Response.Buffer.Size)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sizes) != 2 || sizes[0] != 16 || sizes[1] != 16 {
		t.Errorf("buffers of %v bytes, want 16 and 16", sizes)
	}
}
