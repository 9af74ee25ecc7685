// transport.go: what a rival has to offer.

package field

import (
	"context"

	"xbench/harness"
)

// readAhead is how much is read from a connection at once, where that can be said. It makes libp2p's yamux a fifth faster than its default of 4 KiB.
const readAhead = 256 << 10

// transport carries channels over one connection. Each worker has its end: the sinks' listens, the sources' dials. In one process it is
// one value for both.
type transport interface {
	// listen is called in the sinks' worker. channels is how many there will be.
	listen(channels int) (addr string, err error)
	// dial connects to it.
	dial(ctx context.Context, addr string, channels int) error
	// open makes channel ch, in the worker that dialled.
	open(ctx context.Context, ch int) (channel, error)
	// accept waits until the other worker has opened all channels, in the worker that listens.
	accept(ctx context.Context, channels int) error
	// deliver hands what arrives to the books until all channels have ended.
	deliver(b *books) error
	// flush sends what the transport itself has gathered. Any writer may call it.
	flush() error
	close() error
}

// channel is the writing end of one channel. One goroutine at a time uses it.
type channel interface {
	// write sends a batch, and waits while the transport has no room for it. It takes the batch's memory, and gives the same or other in return, empty
	// and as large.
	write(batch []byte) (empty []byte, err error)
	// end says that nothing follows.
	end() error
}

// batched is a transport as a system: with batches in front, and books behind.
type batched struct {
	transport transport
	plan      harness.Plan
	spec      Spec
	channels  []channel // by writer, then channel
	books     *books
}

func (b *batched) open(p harness.Plan, s Spec) (addr string, err error) {
	b.plan, b.spec = p, s
	if !p.Holds(harness.RoleSink) {
		return "", nil
	}
	b.books = newBooks(p, s)
	return b.transport.listen(s.total())
}

func (b *batched) connect(ctx context.Context, addr string) error {
	if b.plan.Holds(harness.RoleSource) {
		if err := b.transport.dial(ctx, addr, b.spec.total()); err != nil {
			return err
		}
		for ch := range b.spec.total() {
			c, err := b.transport.open(ctx, ch)
			if err != nil {
				return err
			}
			b.channels = append(b.channels, c)
		}
	}
	if b.plan.Holds(harness.RoleSink) {
		return b.transport.accept(ctx, b.spec.total())
	}
	return nil
}

func (b *batched) output(writer int, t *harness.SourceTask) output {
	n := b.spec.Channels
	out := newBatches(b.spec, b.transport, b.channels[writer*n:(writer+1)*n], t.Ledger.Entries)
	out.clock = t.Clock
	return out
}

func (b *batched) consume(ctx context.Context, consumer int, t *harness.SinkTask) error {
	if b.books.join(consumer, t) {
		go b.books.run(b.transport)
	}
	return b.books.wait(ctx, consumer)
}

func (b *batched) stats() harness.Stats {
	s := harness.Stats{SegmentSize: batchSize}
	if b.plan.Holds(harness.RoleSource) {
		s.Connections = 1
	}
	return s
}

func (b *batched) close() error { return b.transport.close() }
