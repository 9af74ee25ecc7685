// nats.go: NATS core, with the server embedded in the sinks' worker.

package field

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// natsTransport has a subject and a subscription for each channel; a message is a batch. Sources publish over one TCP connection to the server; the
// subscriber is in the server's process and connected to it in memory. There is no flow control: what a consumer does not take is kept by its
// client, so its limits are lifted, as otherwise messages would be dropped.
type natsTransport struct {
	server *server.Server
	in     *nats.Conn
	out    *nats.Conn

	ready  chan struct{} // closed when books are set
	books  *books
	ended  sync.WaitGroup
	failed chan error
}

const natsReady = 10 * time.Second

func natsSubject(ch int) string { return "rivals." + strconv.Itoa(ch) }

func newNATS() *natsTransport {
	return &natsTransport{ready: make(chan struct{}), failed: make(chan error, 1)}
}

func (n *natsTransport) listen(channels int) (addr string, err error) {
	n.server, err = server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		return "", err
	}
	go n.server.Start() // ends by itself
	if !n.server.ReadyForConnections(natsReady) {
		return "", fmt.Errorf("the NATS server is not ready after %s", natsReady)
	}
	if n.in, err = nats.Connect("", nats.InProcessServer(n.server), n.options()); err != nil {
		return "", err
	}
	for ch := range channels {
		if err := n.subscribe(ch); err != nil {
			return "", err
		}
	}
	n.ended.Add(channels)
	return n.server.Addr().String(), n.in.Flush()
}

// options make a lost connection an error rather than a pause.
func (n *natsTransport) options() nats.Option {
	return func(o *nats.Options) error {
		o.AllowReconnect = false
		o.ClosedCB = func(c *nats.Conn) { n.fail(c.LastError()) }
		o.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { n.fail(err) }
		return nil
	}
}

// fail keeps the first reason.
func (n *natsTransport) fail(err error) {
	if err != nil {
		select {
		case n.failed <- err:
		default:
		}
	}
}

func (n *natsTransport) subscribe(ch int) error {
	s, err := n.in.Subscribe(natsSubject(ch), func(m *nats.Msg) {
		<-n.ready
		if len(m.Data) == 0 {
			n.ended.Done()
			return
		}
		n.books.take(ch, m.Data)
	})
	if err != nil {
		return err
	}
	return s.SetPendingLimits(-1, -1)
}

func (n *natsTransport) dial(_ context.Context, addr string, _ int) (err error) {
	n.out, err = nats.Connect("nats://"+addr, n.options())
	return err
}

func (n *natsTransport) accept(context.Context, int) error { return nil }

func (n *natsTransport) open(_ context.Context, ch int) (channel, error) {
	return &natsChannel{n: n, subject: natsSubject(ch)}, nil
}

type natsChannel struct {
	n       *natsTransport
	subject string
}

func (c *natsChannel) write(batch []byte) ([]byte, error) {
	return batch, c.n.out.Publish(c.subject, batch)
}

// end sends an empty message. The connection stays until all workers are done, so it gets there.
func (c *natsChannel) end() error { return c.n.out.Publish(c.subject, nil) }

// flush has nothing to do: the client writes what was published as soon as the socket takes it.
func (n *natsTransport) flush() error { return nil }

func (n *natsTransport) deliver(b *books) error {
	n.books = b
	close(n.ready)
	all := make(chan struct{})
	go func() { n.ended.Wait(); close(all) }()
	select {
	case <-all:
		return nil
	case err := <-n.failed:
		return err
	}
}

func (n *natsTransport) close() error {
	for _, c := range []*nats.Conn{n.out, n.in} {
		if c != nil {
			c.Close()
		}
	}
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
	}
	return nil
}
