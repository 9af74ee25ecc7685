// inbox.go: the way from anybody to the one goroutine that writes a connection.

package net

import "sync"

// inbox collects notes. put may be called by anybody and never waits; take belongs to the writer, which gets everything at once.
// The wake-up is given on the edge from empty to something.
type inbox[T any] struct {
	wake  chan struct{} // one slot: a signal, never data
	taken []T           // what take gave last: its memory is used again

	mu struct {
		sync.Mutex
		notes  []T
		closed bool
	}
}

func newInbox[T any]() *inbox[T] { return &inbox[T]{wake: make(chan struct{}, 1)} }

// put leaves a note. False: the inbox is closed and nobody will read it.
func (b *inbox[T]) put(n T) bool {
	b.mu.Lock()
	if b.mu.closed {
		b.mu.Unlock()
		return false
	}
	edge := len(b.mu.notes) == 0
	b.mu.notes = append(b.mu.notes, n)
	b.mu.Unlock()
	if edge {
		b.signal()
	}
	return true
}

// len is how many notes nobody has taken.
func (b *inbox[T]) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mu.notes)
}

// close refuses notes from now on and returns those that nobody took.
func (b *inbox[T]) close() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.mu.notes
	b.mu.notes, b.mu.closed = nil, true
	return left
}

func (b *inbox[T]) signal() {
	select {
	case b.wake <- struct{}{}:
	default: // already woken
	}
}

// take returns all notes. They stay valid until the next take.
func (b *inbox[T]) take() []T {
	clear(b.taken)
	b.mu.Lock()
	b.taken, b.mu.notes = b.mu.notes, b.taken[:0]
	b.mu.Unlock()
	return b.taken
}
