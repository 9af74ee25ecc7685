// localpool_wait.go: waiting for a buffer of a local pool: blocking requests, the reserve, and listeners.

package buffer

import (
	"context"
	"fmt"
)

// RequestBlocking is Request that waits until there is a buffer: hard back-pressure. The wait is reported as meter.Pool. It
// waits for a segment, not for the pool to be available: a channel at its maximum must not stop a record for another in
// the middle (FLINK-27522). The error is ErrPoolDestroyed or the context's; a buffer counts more than either.
func (l *LocalBufferPool) RequestBlocking(ctx context.Context, channel int) (Buffer, error) {
	b, err := l.Request(channel)
	if err != nil || !b.IsZero() {
		return b, err
	}
	from := l.global.now()
	defer l.global.waited(channel, from)
	l.block(+1)
	defer l.block(-1)
	var over error
	for {
		b, err := l.Request(channel) // at first as well: what came before block made no signal
		if err != nil || !b.IsZero() {
			return b, err
		}
		if over != nil {
			return Buffer{}, over
		}
		select {
		case <-l.freed:
		case <-ctx.Done():
			over = fmt.Errorf("interrupted while waiting for a network buffer: %w", context.Cause(ctx))
		}
	}
}

// block counts who blocks: signals are for them only. Who took one requests, and by that passes it on.
func (l *LocalBufferPool) block(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.blocked += n
}

// Reserve fetches segments until the pool holds n, at most what it was promised, and waits for them up to the request timeout. A
// gate reserves one before anything else: a pool without any segment hears of nothing that is recycled.
func (l *LocalBufferPool) Reserve(ctx context.Context, n int) error {
	if n < 0 || n > l.options.Required {
		panic(fmt.Sprintf("buffer: reserving %d of %d segments promised", n, l.options.Required))
	}
	err := l.global.await(ctx, n, func() (int, error) {
		l.mu.Lock()
		defer l.unlock()
		if l.mu.destroyed {
			return l.mu.requested, ErrPoolDestroyed
		}
		for l.mu.requested < n {
			s := l.global.take()
			if s == nil {
				break
			}
			l.mu.requested++
			l.mu.free = append(l.mu.free, s)
		}
		return l.mu.requested, nil
	})
	l.serve()
	return err
}

// A Listener waits for one buffer of a local pool: a channel that is short of floating buffers.
type Listener interface {
	// BufferAvailable offers a buffer, with no lock of this package held, and reports whether it was accepted. Who
	// accepts owns the buffer; who refuses leaves it untouched, and it goes to the next listener. Either way the listener is
	// no longer registered. One that accepts may register again, also from within; one that refuses must not, or it would be
	// asked for ever.
	BufferAvailable(b Buffer) bool
	// PoolDestroyed says that no buffer will come.
	PoolDestroyed()
}

// AddListener registers x for the next segment that becomes free, behind those registered before. False when there is a
// free segment, or the pool is destroyed: request again, then. The caller sees to it that x is not registered twice.
func (l *LocalBufferPool) AddListener(x Listener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.destroyed || len(l.mu.free) > 0 {
		return false
	}
	l.mu.listeners.push(x)
	return true
}

// serve hands free segments to listeners, until there are none of the one or the other. It follows, with no lock held, whatever
// may bring segments other than by recycling: a larger size, the global pool. (In Flink it does not, and
// listeners of a pool without segments would starve.)
func (l *LocalBufferPool) serve() {
	for {
		l.mu.Lock()
		if l.mu.listeners.len() == 0 {
			l.mu.Unlock()
			return
		}
		l.fetchLocked()
		last := len(l.mu.free) - 1
		if last < 0 {
			l.unlock()
			return
		}
		s := l.mu.free[last]
		l.mu.free = l.mu.free[:last]
		l.placeAndUnlock(s)
	}
}

// listenerLine is a first-in-first-out line that reuses its memory.
type listenerLine struct {
	ring  []Listener // its length is a power of two, or 0
	first int
	count int
}

func (q *listenerLine) len() int { return q.count }

func (q *listenerLine) push(x Listener) {
	if q.count == len(q.ring) {
		wider := make([]Listener, max(8, 2*q.count))
		for i := range q.count {
			wider[i] = q.ring[(q.first+i)&(len(q.ring)-1)]
		}
		q.ring, q.first = wider, 0
	}
	q.ring[(q.first+q.count)&(len(q.ring)-1)] = x
	q.count++
}

// pop is the first, or nil.
func (q *listenerLine) pop() Listener {
	if q.count == 0 {
		return nil
	}
	x := q.ring[q.first]
	q.ring[q.first] = nil
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.count--
	return x
}
