// outlet_test.go: what one pushes is on the wire when the call returns; what the socket does not take, the goroutine sends.

package net

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// pushed is a server's connection without goroutines: what is sent is sent by the tasks that push.
type pushed struct {
	t    *testing.T
	conn *serverConn
	part *partition.ResultPartition
	peer *rawPeer
}

// newPushed has a partition of so many subpartitions, each requested as channel a, b, ... with credit without end.
func newPushed(t *testing.T, subpartitions, segments, segmentSize int, o Options) *pushed {
	t.Helper()
	registry := partition.NewRegistry(-1)
	t.Cleanup(registry.Close)
	p := &pushed{t: t, part: newRegistered(t, registry, partitionID(0), memory(t, segments, segmentSize), subpartitions, segments)}
	if o.Clock == nil {
		o.Clock = leaping()
	}
	s, far := tcpPair(t, o)
	p.peer = asRawPeer(t, far)
	p.conn = newServerConn(s, "the consumer", registry, o)
	t.Cleanup(func() {
		p.conn.end(errTestOver)
		p.conn.release()
	})
	for i := range subpartitions {
		p.peer.send(frame.PartitionRequest{Partition: partitionID(0), First: i, Last: i, Channel: channelID(string(rune('a' + i))), Credit: math.MaxInt32})
	}
	for len(p.conn.recv.readers) < subpartitions {
		if err := p.conn.recv.receiveOnce(); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// emit writes a buffer that begins with n, of so many bytes, and flushes it.
func (p *pushed) emit(sub, n, size int) {
	p.t.Helper()
	b := bytes.Repeat([]byte{byte(n)}, size)
	binary.BigEndian.PutUint32(b, uint32(n))
	if err := p.part.Emit(p.t.Context(), b, sub); err != nil {
		p.t.Fatal(err)
	}
	p.part.Flush(sub)
}

// wantBuffers reads buffers, which begin with the numbers from 0 on.
func (p *pushed) wantBuffers(n, size int) {
	p.t.Helper()
	for k := range n {
		f := p.peer.want(frame.IDBufferResponse)
		b := f.Response.Buffer
		if len(f.Response.Buffer.Content) != size || binary.BigEndian.Uint32(f.Response.Buffer.Content) != uint32(k) || f.Response.Buffer.Content[size-1] != byte(k) || b.Sequence != int32(k) {
			p.t.Fatalf("buffer %d: #%d of %d bytes, or others", k, b.Sequence, len(f.Response.Buffer.Content))
		}
	}
}

// TestAFlushIsOnTheWireWhenItReturns, small or large: there is nobody else here who could send it.
func TestAFlushIsOnTheWireWhenItReturns(t *testing.T) {
	for _, size := range []int{4, smallBody, smallBody + 1, 32 << 10} {
		var traffic meter.Traffic
		p := newPushed(t, 1, 4, 32<<10, Options{Traffic: &traffic})
		for k := range 5 {
			p.emit(0, k, size)
			if n := traffic.WritesOut.Load(); n != uint64(k+1) {
				t.Fatalf("%d writes for %d flushes", n, k+1)
			}
		}
		p.wantBuffers(5, size)
		if n := traffic.BuffersOut.Load(); n != 5 {
			t.Errorf("%d buffers were counted", n)
		}
	}
}

// TestWhoComesAgainAtOnceLeavesItToTheGoroutine: it is woken, and the task sends nothing.
func TestWhoComesAgainAtOnceLeavesItToTheGoroutine(t *testing.T) {
	p := newPushed(t, 1, 4, 64, Options{Clock: still})
	for len(p.conn.inbox.wake) > 0 {
		<-p.conn.inbox.wake
	}
	p.emit(0, 0, 8)
	select {
	case <-p.conn.inbox.wake:
	default:
		t.Fatal("nobody sends, and the goroutine was not woken")
	}
	if _, err := p.conn.out.sendOnce(); err != nil {
		t.Fatal(err)
	}
	p.wantBuffers(1, 8)
}

// TestAFullSocketLeavesTheRestToTheGoroutine, which is woken, and sends it before anything else.
func TestAFullSocketLeavesTheRestToTheGoroutine(t *testing.T) {
	const size = 32 << 10
	p := newPushed(t, 1, 600, size, Options{})
	sent := 0
	for ; p.conn.send.rest == nil; sent++ {
		p.emit(0, sent, size)
	}
	for range 5 {
		p.emit(0, sent, size)
		sent++
	}
	if len(p.conn.inbox.wake) == 0 {
		t.Fatal("the goroutine was not woken")
	}
	var sending sync.WaitGroup
	sending.Go(p.conn.sendLoop)
	p.wantBuffers(sent, size)
	p.conn.end(errTestOver)
	sending.Wait()
}

// TestABatchLeftHalfWayGoesHome when the connection ends before the goroutine came to it. The memory is looked at when the test ends.
func TestABatchLeftHalfWayGoesHome(t *testing.T) {
	const size = 32 << 10
	p := newPushed(t, 1, 600, size, Options{})
	for k := 0; p.conn.send.rest == nil; k++ {
		p.emit(0, k, size)
	}
}

// TestAPushThatFailsEndsTheConnectionWithTheReason: the goroutine is woken and finds it. Nobody tries again.
func TestAPushThatFailsEndsTheConnectionWithTheReason(t *testing.T) {
	var traffic meter.Traffic
	p := newPushed(t, 1, 4, 64, Options{Traffic: &traffic})
	_ = p.peer.conn.SetLinger(0)
	_ = p.peer.conn.Close()
	for k := 0; p.conn.out.failed == nil; k++ { // a socket may take something before it hears of it
		p.emit(0, k, 8)
	}
	writes := traffic.WritesOut.Load()
	p.emit(0, 0, 8)
	if traffic.WritesOut.Load() != writes {
		t.Error("a connection that has failed is written to")
	}
	var sending sync.WaitGroup
	sending.Go(p.conn.sendLoop)
	sending.Wait()
	if err := p.conn.err; !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the connection ended with %v", err)
	}
}

// TestNothingIsPushedBehindTheLastMessage: a peer that broke the protocol is told so, and that is all that it hears.
func TestNothingIsPushedBehindTheLastMessage(t *testing.T) {
	p := newPushed(t, 1, 4, 64, Options{})
	p.emit(0, 0, 8)
	p.conn.inbox.put(note{kind: noteFatal, message: appendFatal(nil, frame.ErrPeer), err: frame.ErrPeer})
	if _, err := p.conn.out.sendOnce(); !errors.Is(err, frame.ErrPeer) {
		t.Fatalf("sent the last message: %v", err)
	}
	p.conn.recv.complain(errTestOver)
	p.emit(0, 1, 8)
	p.conn.end(errTestOver)
	p.wantBuffers(1, 8)
	p.peer.want(frame.IDErrorResponse)
	if f, err := p.peer.next(); err != io.EOF {
		t.Errorf("behind it came %v, %v", f.ID, err)
	}
}

// TestNobodyPushesAfterTheEnd: not even where there are notes and a socket.
func TestNobodyPushesAfterTheEnd(t *testing.T) {
	p := newPushed(t, 1, 4, 64, Options{})
	p.conn.out.close()
	p.emit(0, 0, 8)
	if _, err := p.conn.out.sendOnce(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("sent: %v", err)
	}
}

// TestManyPushOnOneConnection: tasks with subpartitions of their own, and the goroutine; each channel's buffers arrive in order, once.
func TestManyPushOnOneConnection(t *testing.T) {
	const tasks, size = 8, 2 << 10
	each := rounds(64 << 10)
	registry := partition.NewRegistry(patience)
	defer registry.Close()
	server, err := Listen("127.0.0.1:0", registry, Options{Clock: leaping()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	peer := dialRaw(t, server.Addr())
	out := memory(t, 4*tasks, size)
	var writing sync.WaitGroup
	for k := range tasks {
		part := newRegistered(t, registry, partitionID(k), out, 1, 4)
		peer.send(frame.PartitionRequest{Partition: partitionID(k), Channel: channelID(string(rune('a' + k))), Credit: math.MaxInt32})
		p := &pushed{t: t, part: part}
		writing.Go(func() {
			for n := range each {
				p.emit(0, n, size)
			}
		})
	}
	var next [tasks]uint32
	rest := tasks * each
	for rest > 0 {
		f := peer.want(frame.IDBufferResponse)
		ch := f.Response.Buffer.Channel[0] - 'a'
		if len(f.Response.Buffer.Content) == 0 {
			continue
		}
		if got := binary.BigEndian.Uint32(f.Response.Buffer.Content); got != next[ch] {
			t.Fatalf("channel %d: got %d, want %d", ch, got, next[ch])
		}
		next[ch]++
		rest--
	}
	writing.Wait()
}
