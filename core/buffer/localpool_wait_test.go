// localpool_wait_test.go: blocking requests, the reserve, and listeners.

package buffer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/meter"
)

// lent is what a blocking request came to.
type lent struct {
	b   Buffer
	err error
}

func blockLater(ctx context.Context, l *LocalBufferPool, channel int) <-chan lent {
	done := make(chan lent, 1)
	go func() {
		b, err := l.RequestBlocking(ctx, channel)
		done <- lent{b, err}
	}()
	return done
}

// got is the result that must be there by now.
func got(t *testing.T, done <-chan lent) lent {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-done:
		return r
	default:
		t.Fatal("still blocked")
		return lent{}
	}
}

func TestBlockingRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits meter.Waits
		p := newPoolWith(t, PoolOptions{Segments: 2, SegmentSize: 64, Clock: meter.Monotonic(), Waits: &waits})
		l := newLocal(t, p, LocalOptions{Required: 2, Subpartitions: 4})
		first, err := l.RequestBlocking(t.Context(), 3) // there is one
		if err != nil || waits.Total(meter.Pool).Count != 0 {
			t.Fatalf("%v, waits %+v", err, waits.Total(meter.Pool))
		}
		second := request(t, l, 0, 1)[0]
		done := blockLater(t.Context(), l, 2)
		time.Sleep(5 * time.Millisecond)
		synctest.Wait()
		if len(done) != 0 {
			t.Fatal("did not block")
		}
		first.Recycle()
		r := got(t, done)
		if r.err != nil || r.b.Segment().Channel() != 2 {
			t.Fatalf("%v, %v", r.b, r.err)
		}
		if w := waits.Total(meter.Pool); w != (meter.WaitTotal{Count: 1, Ns: 5e6, MaxNs: 5e6}) {
			t.Errorf("waits %+v, want one of 5 ms", w)
		}
		recycle(second, r.b)
	})
}

// LocalBufferPoolDestroyTest: who is blocked wakes with the error that follows from the end of the pool.
func TestBlockedRequestsWakeWhenDestroyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, 1)
		l := newLocal(t, p, LocalOptions{Required: 1})
		b := request(t, l, -1, 1)[0]
		one, two := blockLater(t.Context(), l, -1), blockLater(t.Context(), l, -1)
		synctest.Wait()
		l.Destroy()
		for _, done := range []<-chan lent{one, two} {
			if r := got(t, done); !errors.Is(r.err, ErrPoolDestroyed) {
				t.Errorf("%v, %v", r.b, r.err)
			}
		}
		b.Recycle()
	})
}

func TestBlockedRequestIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits meter.Waits
		p := newPoolWith(t, PoolOptions{Segments: 1, SegmentSize: 64, Clock: meter.Monotonic(), Waits: &waits})
		l := newLocal(t, p, LocalOptions{Required: 1})
		b := request(t, l, -1, 1)[0]
		ctx, cancel := context.WithCancelCause(t.Context())
		done := blockLater(ctx, l, -1)
		other := blockLater(t.Context(), l, -1)
		time.Sleep(time.Second)
		why := errors.New("task cancelled")
		cancel(why)
		if r := got(t, done); !errors.Is(r.err, why) {
			t.Errorf("%v, %v", r.b, r.err)
		}
		if w := waits.Total(meter.Pool); w.Count != 1 || w.Ns != 1e9 { // also a wait that ended badly
			t.Errorf("waits %+v", w)
		}
		b.Recycle()
		r := got(t, other)
		if r.err != nil {
			t.Fatal(r.err)
		}
		r.b.Recycle()
	})
}

// Several that are blocked are woken one after the other: nobody is left behind with a segment free.
func TestBlockedRequestsPassTheSignalOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 16
		p := newPool(t, n)
		l := newLocal(t, p, LocalOptions{Required: 1})
		out := request(t, l, -1, n)
		var blocked []<-chan lent
		for range n {
			blocked = append(blocked, blockLater(t.Context(), l, -1))
		}
		synctest.Wait()
		recycle(out...) // all at once: one slot of signal
		for _, done := range blocked {
			if r := got(t, done); r.err != nil {
				t.Error(r.err)
			} else {
				defer r.b.Recycle()
			}
		}
	})
}

// FLINK-27522: a record in the middle goes on when there is a segment, whatever other channels hold.
func TestBlockedRequestIgnoresFullChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, 3)
		l := newLocal(t, p, LocalOptions{Required: 3, Subpartitions: 2, MaxPerChannel: 2})
		out := append(request(t, l, 0, 2), request(t, l, 1, 1)...)
		done := blockLater(t.Context(), l, 1)
		synctest.Wait()
		out[2].Recycle() // channel 0 stays full
		if l.IsAvailable() {
			t.Error("available with a full channel")
		}
		r := got(t, done)
		recycle(out[0], out[1], r.b)
	})
}

// A pool without a segment of its own hears of one that comes to the global pool.
func TestBlockedRequestWakesByTheGlobalPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, 2)
		user := newLocal(t, p, LocalOptions{Required: 1})
		out := request(t, user, -1, 2)
		l := newLocal(t, p, LocalOptions{Required: 1})
		done := blockLater(t.Context(), l, -1)
		synctest.Wait()
		out[0].Recycle() // beyond the size of user
		r := got(t, done)
		recycle(r.b, out[1])
	})
}

// Available and IsAvailable are one thing: a loop of both is how a task waits before a record.
func TestAvailableSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, 2)
		l := newLocal(t, p, LocalOptions{Required: 2, Subpartitions: 1, MaxPerChannel: 1})
		b := request(t, l, 0, 1)[0]
		var waiters sync.WaitGroup
		for range 3 {
			waiters.Go(func() {
				for {
					for !l.IsAvailable() {
						<-l.Available()
					}
					if c, err := l.Request(-1); err != nil { // passes the signal on
						t.Error(err)
						return
					} else if !c.IsZero() {
						c.Recycle()
						return
					}
				}
			})
		}
		synctest.Wait()
		b.Recycle()
		waiters.Wait()
	})
}

// reserveLater reserves in a goroutine of its own, as it may have to wait.
func reserveLater(ctx context.Context, l *LocalBufferPool, n int) <-chan error {
	done := make(chan error, 1)
	go func() { done <- l.Reserve(ctx, n) }()
	return done
}

// The reserve is counted: nothing that goes home later makes the count negative (a quirk of Flink's). And it is waited for
// without the lock (FLINK-33668).
func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits meter.Waits
		p := newPoolWith(t, PoolOptions{Segments: 4, SegmentSize: 64, Clock: meter.Monotonic(), Waits: &waits})
		user := newLocal(t, p, LocalOptions{Required: 1})
		out := request(t, user, -1, 4)
		l := newLocal(t, p, LocalOptions{Required: 3, Max: 3})
		done := reserveLater(t.Context(), l, 3)
		time.Sleep(time.Second)
		synctest.Wait()
		requestNone(t, l, -1) // not locked
		for i, b := range out[:3] {
			if len(done) != 0 {
				t.Fatalf("reserved with %d of 3", i)
			}
			b.Recycle()
			synctest.Wait()
		}
		if err := <-done; err != nil || l.Requested() != 3 || l.Idle() != 3 || !l.IsAvailable() {
			t.Fatalf("%v, %v", err, l)
		}
		if w := waits.Total(meter.Pool); w.Count != 1 || w.Ns != 1e9 {
			t.Errorf("waits %+v", w)
		}
		if err := l.Reserve(t.Context(), 2); err != nil || l.Requested() != 3 {
			t.Errorf("reserving what is there: %v, %v", err, l)
		}
		l.Destroy()
		if l.Requested() != 0 {
			t.Errorf("%v", l)
		}
		out[3].Recycle()
		panics(t, "reserving 4 of 3", func() { l.Reserve(t.Context(), 4) })
	})
}

func TestReserveFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, 2)
		user := newLocal(t, p, LocalOptions{Required: 1})
		out := request(t, user, -1, 2)
		l := newLocal(t, p, LocalOptions{Required: 1})

		done := reserveLater(t.Context(), l, 1)
		time.Sleep(30 * time.Second)
		var timeout *RequestTimeoutError
		if err := <-done; !errors.As(err, &timeout) {
			t.Errorf("timeout: %v", err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		done = reserveLater(ctx, l, 1)
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("interrupt: %v", err)
		}

		done = reserveLater(t.Context(), l, 1)
		synctest.Wait()
		l.Destroy()
		synctest.Wait()
		select {
		case err := <-done:
			if !errors.Is(err, ErrPoolDestroyed) {
				t.Errorf("destroyed: %v", err)
			}
		default:
			t.Error("still waiting for a pool that is gone")
		}
		recycle(out...)
	})
}

// listener is a channel that waits for floating buffers.
type listener struct {
	name    string
	log     *[]string
	refuses bool
	onOffer func(Buffer) // before anything else
	got     []Buffer
	ended   int
}

func (x *listener) BufferAvailable(b Buffer) bool {
	if x.log != nil {
		*x.log = append(*x.log, x.name)
	}
	if x.onOffer != nil {
		x.onOffer(b)
	}
	if !x.refuses {
		x.got = append(x.got, b)
	}
	return !x.refuses
}

func (x *listener) PoolDestroyed() { x.ended++ }

func listen(t *testing.T, l *LocalBufferPool, all ...*listener) {
	t.Helper()
	for _, x := range all {
		if !l.AddListener(x) {
			t.Fatalf("%s was not registered: %v", x.name, l)
		}
	}
}

// First in, first out, one buffer each; who wants more registers again, behind the others.
func TestListenersAreServedInTurn(t *testing.T) {
	p := newPool(t, 5)
	l := newLocal(t, p, LocalOptions{Required: 5})
	if l.AddListener(&listener{}) {
		t.Fatal("registered although there is a segment")
	}
	out := request(t, l, -1, 5)
	var log []string
	a, b, c := &listener{name: "a", log: &log}, &listener{name: "b", log: &log}, &listener{name: "c", log: &log}
	a.onOffer = func(Buffer) {
		if len(a.got) == 0 {
			listen(t, l, a)
		}
	}
	listen(t, l, a, b, c)
	recycle(out...)
	if want := []string{"a", "b", "c", "a"}; !slices.Equal(log, want) {
		t.Errorf("served %v, want %v", log, want)
	}
	if l.Idle() != 1 || len(a.got) != 2 || len(b.got) != 1 {
		t.Errorf("%v: the fifth stays", l)
	}
	recycle(a.got...)
	recycle(b.got...)
	recycle(c.got...)
	if len(log) != 4 {
		t.Errorf("%v: somebody was told who was not registered", log)
	}
}

// FLINK-10367: a buffer that is refused goes to the next, in a loop, and to the pool in the end.
func TestRefusedBuffersGoOn(t *testing.T) {
	const n = 100_000
	p := newPool(t, 1)
	l := newLocal(t, p, LocalOptions{Required: 1})
	b := request(t, l, -1, 1)[0]
	var log []string
	no := &listener{name: "no", log: &log, refuses: true}
	for range n {
		listen(t, l, no)
	}
	yes := &listener{name: "yes", log: &log}
	listen(t, l, yes)
	b.Recycle()
	if len(log) != n+1 || len(yes.got) != 1 || l.Idle() != 0 {
		t.Fatalf("%d were asked, %d accepted", len(log), len(yes.got))
	}
	listen(t, l, no)
	yes.got[0].Recycle()
	if l.Idle() != 1 || !l.IsAvailable() {
		t.Errorf("%v: refused by all, kept", l)
	}
}

// A listener that recycles within its callback, as a chain: no lock is held, and nothing gets lost.
func TestListenersMayCallBack(t *testing.T) {
	p := newPool(t, 1)
	l := newLocal(t, p, LocalOptions{Required: 1})
	b := request(t, l, -1, 1)[0]
	served := 0
	for range 1000 {
		x := &callback{do: func(b Buffer) bool {
			served++
			if _, err := l.Request(-1); err != nil {
				t.Error(err)
			}
			b.Recycle()
			return true
		}}
		if !l.AddListener(x) {
			t.Fatal("not registered")
		}
	}
	b.Recycle()
	if served != 1000 || l.Idle() != 1 {
		t.Errorf("%d served, %v", served, l)
	}
}

type callback struct{ do func(Buffer) bool }

func (c *callback) BufferAvailable(b Buffer) bool { return c.do(b) }
func (c *callback) PoolDestroyed()                {}

// Refusing and keeping are two things.
func TestRefusingAndKeepingPanics(t *testing.T) {
	p := newPool(t, 1)
	l := newLocal(t, p, LocalOptions{Required: 1})
	b := request(t, l, -1, 1)[0]
	var kept Buffer
	listen(t, l, &listener{refuses: true, onOffer: func(b Buffer) { kept = b.Retain() }})
	panics(t, "refused in turn 2, but used: segment 0 is in turn 2 with 2 references", b.Recycle)
	recycle(kept, kept)
}

func TestListenersAreToldOfTheEnd(t *testing.T) {
	p := newPool(t, 1)
	l := newLocal(t, p, LocalOptions{Required: 1})
	b := request(t, l, -1, 1)[0]
	a, c := &listener{name: "a"}, &listener{name: "c"}
	listen(t, l, a, c)
	l.Destroy()
	l.Destroy()
	b.Recycle()
	if a.ended != 1 || c.ended != 1 || len(a.got) != 0 {
		t.Errorf("told %d and %d times", a.ended, c.ended)
	}
	if l.AddListener(a) {
		t.Error("registered at a pool that is gone")
	}
}

// Flink tells listeners only of what is recycled into their pool, so that a pool without a segment starves them (FLINK-24035). Here
// they hear of a larger size and of the global pool as well.
func TestListenersHearOfEverySource(t *testing.T) {
	t.Run("global pool", func(t *testing.T) {
		p := newPool(t, 2)
		user := newLocal(t, p, LocalOptions{Required: 1})
		out := request(t, user, -1, 2)
		l := newLocal(t, p, LocalOptions{Required: 1}) // nothing of its own
		x := &listener{}
		listen(t, l, x)
		out[0].Recycle()
		if len(x.got) != 1 {
			t.Fatalf("not served: %v", l)
		}
		recycle(x.got[0], out[1])
	})
	t.Run("larger size", func(t *testing.T) {
		p := newPool(t, 4)
		l := newLocal(t, p, LocalOptions{Required: 1})
		l.SetSize(1)
		out := request(t, l, -1, 1)
		a, b, c := &listener{}, &listener{}, &listener{}
		listen(t, l, a, b, c)
		l.SetSize(3)
		if len(a.got) != 1 || len(b.got) != 1 || len(c.got) != 0 {
			t.Errorf("got %d, %d, %d of the two more", len(a.got), len(b.got), len(c.got))
		}
		recycle(out...)
		recycle(append(a.got, append(b.got, c.got...)...)...)
	})
	t.Run("another pool's end", func(t *testing.T) {
		p := newPool(t, 2)
		other := newLocal(t, p, LocalOptions{Required: 1})
		l := newLocal(t, p, LocalOptions{Required: 1})
		out := request(t, l, -1, 1)
		x := &listener{}
		listen(t, l, x)
		other.Destroy()
		if len(x.got) != 1 {
			t.Fatalf("not served: %v", l)
		}
		recycle(x.got[0], out[0])
	})
}

// Neither registering nor recycling holds a lock that a listener could need: two pools whose listeners use each other's.
func TestListenersOfTwoPoolsDoNotLockEachOther(t *testing.T) {
	p := newPool(t, 4)
	pools := []*LocalBufferPool{newLocal(t, p, LocalOptions{Required: 2}), newLocal(t, p, LocalOptions{Required: 2})}
	var all sync.WaitGroup
	for i := range pools {
		mine, other := pools[i], pools[1-i]
		all.Go(func() {
			for range 500 {
				b, err := mine.RequestBlocking(t.Context(), -1)
				if err != nil {
					t.Error(err)
					return
				}
				mine.AddListener(&callback{do: func(b Buffer) bool {
					if c, _ := other.Request(-1); !c.IsZero() {
						c.Recycle()
					}
					b.Recycle()
					return true
				}})
				b.Recycle()
			}
		})
	}
	all.Wait()
}
