// server.go: where a producing process listens for its consumers.

package net

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime/pprof"
	"sync"
	"time"

	"xbench/core/meter"
	"xbench/core/net/partition"
)

// acceptRetry keeps a loop without descriptors from spinning.
const acceptRetry = 5 * time.Millisecond

// Options are what both ends of a connection need.
type Options struct {
	Clock   meter.Clock
	Waits   meter.Observer // hears of waits for credit and for sockets; may be nil
	Traffic *meter.Traffic // counts what goes over the connections; may be nil
	TLS     *tls.Config    // nil: plain TCP
	// TaskEvents delivers what consumers' tasks send to producers'; nil: nobody listens.
	TaskEvents *TaskEvents
	// PartitionTimeout is for how long the producers keep a request whose partition is not there, BackoffMax half the time for which such
	// requests are repeated; 0: the defaults. A negative PartitionTimeout: not at all.
	PartitionTimeout, BackoffMax time.Duration
	// Connections is how many connections there are to one producing process; 0: one.
	Connections int
	// Congestion is the TCP congestion control of the connections, on this end; empty: the machine's default. A *CongestionError says that the
	// kernel refused it.
	Congestion string
	// FrameTimeout bounds the time from the first byte of a frame to its last, once it has to be waited for; 0: DefaultFrameTimeout.
	FrameTimeout time.Duration
	// Lost hears why a consumer's connection ended, unless by its good-bye or by Close; also why none came about. It is called by the connection's
	// goroutine with no lock held, and must not block; may be nil.
	Lost func(peer string, err error)
}

// Server accepts the connections of consumers and serves the partitions of a registry on them.
type Server struct {
	listener net.Listener
	registry *partition.Registry
	o        Options
	running  sync.WaitGroup

	mu struct {
		sync.Mutex
		conns  map[*serverConn]struct{}
		closed bool
	}
}

// Listen starts to serve on a TCP address ("127.0.0.1:0" picks a port). Close ends it.
func Listen(address string, registry *partition.Registry, o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = meter.Monotonic()
	}
	listen := net.ListenConfig{Control: congestion(o.Congestion).control}
	l, err := listen.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for consumers: %w", err)
	}
	s := &Server{listener: l, registry: registry, o: o}
	s.mu.conns = map[*serverConn]struct{}{}
	s.running.Go(func() {
		pprof.Do(context.Background(), pprof.Labels("role", "server-accept"), func(context.Context) { s.acceptLoop() })
	})
	return s, nil
}

// Addr is the address to connect to.
func (s *Server) Addr() string { return s.listener.Addr().String() }

func (s *Server) acceptLoop() {
	for {
		c, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptRetry) // no descriptor now, or a consumer that gave up in the queue: the next one may do
			continue
		}
		if s.o.TLS != nil {
			c = tls.Server(c, s.o.TLS)
		}
		s.serve(c)
	}
}

// serve starts a connection's goroutines, unless the server is closing.
func (s *Server) serve(c net.Conn) {
	stream, err := newStream(c, s.o)
	if err != nil {
		_ = c.Close()
		return
	}
	conn := newServerConn(stream, c.RemoteAddr().String(), s.registry, s.o)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		_ = c.Close()
		return
	}
	s.mu.conns[conn] = struct{}{}
	s.running.Go(func() {
		if err := acceptTLS(c); err != nil {
			conn.end(err)
		}
		conn.run()
		s.mu.Lock()
		delete(s.mu.conns, conn)
		s.mu.Unlock()
		if err := conn.failure(); err != nil && s.o.Lost != nil {
			s.o.Lost(conn.peer, err)
		}
	})
}

// errServerClosed ends connections whose server goes away.
var errServerClosed = errors.New("server closed")

// Close ends every connection, gives back what they held, and returns when all goroutines have ended.
func (s *Server) Close() error {
	s.mu.Lock()
	s.mu.closed = true
	conns := s.mu.conns
	s.mu.conns = nil
	s.mu.Unlock()
	err := s.listener.Close()
	for c := range conns {
		c.end(errServerClosed)
	}
	s.running.Wait()
	return err
}
