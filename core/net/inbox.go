// inbox.go: the way from anybody to whoever writes a connection.

package net

import "sync"

// inbox collects notes. put and leave may be called by anybody and never wait; take belongs to whoever has the sender, and gets everything at once.
// put wakes the sender's goroutine, once until the next take; who leaves a note has to see to it that it is taken.
type inbox[T any] struct {
	wake  chan struct{} // one slot: a signal, never data
	taken []T           // what take gave last: its memory is used again

	mu struct {
		sync.Mutex
		notes     []T
		signalled bool // since the last take
		closed    bool
	}
}

func newInbox[T any]() *inbox[T] { return &inbox[T]{wake: make(chan struct{}, 1)} }

// put leaves a note and wakes the sender. False: the inbox is closed and nobody will read it.
func (b *inbox[T]) put(n T) bool {
	b.mu.Lock()
	if b.mu.closed {
		b.mu.Unlock()
		return false
	}
	wake := !b.mu.signalled
	b.mu.signalled = true
	b.mu.notes = append(b.mu.notes, n)
	b.mu.Unlock()
	if wake {
		b.signal()
	}
	return true
}

// leave is put without waking anybody.
func (b *inbox[T]) leave(n T) {
	b.mu.Lock()
	if !b.mu.closed {
		b.mu.notes = append(b.mu.notes, n)
	}
	b.mu.Unlock()
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
	b.mu.signalled = false
	b.mu.Unlock()
	return b.taken
}
