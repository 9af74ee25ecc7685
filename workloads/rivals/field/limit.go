// limit.go: what the machine's loopback does at best, measured as the systems are.

package field

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"xbench/harness"
)

// The limits that take two processes, by the names of their drivers.
const (
	LimitStream   = "limit: tcp stream"    // one connection, written to in pieces of LimitWrite: a record is such a piece
	LimitPingPong = "limit: tcp ping-pong" // LimitPing bytes there and back: a record's latency is that of the round trip
)

// LimitWrite is how much is written at once, LimitPing how long a ping is.
const (
	LimitWrite = 256 << 10
	LimitPing  = 16
)

// limit is a TCP connection and what happens on it.
type limit struct {
	plan     harness.Plan
	exchange conversation
	listener *net.TCPListener
	conn     *net.TCPConn
}

// conversation is what the two tasks do.
type conversation struct {
	source func(ctx context.Context, c *net.TCPConn, t *harness.SourceTask) error
	sink   func(c *net.TCPConn, p harness.Plan, t *harness.SinkTask) error
}

var (
	streamed = conversation{source: writePieces, sink: readPieces}
	echoed   = conversation{source: echo, sink: ping}
)

func (l *limit) Open(_ context.Context, p harness.Plan) (addr string, err error) {
	l.plan = p
	if !p.Holds(harness.RoleSink) {
		return "", nil
	}
	if l.listener, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		return "", err
	}
	return l.listener.Addr().String(), nil
}

func (l *limit) Connect(ctx context.Context, addrs []string) (err error) {
	if l.plan.Holds(harness.RoleSink) {
		l.conn, err = l.listener.AcceptTCP()
		return err
	}
	for _, a := range addrs {
		if a != "" {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", a)
			if err != nil {
				return err
			}
			l.conn = c.(*net.TCPConn)
			return nil
		}
	}
	return errors.New("nobody listens")
}

func (l *limit) Sources() []harness.Source {
	if !l.plan.Holds(harness.RoleSource) {
		return nil
	}
	return []harness.Source{{Name: "source", Channels: 1, Run: func(ctx context.Context, t *harness.SourceTask) error {
		return l.exchange.source(ctx, l.conn, t)
	}}}
}

func (l *limit) Sinks() []harness.Sink {
	if !l.plan.Holds(harness.RoleSink) {
		return nil
	}
	return []harness.Sink{{Name: "sink", Run: func(_ context.Context, t *harness.SinkTask) error {
		return l.exchange.sink(l.conn, l.plan, t)
	}}}
}

func (l *limit) Stats() harness.Stats { return harness.Stats{} }

func (l *limit) Close() error {
	err := l.conn.Close()
	if l.listener != nil {
		err = errors.Join(err, l.listener.Close())
	}
	return err
}

func writePieces(ctx context.Context, c *net.TCPConn, t *harness.SourceTask) error {
	piece := filler[:batchSize]
	buf := make([]byte, 0, LimitWrite)
	for len(buf) < LimitWrite {
		buf = append(buf, piece...)
	}
	if !t.WaitBegin(ctx) {
		return nil
	}
	for now := t.Clock(); !t.Over(now); now = t.Clock() {
		binary.BigEndian.PutUint64(buf, uint64(now))
		if _, err := c.Write(buf); err != nil {
			return err
		}
		t.Ledger.Entries[0].Count++
		t.Sent(1)
	}
	return c.CloseWrite()
}

func readPieces(c *net.TCPConn, _ harness.Plan, t *harness.SinkTask) error {
	buf := make([]byte, LimitWrite)
	e := &t.Ledger(0, 1).Entries[0]
	for {
		if n, err := io.ReadFull(c, buf); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("%d bytes of a piece: %w", n, err)
		}
		now := t.Clock()
		e.Count++
		t.Received(1, now)
		t.Latency(int64(binary.BigEndian.Uint64(buf)), now)
	}
}

// echo sends back what comes.
func echo(_ context.Context, c *net.TCPConn, t *harness.SourceTask) error {
	buf := make([]byte, LimitPing)
	for {
		if _, err := io.ReadFull(c, buf); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		t.Ledger.Entries[0].Count++
		t.Sent(1)
		if _, err := c.Write(buf); err != nil {
			return err
		}
	}
}

// ping sends one after the other from the trial's begin to its end.
func ping(c *net.TCPConn, p harness.Plan, t *harness.SinkTask) error {
	buf := make([]byte, LimitPing)
	e := &t.Ledger(0, 1).Entries[0]
	time.Sleep(time.Duration(t.Measure() - int64(p.Warmup) - t.Clock()))
	for now := t.Clock(); now < t.Measure()+int64(p.Duration); {
		sent := now
		if _, err := c.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			return err
		}
		now = t.Clock()
		e.Count++
		t.Received(1, now)
		t.Latency(sent, now)
	}
	return c.CloseWrite()
}
