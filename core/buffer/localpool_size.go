// localpool_size.go: a local pool grows, shrinks, and ends.

package buffer

import "fmt"

// SetSize lets the pool hold n segments, at most Max. Too many free ones return at once, others when they are recycled: until
// then they are overdraft. Called by redistribution; panics when n is below what was promised.
func (l *LocalBufferPool) SetSize(n int) {
	l.resize(n)
	l.global.wake()
	l.serve()
}

// resize is SetSize without telling anybody, as the factory lock may be held.
func (l *LocalBufferPool) resize(n int) {
	if n < l.options.Required {
		panic(fmt.Sprintf("buffer: pool needs at least %d buffers, but its size was to be %d", l.options.Required, n))
	}
	l.mu.Lock()
	if l.mu.destroyed { // nothing may be fetched for it any more (FLINK-19964)
		l.mu.Unlock()
		return
	}
	l.mu.size = min(n, l.options.Max)
	excess := max(0, min(l.mu.requested-l.mu.size, len(l.mu.free)))
	kept := len(l.mu.free) - excess
	l.global.give(l.mu.free[kept:]...)
	clear(l.mu.free[kept:])
	l.mu.free = l.mu.free[:kept]
	l.mu.requested -= excess
	l.unlock()
}

// Destroy ends the pool without waiting for what it lent: free segments return, blocked requests get ErrPoolDestroyed,
// listeners are told; what is lent returns to the global pool when it is recycled. Its promise is taken back at once. A second
// call does nothing. Any goroutine, with no lock held.
func (l *LocalBufferPool) Destroy() {
	l.mu.Lock()
	if l.mu.destroyed {
		l.mu.Unlock()
		return
	}
	l.mu.destroyed = true
	l.available.Store(true)
	close(l.ready)
	close(l.freed)
	l.global.give(l.mu.free...)
	l.mu.requested -= len(l.mu.free)
	l.mu.free = nil
	listeners := l.mu.listeners
	l.mu.listeners = listenerLine{}
	l.mu.Unlock()
	for x := listeners.pop(); x != nil; x = listeners.pop() {
		x.PoolDestroyed()
	}
	l.global.remove(l)
	l.global.stir()
}
