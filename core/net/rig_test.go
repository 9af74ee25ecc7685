// rig_test.go: connections in memory that a test steps by hand, and the memory that has to be home when it ends.

package net

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/net/partition"
)

// errDry is what reading gives when nothing is there: a test that steps a connection must not block.
var errDry = errors.New("nothing there to read")

// wire is one direction of a connection in memory.
type wire struct {
	bytes  []byte
	closed bool
}

// memStream is one end of a connection in memory. A read gives at most so many bytes as most says, and never waits.
type memStream struct {
	in, out *wire
	most    func() int // nil: all there is
}

// newMemStreams are the two ends of one connection.
func newMemStreams() (client, server *memStream) {
	up, down := &wire{}, &wire{}
	return &memStream{in: down, out: up}, &memStream{in: up, out: down}
}

func (s *memStream) readv(vectors [][]byte, _ uint64) (int, error) {
	if len(s.in.bytes) == 0 {
		if s.in.closed {
			return 0, io.EOF
		}
		return 0, errDry
	}
	left := len(s.in.bytes)
	if s.most != nil {
		left = min(left, s.most())
	}
	n := 0
	for _, v := range vectors {
		m := copy(v, s.in.bytes[n:left])
		if n += m; m < len(v) {
			break
		}
	}
	s.in.bytes = s.in.bytes[n:]
	return n, nil
}

func (s *memStream) writev(vectors [][]byte) error {
	if s.out.closed {
		return io.ErrClosedPipe
	}
	for _, v := range vectors {
		s.out.bytes = append(s.out.bytes, v...)
	}
	return nil
}

func (s *memStream) closeWrite() error {
	s.out.closed = true
	return nil
}

func (s *memStream) close() error {
	s.in.closed, s.out.closed = true, true
	return nil
}

// still is a clock for tests that do not look at it. By it nobody pushes: no time passes, so that everything is left to the goroutines.
func still() meter.Time { return 0 }

// leaping is a clock by which everybody pushes who can: between two looks as much time passes as a push wants since the one before.
func leaping() meter.Clock {
	var now atomic.Int64
	return func() meter.Time { return meter.Time(now.Add(pushPause)) }
}

// narrowStream is a memStream on which one can try without waiting: a write takes as many bytes as room says.
type narrowStream struct {
	*memStream
	room func() int
}

func (s *narrowStream) tryWritev(vectors [][]byte) (rest [][]byte, err error) {
	if s.out.closed {
		return nil, io.ErrClosedPipe
	}
	for left := s.room(); len(vectors) > 0 && left > 0; {
		n := min(left, len(vectors[0]))
		s.out.bytes = append(s.out.bytes, vectors[0][:n]...)
		left -= n
		vectors = consume(vectors, n)
	}
	return vectors, nil
}

// readvUnless asks whether it may wait, and then finds that it has been interrupted.
func (s *narrowStream) readvUnless(vectors [][]byte, partial uint64, p parker) (int, error) {
	n, err := s.readv(vectors, partial)
	if err == errDry {
		p.park()
		p.unpark()
		err = errInterrupted
	}
	return n, err
}

func (s *narrowStream) interrupt() {}

// memory is a pool of segments that are all home when the test ends.
func memory(t testing.TB, segments, segmentSize int) *buffer.NetworkBufferPool {
	t.Helper()
	p, err := buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: segments, SegmentSize: segmentSize})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := p.Available(); n != segments {
			t.Errorf("%d of %d segments are home", n, segments)
		}
		if err := p.Free(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func partitionID(n int) frame.ResultPartitionID {
	return frame.ResultPartitionID{Partition: frame.NewPartitionID([16]byte{1}, int32(n))}
}

// newPartition makes a partition with a pool of so many segments. It is not registered. The test's end closes it.
func newPartition(t testing.TB, p *buffer.NetworkBufferPool, id frame.ResultPartitionID, subpartitions, segments int) *partition.ResultPartition {
	t.Helper()
	local, err := p.CreateLocal(buffer.LocalOptions{Required: segments, Max: segments, Subpartitions: subpartitions})
	if err != nil {
		t.Fatal(err)
	}
	part, err := partition.New(partition.Spec{ID: id, Subpartitions: subpartitions, Pool: local})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		part.Fail(errTestOver)
		part.Close()
	})
	return part
}

// newRegistered is newPartition, registered.
func newRegistered(t testing.TB, r *partition.Registry, id frame.ResultPartitionID, p *buffer.NetworkBufferPool, subpartitions, segments int) *partition.ResultPartition {
	t.Helper()
	part := newPartition(t, p, id, subpartitions, segments)
	if err := r.Register(part); err != nil {
		t.Fatal(err)
	}
	return part
}

var errTestOver = errors.New("the test is over")

// channelID is the id of the channel that a test calls by one letter.
func channelID(name string) frame.ChannelID {
	var id frame.ChannelID
	copy(id[:], name)
	return id
}

// steppedServer is a server's connection whose two state machines a test steps. The other end is the test's: it writes requests to it and
// reads frames from it.
type steppedServer struct {
	t    testing.TB
	conn *serverConn
	peer *memStream
	err  error // how it ended
}

func stepServer(t testing.TB, registry *partition.Registry) *steppedServer {
	peer, own := newMemStreams()
	s := &steppedServer{t: t, peer: peer, conn: newServerConn(own, "the consumer", registry, Options{Clock: still})}
	t.Cleanup(s.close)
	return s
}

// receive steps the receiver until it has handled everything that was sent to it.
func (s *steppedServer) receive() {
	for s.err == nil && (len(s.peer.out.bytes) > 0 || s.peer.out.closed) {
		s.ended(s.conn.recv.receiveOnce())
	}
}

// send steps the sender until it has nothing to do.
func (s *steppedServer) send() {
	for s.err == nil {
		worked, err := s.conn.send.sendOnce()
		s.ended(err)
		if !worked {
			return
		}
	}
}

// ended is what the connection's goroutines do with an error.
func (s *steppedServer) ended(err error) {
	if err != nil && !errors.Is(err, errDry) && s.err == nil {
		s.err = err
		s.conn.end(err)
	}
}

// close is the end of run.
func (s *steppedServer) close() {
	if s.err == nil {
		s.ended(errTestOver)
	}
	s.conn.release()
}

// steppedClient is a client's connection whose two state machines a test steps, with gates whose channels are on it. The other end is the test's.
type steppedClient struct {
	t    testing.TB
	conn *clientConn
	peer *memStream
	err  error
}

func stepClient(t testing.TB, o Options) *steppedClient {
	own, peer := newMemStreams()
	c := &steppedClient{t: t, peer: peer, conn: newClientConn(own, "the producer", o)}
	t.Cleanup(c.close)
	return c
}

// open makes channel i of a gate one of the connection's.
func (c *steppedClient) open(g *gate.InputGate, i int, channel string, id, sub int) error {
	ch, err := g.OpenRemote(context.Background(), i, channelID(channel), c.conn.post)
	if err != nil {
		return err
	}
	return c.conn.open(ch, partitionID(id), sub)
}

// receive steps the receiver until it has handled everything that was sent to it.
func (c *steppedClient) receive() {
	for c.err == nil && (len(c.peer.out.bytes) > 0 || c.peer.out.closed) {
		c.ended(c.conn.recv.receiveOnce())
	}
}

// send steps the sender until it has nothing to do.
func (c *steppedClient) send() {
	for c.err == nil {
		worked, err := c.conn.send.sendOnce()
		c.ended(err)
		if !worked {
			return
		}
	}
}

func (c *steppedClient) ended(err error) {
	if err != nil && !errors.Is(err, errDry) && c.err == nil {
		c.err = c.conn.explain(err)
		c.conn.end(c.err)
	}
}

// close is the end of run.
func (c *steppedClient) close() {
	if c.err == nil {
		c.ended(errTestOver)
	}
	c.conn.recv.release()
	c.conn.inbox.close()
}
