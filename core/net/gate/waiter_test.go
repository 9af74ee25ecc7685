// waiter_test.go: a task that reads for itself: when it may, what ends its wait, and what is left of it afterwards.

package gate

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"xbench/core/buffer"
)

// cable is a connection whose reader is the task: Read brings what the test has it bring.
type cable struct {
	read func(w *Waiter) bool

	mu                       sync.Mutex
	left, yielded, interrupt int
}

func (l *cable) count(n *int) {
	l.mu.Lock()
	*n++
	l.mu.Unlock()
}

func (l *cable) Read(w *Waiter) bool { return l.read(w) }
func (l *cable) Left()               { l.count(&l.left) }
func (l *cable) Yield()              { l.count(&l.yielded) }
func (l *cable) Interrupt()          { l.count(&l.interrupt) }

// TestTaskOfOneLineReadsIt until it has what it wanted, and says so.
func TestTaskOfOneLineReadsIt(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 3, 16), Channels: 1, Exclusive: 2, Floating: 1})
	c := f.remote(0)
	reads := 0
	l := &cable{read: func(*Waiter) bool {
		if reads++; reads == 3 {
			f.arrive(c, buffer.DataBuffer, 8, 0, 0)
		}
		return true
	}}
	c.Joined(l)
	item, err := f.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	item.Buffer.Recycle()
	if reads != 3 || l.left != 1 || l.yielded != 0 {
		t.Errorf("%d reads, left %d times, yielded %d times", reads, l.left, l.yielded)
	}
}

// TestWhoWaitsForMoreThanOneLineYields: a second line, a channel of this process, or a signal to select on.
func TestWhoWaitsForMoreThanOneLineYields(t *testing.T) {
	w := func(t *testing.T) (*Waiter, *cable) {
		l := &cable{}
		w := newWaiter(nil, nil)
		w.join(l)
		w.join(l)
		if w.own() != l || l.yielded != 0 {
			t.Fatal("the only line is not the task's")
		}
		return w, l
	}
	t.Run("another line", func(t *testing.T) {
		w, l := w(t)
		w.join(&cable{})
		w.join(&cable{})
		if w.own() != nil || l.yielded != 1 || !w.drain() {
			t.Errorf("yielded %d times", l.yielded)
		}
	})
	t.Run("no line", func(t *testing.T) {
		w, l := w(t)
		w.join(nil)
		if w.own() != nil || l.yielded != 1 || !w.drain() {
			t.Errorf("yielded %d times", l.yielded)
		}
	})
	t.Run("no line before any", func(t *testing.T) {
		w, l := newWaiter(nil, nil), &cable{}
		w.join(nil)
		w.join(l)
		if w.own() != nil {
			t.Error("a task of two kinds of channels reads one of them")
		}
	})
	t.Run("both at once", func(t *testing.T) {
		for range rounds(4096) {
			w := newWaiter(nil, nil)
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() { w.join(&cable{}) })
			}
			both.Wait()
			if w.own() != nil {
				t.Fatal("a task of two lines reads one of them")
			}
		}
	})
}

// TestASignalIsNotMissed: it comes before the task parks, which then does not, or after, and then it interrupts.
func TestASignalIsNotMissed(t *testing.T) {
	for range rounds(1 << 16) {
		l := &cable{}
		w := newWaiter(nil, nil)
		w.join(l)
		var signal sync.WaitGroup
		signal.Go(w.Signal)
		may := w.Park()
		signal.Wait()
		if may && l.interrupt == 0 {
			t.Fatal("the task waits, and nobody interrupts it")
		}
		w.Unpark()
	}
}

// TestTheContextIsLeftAlone by a task whose gate is closed, when it closes at the worst moment: between the look for something and the wait.
func TestTheContextIsLeftAlone(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 3, 16), Channels: 1, Exclusive: 2, Floating: 1})
	f.remote(0).Joined(&cable{read: func(*Waiter) bool { return true }})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looks := 0
	_, err := f.waiter.next(ctx, func() (Item, bool, error) {
		if looks++; looks == 1 {
			f.Close()
			return Item{}, false, nil
		}
		return f.Poll()
	})
	if !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if f.waiter.mu.disregard != nil {
		t.Error("the gate is gone, and its context would still signal it")
	}
}

// TestTheEndOfAContextEndsAWaitInTheLine, of the one that is waited with, not of one before.
func TestTheEndOfAContextEndsAWaitInTheLine(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 3, 16), Channels: 1, Exclusive: 2, Floating: 1})
	c := f.remote(0)
	l := &cable{}
	c.Joined(l)
	before, cancelBefore := context.WithCancel(t.Context())
	l.read = func(*Waiter) bool { f.arrive(c, buffer.DataBuffer, 8, 0, 0); return true }
	item, err := f.Next(before)
	if err != nil {
		t.Fatal(err)
	}
	item.Buffer.Recycle()
	ctx, cancel := context.WithCancel(t.Context())
	l.read = func(w *Waiter) bool {
		cancelBefore()
		cancel()
		<-w.wake // as the interruption would
		return true
	}
	if _, err := f.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the wait ended with %v", err)
	}
	if l.yielded == 0 {
		t.Error("the task left and kept the line")
	}
	c.OnError(io.EOF)
}
