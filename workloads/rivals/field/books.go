// books.go: what arrives from a transport: decoded, checked in order, counted.

package field

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"xbench/harness"
)

// books receive the bytes of all channels. The goroutines of a transport call take, those of one channel one after the other; the
// harness's sinks wait until their channels have ended.
type books struct {
	spec      Spec
	channels  []book // by writer, then channel
	consumers []*consumer
	err       error         // of delivery; to be read when it has ended
	ended     chan struct{} // closed then

	mu struct {
		sync.Mutex
		joined int
	}
}

// book is one channel's. The goroutine that delivers it owns it.
type book struct {
	entry harness.Entry
	carry []byte // the beginning of a record that was cut
	_     [64]byte
}

// consumer is one sink and what its channels have in common.
type consumer struct {
	stall stall
	t     *harness.SinkTask // its counters under mu: many channels may arrive at once
	mu    sync.Mutex
}

func newBooks(p harness.Plan, s Spec) *books {
	b := &books{spec: s, channels: make([]book, s.total()), ended: make(chan struct{})}
	for i := range s.Consumers {
		b.consumers = append(b.consumers, &consumer{stall: stallOf(p, s, i)})
	}
	return b
}

// join adds a sink, and says true to the last one.
func (b *books) join(consumer int, t *harness.SinkTask) (complete bool) {
	c := b.consumers[consumer]
	c.t = t
	c.stall.begin(t)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.joined++
	return b.mu.joined == len(b.consumers)
}

// run delivers everything.
func (b *books) run(t transport) {
	b.err = t.deliver(b)
	close(b.ended)
}

// wait returns when everything has been delivered, the consumer's ledgers complete.
func (b *books) wait(ctx context.Context, consumer int) error {
	select {
	case <-b.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	t := b.consumers[consumer].t
	for w := range b.spec.Writers {
		if b.spec.consumer(w) != consumer {
			continue
		}
		for ch := range b.spec.Channels {
			k := &b.channels[w*b.spec.Channels+ch]
			if len(k.carry) > 0 { // the channel ended within a record
				k.entry.Bytes(k.carry)
				t.Received(1, t.Clock())
			}
			t.Ledger(w, b.spec.Channels).Entries[ch] = k.entry
		}
	}
	return b.err
}

// take takes bytes of a channel, cut anywhere. They are the caller's again afterwards.
func (b *books) take(channel int, p []byte) {
	c := b.consumers[b.spec.consumer(channel/b.spec.Channels)]
	now := c.t.Clock()
	if c.stall.due(now) {
		now = c.stall.stand(c.t)
	}
	k := &b.channels[channel]
	n := 0
	if len(k.carry) > 0 {
		var whole []byte
		if whole, p = k.join(p); whole != nil {
			n = b.records(c, k, whole)
			k.carry = k.carry[:0]
		}
	}
	n += b.records(c, k, p)
	if n > 0 {
		c.mu.Lock()
		c.t.Received(n, now)
		c.mu.Unlock()
	}
}

// join completes the record that was cut: it is whole, or p is used up. A length that cannot be is cut off, for records to find.
func (k *book) join(p []byte) (whole, rest []byte) {
	for {
		want := lengthSize
		if len(k.carry) >= lengthSize {
			want += min(int(binary.BigEndian.Uint32(k.carry)), batchSize)
			if len(k.carry) == want {
				return k.carry, p
			}
		}
		if len(p) == 0 {
			return nil, nil
		}
		n := min(want-len(k.carry), len(p))
		k.carry, p = append(k.carry, p[:n]...), p[n:]
	}
}

// records enters the whole records that p begins with, and keeps the rest.
func (b *books) records(c *consumer, k *book, p []byte) (n int) {
	for {
		var due int64
		if b.spec.Size == longSize {
			taken := k.longs(p)
			n, p = n+taken, p[taken*longFramed:]
		}
		if len(p) < lengthSize {
			break
		}
		size := int(binary.BigEndian.Uint32(p))
		if size > batchSize-lengthSize { // no record, and nothing behind it can be told apart
			k.entry.Bytes(p)
			return n + 1
		}
		if len(p) < lengthSize+size {
			break
		}
		record := p[lengthSize : lengthSize+size]
		if b.spec.Size == longSize {
			due = enterOther(&k.entry, record)
		} else {
			due = enterStamped(&k.entry, record, b.spec.Size)
		}
		if due != 0 {
			c.latency(due)
		}
		p = p[lengthSize+size:]
		n++
	}
	k.carry = append(k.carry, p...)
	return n
}

// longs enters the longs that p begins with, as far as they are the ones to come. It keeps what it counts in registers.
func (k *book) longs(p []byte) (n int) {
	next := k.entry.Count
	for len(p) >= longFramed && binary.BigEndian.Uint32(p) == longSize && binary.BigEndian.Uint64(p[lengthSize:]) == next {
		p = p[longFramed:]
		next++
		n++
	}
	k.entry.Count = next
	return n
}

func (c *consumer) latency(due int64) {
	c.mu.Lock()
	c.t.Latency(due, c.t.Clock())
	c.mu.Unlock()
}

// stall is a consumer's stand-still: from the beginning of the measured window to its end, with a batch in its hands.
type stall struct {
	from, to int64 // of the sink's clock; equal: never
	long     time.Duration
}

// stallOf is whether, and for how long, a consumer stands still.
func stallOf(p harness.Plan, s Spec, consumer int) stall {
	if s.Stalled && consumer == s.Consumers-1 {
		return stall{long: p.Duration}
	}
	return stall{}
}

// begin is told the sink's task, which knows the instants.
func (s *stall) begin(t *harness.SinkTask) {
	s.from = t.Measure()
	s.to = s.from + int64(s.long)
}

func (s *stall) due(now int64) bool { return now >= s.from && now < s.to }

// stand stands still to the end of the window. So it ends by itself, whoever waits for this consumer.
func (s *stall) stand(t *harness.SinkTask) (now int64) {
	for now = t.Clock(); now < s.to; now = t.Clock() {
		time.Sleep(time.Duration(s.to - now))
	}
	return now
}
