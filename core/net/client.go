// client.go: a consuming process's connections: one to each producing process, shared by all its channels.

package net

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"sync"

	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
)

// Client connects to producers. Channels that read from the same address share one connection (Flink: PartitionRequestClientFactory with
// connection reuse): the first caller connects, the others wait for it. A failed attempt is not remembered.
type Client struct {
	o       Options
	running sync.WaitGroup

	closing context.Context // ends with the client: what attempts to connect end with
	end     context.CancelFunc

	mu struct {
		sync.Mutex
		conns  map[connKey]*dial
		closed bool
	}
}

// connKey names a connection: the address, and which of several to it (Flink: ConnectionID).
type connKey struct {
	address string
	index   int
}

// key picks the connection of a channel: with several, they share the channels by a hash.
func (c *Client) key(address string, channel frame.ChannelID) connKey {
	h := fnv.New32a()
	_, _ = h.Write(channel[:])
	return connKey{address, int(h.Sum32() % uint32(c.o.Connections))}
}

// dial is one address's connection, made or in the making. done is closed when conn or err is set.
type dial struct {
	done chan struct{}
	conn *clientConn
	err  error
}

// NewClient makes a client without any connection.
func NewClient(o Options) *Client {
	if o.Clock == nil {
		o.Clock = meter.Monotonic()
	}
	if o.PartitionTimeout == 0 {
		o.PartitionTimeout = DefaultPartitionTimeout
	}
	if o.BackoffMax == 0 {
		o.BackoffMax = DefaultBackoffMax
	}
	o.Connections = max(1, o.Connections)
	c := &Client{o: o}
	c.closing, c.end = context.WithCancel(context.Background())
	c.mu.conns = map[connKey]*dial{}
	return c
}

// SendTaskEvent sends an event (as frame.AppendEvent writes it) to the producing task of a channel that Open made.
func (ch *Channel) SendTaskEvent(event []byte) { ch.conn.sendTaskEvent(ch.remote, event) }

// Channel is an open channel as its connection knows it.
type Channel struct {
	conn   *clientConn
	remote *gate.RemoteChannel
}

// Open makes channel i of a gate a remote one: it takes the channel's exclusive buffers, connects to the address where there is no
// connection yet, and asks for subpartition sub of the partition. What goes wrong later the task finds in its gate.
func (c *Client) Open(ctx context.Context, g *gate.InputGate, i int, address string, id frame.ResultPartitionID, sub int, channel frame.ChannelID) (*Channel, error) {
	conn, err := c.connect(ctx, c.key(address, channel))
	if err != nil {
		return nil, err
	}
	ch, err := g.OpenRemote(ctx, i, channel, conn.post)
	if err != nil {
		return nil, err
	}
	return &Channel{conn: conn, remote: ch}, conn.open(ch, id, sub)
}

// connect returns a connection, and makes it if there is none that works.
func (c *Client) connect(ctx context.Context, key connKey) (*clientConn, error) {
	for {
		c.mu.Lock()
		if c.mu.closed {
			c.mu.Unlock()
			return nil, errClientClosed
		}
		d := c.mu.conns[key]
		mine := d == nil
		if mine {
			d = &dial{done: make(chan struct{})}
			c.mu.conns[key] = d
		}
		c.mu.Unlock()
		if mine {
			c.dial(ctx, key, d)
		}
		select {
		case <-d.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		err := d.err
		if err == nil {
			err = d.conn.failure()
		}
		if err == nil {
			return d.conn, nil
		}
		c.forget(key, d)
		// The connection that somebody else made has ended since, or they gave up: worth a try of our own.
		if mine || d.conn == nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		}
	}
}

// dial connects and starts the connection's goroutines.
func (c *Client) dial(ctx context.Context, key connKey, d *dial) {
	defer close(d.done)
	address := key.address
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.closing, func() { cancel(errClientClosed) })()
	dialer := net.Dialer{Control: congestion(c.o.Congestion).control}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil && c.o.TLS != nil {
		if conn, err = connectTLS(ctx, conn, c.o.TLS, address); err != nil {
			_ = conn.Close()
		}
	}
	if err != nil {
		d.err = &RemoteTransportError{Peer: address, Cause: err,
			Text: "connecting has failed, which might indicate that the remote process has been lost"}
		if context.Cause(ctx) == errClientClosed {
			d.err = errClientClosed
		}
		if refused := new(CongestionError); errors.As(err, &refused) { // nobody else's fault
			d.err = &LocalTransportError{Peer: address, Text: "connecting has failed", Cause: err}
		}
		return
	}
	s, err := newStream(conn, c.o)
	if err != nil {
		_ = conn.Close()
		d.err = &LocalTransportError{Peer: address, Text: "connecting has failed", Cause: err}
		return
	}
	d.conn = newClientConn(s, address, c.o)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		d.conn.end(errClientClosed)
	}
	c.running.Go(func() {
		d.conn.run()
		c.forget(key, d)
	})
}

func (c *Client) forget(key connKey, d *dial) {
	c.mu.Lock()
	if c.mu.conns[key] == d {
		delete(c.mu.conns, key)
	}
	c.mu.Unlock()
}

// Connections is how many connections there are.
func (c *Client) Connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.mu.conns)
}

// Close gives up attempts to connect, says good-bye on every connection and returns when all goroutines have ended. Channels that are still open
// fail.
func (c *Client) Close() {
	c.end()
	c.mu.Lock()
	c.mu.closed = true
	var open []*dial
	for _, d := range c.mu.conns {
		open = append(open, d)
	}
	c.mu.Unlock()
	for _, d := range open {
		<-d.done
		if d.conn != nil {
			d.conn.close()
		}
	}
	c.running.Wait()
}

var errClientClosed = fmt.Errorf("client closed: %w", net.ErrClosed)
