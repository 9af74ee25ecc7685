// traffic.go: what went through a connection or an exchange, in totals that only grow.

package meter

import "sync/atomic"

// Counter is a total that only grows. Its zero value is ready; any goroutine may call it. Not padded: the
// counters of one Traffic are written by the two goroutines of one connection, a few times per batch.
type Counter struct{ n atomic.Uint64 }

// Add raises the total by n.
func (c *Counter) Add(n uint64) { c.n.Add(n) }

// Raise makes the total n, for an owner who counts by himself and publishes now and then. Where nothing has changed it costs next to nothing.
// A total is either added to by anybody or raised by one.
func (c *Counter) Raise(n uint64) {
	if c.n.Load() != n {
		c.n.Store(n)
	}
}

// Load is the total.
func (c *Counter) Load() uint64 { return c.n.Load() }

// Traffic counts what one connection, or one exchange, sent (Out) and received (In).
type Traffic struct {
	BuffersOut, BuffersIn Counter // data buffers
	EventsOut, EventsIn   Counter // events: in-band, free of credit
	FramesOut, FramesIn   Counter // messages of any kind
	BytesOut, BytesIn     Counter // bytes on the wire, headers included; of a TLS connection those inside
	CreditsOut, CreditsIn Counter // credits announced, not messages, and not the initial ones
	WritesOut, ReadsIn    Counter // system calls, those that found nothing to do included; of a TLS connection calls of it
}
