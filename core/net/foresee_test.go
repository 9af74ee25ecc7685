package net

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
)

// Behind the first full buffer of a row, eight come with each read, and each is its channel's, unchanged.
func TestFullBuffersAreReadManyAtOnce(t *testing.T) {
	const full = 1 + 2*foreseen
	p := memory(t, 48, fragmentSegment)
	g, err := gate.New(context.Background(), gate.Options{Pool: p, Channels: 2, Exclusive: 12, Floating: 4})
	if err != nil {
		t.Fatal(err)
	}
	c := stepClient(t, Options{Clock: still})
	defer c.close()
	defer g.Close()
	for i := range 2 {
		if err := c.open(g, i, fmt.Sprint(i), 0, i); err != nil {
			t.Fatal(err)
		}
	}
	for n := range full {
		c.peer.out.bytes = frame.BufferResponse{
			BufferHeader: frame.BufferHeader{Channel: channelID(fmt.Sprint(n % 2)), Sequence: int32(n / 2), Type: buffer.DataBuffer},
			Content:      bytes.Repeat([]byte{byte(n)}, fragmentSegment),
		}.AppendTo(c.peer.out.bytes)
	}
	reads := 0
	for ; len(c.peer.out.bytes) > 0; reads++ {
		if err := c.conn.recv.receiveOnce(); err != nil {
			t.Fatal(err)
		}
	}
	// The beginning, read ahead; the rest of the buffer in which that ends, with the eight behind it; the others. One for each would be 17.
	if reads > 4 {
		t.Errorf("%d buffers took %d reads", full, reads)
	}
	next := []byte{0, 1}
	for range full {
		item, ok, err := g.Poll()
		if !ok || err != nil {
			t.Fatalf("polled %v, %v", ok, err)
		}
		want := bytes.Repeat(next[item.Channel:item.Channel+1], fragmentSegment)
		if !bytes.Equal(item.Buffer.Bytes(), want) {
			t.Errorf("channel %d: buffer %d is not what was sent", item.Channel, item.Sequence)
		}
		next[item.Channel] += 2
		item.Buffer.Recycle()
	}
}

// Gates whose pools have other segments share a connection: what is expected behind the one's buffers comes for the other, whose segments are larger, and
// which then has full ones of its own.
func TestFullBuffersOfTwoSizes(t *testing.T) {
	c := stepClient(t, Options{Clock: still})
	defer c.close()
	sizes := []int{fragmentSegment, 2 * fragmentSegment}
	var gates []*gate.InputGate
	for i, size := range sizes {
		g, err := gate.New(context.Background(), gate.Options{Pool: memory(t, 40, size), Channels: 1, Exclusive: 32, Floating: 4})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if err := c.open(g, 0, fmt.Sprint(i), 0, i); err != nil {
			t.Fatal(err)
		}
		gates = append(gates, g)
	}
	sent := [][][]byte{nil, nil}
	for n := range 60 {
		to := n / 5 % 2
		size := sizes[n/10%2] // of either gate's full buffers, for either gate, if it fits
		if size > sizes[to] {
			size = sizes[to]
		}
		content := bytes.Repeat([]byte{byte(n)}, size)
		c.peer.out.bytes = frame.BufferResponse{
			BufferHeader: frame.BufferHeader{Channel: channelID(fmt.Sprint(to)), Sequence: int32(len(sent[to])), Type: buffer.DataBuffer}, Content: content,
		}.AppendTo(c.peer.out.bytes)
		sent[to] = append(sent[to], content)
	}
	c.receive()
	if c.err != nil {
		t.Fatal(c.err)
	}
	for i, g := range gates {
		for n, want := range sent[i] {
			item, ok, err := g.Poll()
			if !ok || err != nil {
				t.Fatalf("gate %d, buffer %d: %v, %v", i, n, ok, err)
			}
			if !bytes.Equal(item.Buffer.Bytes(), want) {
				t.Errorf("gate %d: buffer %d of %d bytes is not what was sent", i, n, item.Buffer.Len())
			}
			item.Buffer.Recycle()
		}
	}
}

// A connection of few channels leaves bulk to its task, one of many does not.
func TestFewChannels(t *testing.T) {
	p := memory(t, 4, 100)
	g, err := gate.New(context.Background(), gate.Options{Pool: p, Channels: fewChannels + 1, Floating: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := stepClient(t, Options{Clock: still})
	defer c.close()
	defer g.Close()
	for i := range fewChannels + 1 {
		if err := c.open(g, i, fmt.Sprint(i), 0, i); err != nil {
			t.Fatal(err)
		}
		c.conn.recv.got = bulk
		if many := i == fewChannels; c.conn.busy() != many {
			t.Errorf("%d channels and a read of %d bytes: the goroutine had better read: %v", i+1, bulk, !many)
		}
	}
}
