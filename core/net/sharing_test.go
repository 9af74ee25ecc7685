// sharing_test.go: connections that are shared, lost, made anew, refused and closed.

package net

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/net/partition"
)

// consumer is a client with a gate, whose segments are home when the test ends.
type consumer struct {
	t      testing.TB
	client *Client
	gate   *gate.InputGate
}

func newConsumer(t testing.TB, channels, exclusive, floating, segmentSize int, o Options) *consumer {
	t.Helper()
	p := memory(t, channels*exclusive+floating+1, segmentSize)
	g, err := gate.New(t.Context(), gate.Options{Pool: p, Channels: channels, Exclusive: exclusive, Floating: floating})
	if err != nil {
		t.Fatal(err)
	}
	if o.Clock == nil {
		o.Clock = leaping()
	}
	c := &consumer{t: t, client: NewClient(o), gate: g}
	t.Cleanup(func() {
		g.Close()
		c.client.Close()
	})
	return c
}

// open makes channel i of the gate read subpartition sub of partition id at an address.
func (c *consumer) open(i int, address string, id, sub int) error {
	_, err := c.client.Open(c.t.Context(), c.gate, i, address, partitionID(id), sub, channelID(string(rune('a'+i))))
	return err
}

func (c *consumer) mustOpen(i int, address string, id, sub int) {
	c.t.Helper()
	if err := c.open(i, address, id, sub); err != nil {
		c.t.Fatal(err)
	}
}

// next waits for the next item, whose buffer goes home.
func (c *consumer) next() (gate.Item, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	item, err := c.gate.Next(ctx)
	if err == nil {
		item.Buffer.Recycle()
	}
	return item, err
}

func (c *consumer) mustNext() gate.Item {
	c.t.Helper()
	item, err := c.next()
	if err != nil {
		c.t.Fatal(err)
	}
	return item
}

// wantError waits for the error of a channel, with target in it.
func (c *consumer) wantError(channel int, target any) {
	c.t.Helper()
	item, err := c.next()
	var of *gate.ChannelError
	if !errors.As(err, &of) || of.Channel != channel || !errors.As(err, target) {
		c.t.Errorf("got %v, %v; want an error of channel %d with a %T in it", item, err, channel, target)
	}
}

// TestChannelsShareAConnection: all channels to one address, also those that are opened at the same time; another address has its own.
func TestChannelsShareAConnection(t *testing.T) {
	const channels = 16
	first, second := listen(t, channels, channels+1, 64), listen(t, 1, 2, 64)
	c := newConsumer(t, channels+1, 1, 2, 64, Options{})
	var opening sync.WaitGroup
	for i := range channels {
		opening.Go(func() { c.mustOpen(i, first.server.Addr(), 0, i) })
	}
	opening.Wait()
	if n := c.client.Connections(); n != 1 {
		t.Errorf("%d connections for one address", n)
	}
	c.mustOpen(channels, second.server.Addr(), 0, 0)
	if n := c.client.Connections(); n != 2 {
		t.Errorf("%d connections for two addresses", n)
	}
	for i := range channels {
		first.emit(i, i+1)
	}
	second.emit(0, 40)
	seen := map[int]int{}
	for range channels + 1 {
		item := c.mustNext()
		seen[item.Channel] = item.Buffer.Len()
	}
	for i := range channels {
		if seen[i] != i+1 {
			t.Errorf("channel %d got %d bytes, want %d", i, seen[i], i+1)
		}
	}
	if seen[channels] != 40 {
		t.Errorf("the other address's channel got %d bytes", seen[channels])
	}
}

// TestSeveralConnectionsToOneAddress: channels spread over them, and each finds its own.
func TestSeveralConnectionsToOneAddress(t *testing.T) {
	const channels = 16
	s := listen(t, channels, channels+1, 64)
	c := newConsumer(t, channels, 1, 2, 64, Options{Connections: 3})
	for i := range channels {
		c.mustOpen(i, s.server.Addr(), 0, i)
		s.emit(i, i+1)
	}
	if n := c.client.Connections(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
	for range channels {
		if item := c.mustNext(); item.Buffer.Len() != item.Channel+1 {
			t.Errorf("channel %d got %d bytes", item.Channel, item.Buffer.Len())
		}
	}
}

// TestConnectionStaysAfterItsChannels: and serves later ones. When the producer closes it, idle or not, the next channel gets a new one (FLINK-28695).
func TestConnectionStaysAfterItsChannels(t *testing.T) {
	s := listen(t, 3, 7, 64)
	c := newConsumer(t, 3, 1, 2, 64, Options{})
	c.mustOpen(0, s.server.Addr(), 0, 0)
	if err := s.part.Finish(); err != nil {
		t.Fatal(err)
	}
	if item := c.mustNext(); item.Buffer.Type() != buffer.EndOfPartition {
		t.Fatalf("got %v", item.Buffer.Type())
	}
	address := s.server.Addr()
	c.mustOpen(1, address, 0, 1)
	c.mustNext()
	if n := c.client.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}

	if err := s.server.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Listen(address, s.registry, Options{Clock: leaping()})
	if err != nil {
		t.Skipf("the port is gone: %v", err)
	}
	defer func() { _ = again.Close() }()
	for c.client.Connections() > 0 { // until the client has noticed
		time.Sleep(time.Millisecond)
	}
	c.mustOpen(2, address, 0, 2)
	if item := c.mustNext(); item.Channel != 2 || item.Buffer.Type() != buffer.EndOfPartition {
		t.Errorf("got %v of channel %d", item.Buffer.Type(), item.Channel)
	}
	if _, err := c.next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// TestLostConnectionFailsItsChannels, each once, and those of other connections not.
func TestLostConnectionFailsItsChannels(t *testing.T) {
	lost, other := listen(t, 2, 3, 64), listen(t, 1, 3, 64)
	c := newConsumer(t, 3, 1, 2, 64, Options{})
	c.mustOpen(0, lost.server.Addr(), 0, 0)
	c.mustOpen(1, lost.server.Addr(), 0, 1)
	c.mustOpen(2, other.server.Addr(), 0, 0)
	lost.emit(0, 5)
	c.mustNext()
	if err := lost.server.Close(); err != nil {
		t.Fatal(err)
	}
	failed := map[int]bool{}
	for range 2 {
		_, err := c.next()
		var of *gate.ChannelError
		var remote *RemoteTransportError
		if !errors.As(err, &of) || !errors.As(err, &remote) || remote.Peer != lost.server.Addr() {
			t.Fatalf("got %v", err)
		}
		failed[of.Channel] = true
	}
	if !failed[0] || !failed[1] {
		t.Errorf("the channels that failed are %v", failed)
	}
	other.emit(0, 7)
	if item := c.mustNext(); item.Channel != 2 || item.Buffer.Len() != 7 {
		t.Errorf("got %v of channel %d", item.Buffer.Type(), item.Channel)
	}
}

// TestRefusedConnection: everybody who waits for it hears it (FLINK-18821, FLINK-20615), it is not remembered (FLINK-23030), and nobody's segments are
// taken for it.
func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	const callers = 8
	c := newConsumer(t, callers, 1, 2, 64, Options{})
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			var remote *RemoteTransportError
			if err := c.open(i, address, 0, i); !errors.As(err, &remote) || remote.Peer != address {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if n := c.client.Connections(); n != 0 {
		t.Errorf("%d connections are remembered", n)
	}

	s := &realServer{t: t, registry: partition.NewRegistry(0)}
	s.part = newPartition(t, memory(t, callers+1, 64), partitionID(0), callers, callers+1)
	if s.server, err = Listen(address, s.registry, Options{Clock: leaping()}); err != nil {
		t.Skipf("the port is gone: %v", err)
	}
	defer func() { _ = s.server.Close() }()
	c.mustOpen(0, address, 0, 0)
}

// silent is an address where nobody accepts and the queue is full, so that whoever connects waits.
func silent(t *testing.T) (address string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address = fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	for {
		c, err := net.DialTimeout("tcp", address, 50*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}

// TestCallerThatGivesUp while others wait for the connection that it was making: one of them tries (FLINK-20097).
func TestCallerThatGivesUp(t *testing.T) {
	address := silent(t)
	c := newConsumer(t, 2, 1, 2, 64, Options{})
	short, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := c.client.Open(short, c.gate, 0, address, partitionID(0), 0, channelID("a"))
		first <- err
	}()
	for c.client.Connections() == 0 {
		time.Sleep(time.Millisecond)
	}
	long, stop := context.WithCancel(t.Context())
	second := make(chan error)
	go func() {
		_, err := c.client.Open(long, c.gate, 1, address, partitionID(0), 0, channelID("b"))
		second <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first: %v", err)
	}
	select {
	case err := <-second:
		t.Errorf("the second gave up with the first: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	stop()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("the second: %v", err)
	}
}

// TestCloseWhileConnecting: the client's end is also the end of its attempts, whatever patience their callers have.
func TestCloseWhileConnecting(t *testing.T) {
	address := silent(t)
	c := newConsumer(t, 2, 1, 2, 64, Options{})
	opened := make(chan error)
	for i := range 2 {
		go func() { opened <- c.open(i, address, 0, 0) }()
	}
	for c.client.Connections() == 0 {
		time.Sleep(time.Millisecond)
	}
	c.client.Close()
	for range 2 {
		if err := <-opened; !errors.Is(err, errClientClosed) {
			t.Errorf("a caller heard %v", err)
		}
	}
	if err := c.open(0, address, 0, 0); !errors.Is(err, errClientClosed) {
		t.Errorf("a closed client says %v", err)
	}
}

// TestCloseWithOpenChannels: they fail, and the producer hears a good-bye.
func TestCloseWithOpenChannels(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c := newConsumer(t, 2, 1, 2, 64, Options{})
	c.mustOpen(0, l.Addr().String(), 0, 0)
	c.mustOpen(1, l.Addr().String(), 0, 1)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	peer := asRawPeer(t, conn)
	peer.want(frame.IDPartitionRequest)
	peer.want(frame.IDPartitionRequest)
	c.client.Close()
	peer.want(frame.IDCloseRequest)
	peer.wantClosed()
	for range 2 {
		if _, err := c.next(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a channel of a closed client says %v", err)
		}
	}
	c.client.Close()
}

// TestReasonsTravelBothWays: the consumer hears why its producer failed, and the producer's subpartition is free when its consumer leaves.
func TestReasonsTravelBothWays(t *testing.T) {
	s := listen(t, 2, 8, 64)
	c := newConsumer(t, 1, 2, 2, 64, Options{})
	left := newConsumer(t, 1, 2, 2, 64, Options{})
	c.mustOpen(0, s.server.Addr(), 0, 0)
	left.mustOpen(0, s.server.Addr(), 0, 1)
	s.emit(1, 5)
	left.mustNext()
	s.emit(1, 5)
	left.gate.Close()
	for s.part.QueuedBuffers() > 0 { // until the producer has heard
		time.Sleep(time.Millisecond)
	}
	s.emit(1, 64) // goes nowhere
	s.emit(0, 5)
	c.mustNext()
	s.part.Fail(errors.New("the disk is full"))
	var remote *RemoteError
	c.wantError(0, &remote)
	if remote == nil || remote.Class != frame.ClassIOException || remote.Message != "producer failed: the disk is full" {
		t.Errorf("the reason is %v", remote)
	}
}

// TestGateClosesWhileItsChannelsAreRequested: the connection forgets them.
func TestGateClosesWhileItsChannelsAreRequested(t *testing.T) {
	s := listen(t, 1, 2, 64)
	for range rounds(256) {
		c := newConsumer(t, 4, 1, 2, 64, Options{})
		c.mustOpen(0, s.server.Addr(), 9, 0) // makes the connection
		var both sync.WaitGroup
		both.Go(c.gate.Close)
		both.Go(func() {
			for i := 1; i < 4; i++ {
				if err := c.open(i, s.server.Addr(), 9, i); err != nil && !errors.Is(err, gate.ErrClosed) {
					t.Error(err)
				}
			}
		})
		both.Wait()
		conn, err := c.client.connect(t.Context(), c.client.key(s.server.Addr(), frame.ChannelID{}))
		if err != nil {
			t.Fatal(err)
		}
		conn.mu.Lock()
		n := len(conn.mu.requests)
		conn.mu.Unlock()
		if n != 0 {
			t.Fatalf("%d channels of a closed gate are still open", n)
		}
		c.client.Close()
	}
}
