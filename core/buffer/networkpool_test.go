// networkpool_test.go: all segments of a process: batches, waiting for them, the end. R1.2.

package buffer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/meter"
)

func TestPoolOptionsAreChecked(t *testing.T) {
	good := PoolOptions{Segments: 1, SegmentSize: 1}
	for what, spoil := range map[string]func(*PoolOptions){
		"no segments":          func(o *PoolOptions) { o.Segments = 0 },
		"empty segments":       func(o *PoolOptions) { o.SegmentSize = 0 },
		"too many":             func(o *PoolOptions) { o.Segments = 1 << 31 },
		"too large":            func(o *PoolOptions) { o.SegmentSize = 1<<31 - 1 },
		"beyond the addresses": func(o *PoolOptions) { o.Segments, o.SegmentSize = 1<<31-1, 1<<31-1-2*HeaderRoom },
		"negative timeout":     func(o *PoolOptions) { o.RequestTimeout = -1 },
		"waits, no clock":      func(o *PoolOptions) { o.Waits = &meter.Waits{} },
	} {
		o := good
		spoil(&o)
		if what == "beyond the addresses" && owned {
			continue // the heap would try
		}
		if p, err := NewNetworkBufferPool(o); err == nil {
			t.Errorf("%s: accepted", what)
			p.Free()
		}
	}
	p := newPoolWith(t, good)
	if p.Segments() != 1 || p.SegmentSize() != 1 || p.Available() != 1 {
		t.Errorf("%d segments of %d bytes, %d free", p.Segments(), p.SegmentSize(), p.Available())
	}
}

func TestLocalOptionsAreChecked(t *testing.T) {
	p := newPool(t, 4)
	for _, o := range []LocalOptions{
		{Required: 0}, {Required: -1}, {Required: 2, Max: 1}, {Required: 1, Max: -1},
		{Required: 1, Subpartitions: -1}, {Required: 1, MaxPerChannel: -1}, {Required: 1, Overdraft: -1},
	} {
		if _, err := p.CreateLocal(o); err == nil {
			t.Errorf("%+v: accepted", o)
		}
	}
	if got := sizes(newLocal(t, p, LocalOptions{Required: 4})); got != "4" {
		t.Errorf("size %s: a refusal kept something", got)
	}
}

func TestRequestUnpooled(t *testing.T) {
	p := newPool(t, 8)
	for _, n := range []int{0, 1, 4, 8} {
		s, err := p.RequestUnpooled(context.Background(), n)
		if err != nil || len(s) != n || p.Available() != 8-n {
			t.Fatalf("%d of %d, %v, %d free", len(s), n, err, p.Available())
		}
		seen := map[*Segment]bool{}
		for _, s := range s {
			seen[s] = true
		}
		if len(seen) != n {
			t.Errorf("%d different of %d", len(seen), n)
		}
		p.RecycleUnpooled(s)
	}
	panics(t, "-1 segments requested", func() { p.RequestUnpooled(context.Background(), -1) })
	panics(t, "1 more unpooled", func() { // more than was ever out
		s := p.take()
		defer func() { p.factory.unpooled++; p.factory.required++; p.factory.Unlock() }()
		p.RecycleUnpooled([]*Segment{s})
	})
}

// R1.2: requesting and recycling never take the factory lock, so that a redistribution that waits for a pool's lock cannot
// be waited for by that pool.
func TestR1_2_RequestAndRecycleDoNotNeedTheFactory(t *testing.T) {
	p := newPool(t, 8)
	l := newLocal(t, p, LocalOptions{Required: 1, Overdraft: 2})
	other := newLocal(t, p, LocalOptions{Required: 1}) // in line for segments that come back
	done := make(chan struct{})
	p.factory.Lock()
	go func() {
		defer close(done)
		for range 3 {
			all := request(t, l, -1, 5) // 4 and one of the overdraft
			more := request(t, other, -1, 2)
			recycle(all...)
			recycle(more...)
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("stands still")
	}
	p.factory.Unlock()
	<-done
}

// batch is what a request for unpooled segments came to.
type batch struct {
	segments []*Segment
	err      error
}

// requestLater requests in a goroutine of its own, as it may have to wait.
func requestLater(ctx context.Context, p *NetworkBufferPool, n int) <-chan batch {
	done := make(chan batch, 1)
	go func() {
		s, err := p.RequestUnpooled(ctx, n)
		done <- batch{s, err}
	}()
	return done
}

// Promised segments that are in other hands are waited for, and taken as they come back.
func TestUnpooledRequestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits meter.Waits
		p := newPoolWith(t, PoolOptions{Segments: 4, SegmentSize: 64, Clock: meter.Monotonic(), Waits: &waits})
		l := newLocal(t, p, LocalOptions{Required: 1})
		out := request(t, l, -1, 4)
		done := requestLater(t.Context(), p, 3)
		for i, b := range out[:3] {
			time.Sleep(time.Second)
			synctest.Wait()
			if len(done) != 0 {
				t.Fatalf("done with %d of 3", i)
			}
			b.Recycle()
		}
		got := <-done
		if got.err != nil || len(got.segments) != 3 {
			t.Fatalf("%v", got)
		}
		if w := waits.Total(meter.Pool); w.Count != 1 || w.Ns != 3e9 {
			t.Errorf("waits %+v, want one of 3 s", w)
		}
		p.RecycleUnpooled(got.segments)
		out[3].Recycle()
	})
}

// FLINK-9636, FLINK-9708: what fails leaves everything as it was: segments, promises, sizes.
func TestUnpooledRequestFailsWithoutATrace(t *testing.T) {
	for what, c := range map[string]struct {
		end  func(p *NetworkBufferPool, cancel context.CancelFunc)
		want func(err error) bool
	}{
		"timeout": {
			end: func(*NetworkBufferPool, context.CancelFunc) { time.Sleep(30 * time.Second) },
			want: func(err error) bool {
				var timeout *RequestTimeoutError
				return errors.As(err, &timeout) && *timeout == RequestTimeoutError{Required: 3, Obtained: 2, Free: 0, Total: 4,
					SegmentSize: 64, Timeout: 30 * time.Second}
			},
		},
		"interrupt": {
			end:  func(_ *NetworkBufferPool, cancel context.CancelFunc) { cancel() },
			want: func(err error) bool { return errors.Is(err, context.Canceled) },
		},
		"destroyed": {
			end:  func(p *NetworkBufferPool, _ context.CancelFunc) { p.Destroy() },
			want: func(err error) bool { return errors.Is(err, ErrPoolDestroyed) },
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPool(t, 4)
				l := newLocal(t, p, LocalOptions{Required: 1})
				out := request(t, l, -1, 2)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := requestLater(ctx, p, 3) // gets the two that are free
				synctest.Wait()
				if got := sizes(l); got != "1" {
					t.Errorf("size %s while three are promised", got)
				}
				c.end(p, cancel)
				got := <-done
				if !c.want(got.err) || got.segments != nil {
					t.Errorf("%v, %v", got.segments, got.err)
				}
				if what != "destroyed" && sizes(l) != "4" {
					t.Errorf("size %s, want 4 again", sizes(l))
				}
				recycle(out...)
				if what != "destroyed" {
					l.Destroy()
				}
				if p.Available() != 4 || p.factory.required != 0 || p.factory.unpooled != 0 {
					t.Errorf("%d free, %d promised, %d unpooled", p.Available(), p.factory.required, p.factory.unpooled)
				}
			})
		})
	}
}

// Who waits for the segments of a pool that is gone, while no other pool is left, hears of the end too.
func TestDestroyWakesTheLastRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, 2)
		l := newLocal(t, p, LocalOptions{Required: 1})
		out := request(t, l, -1, 2)
		l.Destroy()
		done := requestLater(t.Context(), p, 1)
		synctest.Wait()
		p.Destroy()
		synctest.Wait()
		select {
		case got := <-done:
			if !errors.Is(got.err, ErrPoolDestroyed) {
				t.Error(got.err)
			}
		default:
			t.Error("still waiting")
		}
		recycle(out...)
	})
}

// What came counts more than a cancellation at the same time.
func TestResultsBeforeCancellation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := newPool(t, 2)
	s, err := p.RequestUnpooled(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	l := newLocal(t, p, LocalOptions{Required: 1})
	b, err := l.RequestBlocking(ctx, -1)
	if err != nil {
		t.Fatal(err)
	}
	b.Recycle()
	p.RecycleUnpooled(s)
}

func TestDestroyedPoolGivesNothing(t *testing.T) {
	p := newPool(t, 4)
	l := newLocal(t, p, LocalOptions{Required: 1})
	b := request(t, l, -1, 1)[0]
	s, err := p.RequestUnpooled(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	p.Destroy()
	p.Destroy()
	if _, err := p.CreateLocal(LocalOptions{Required: 1}); !errors.Is(err, ErrPoolDestroyed) {
		t.Errorf("created: %v", err)
	}
	if _, err := p.RequestUnpooled(context.Background(), 1); !errors.Is(err, ErrPoolDestroyed) {
		t.Errorf("requested: %v", err)
	}
	if _, err := l.Request(-1); !errors.Is(err, ErrPoolDestroyed) {
		t.Errorf("requested from a local pool: %v", err)
	}
	b.Recycle() // comes home late
	p.RecycleUnpooled(s)
	if p.Available() != 4 {
		t.Errorf("%d of 4 home", p.Available())
	}
}

// NetworkBufferPoolTest: blocking requests of many local pools of a small global pool all end. A lost wake-up would hang.
func TestManyPoolsShareFewSegments(t *testing.T) {
	const pools, tasks, rounds = 8, 3, 300
	p := newPool(t, pools+2)
	var all sync.WaitGroup
	for range pools {
		l := newLocal(t, p, LocalOptions{Required: 1, Max: 5, Overdraft: 1})
		for range tasks {
			all.Go(func() {
				for i := range rounds {
					b, err := l.RequestBlocking(t.Context(), -1)
					if err != nil {
						t.Error(err)
						return
					}
					if i%3 == 0 { // one more, if there is
						if c, _ := l.Request(-1); !c.IsZero() {
							c.Recycle()
						}
					}
					b.Recycle()
				}
			})
		}
	}
	all.Go(func() { // and sizes change all the time
		for range rounds {
			s, err := p.RequestUnpooled(t.Context(), 2)
			if err != nil {
				t.Error(err)
				return
			}
			p.RecycleUnpooled(s)
		}
	})
	all.Wait()
	p.Destroy()
	if got := p.Available(); got != pools+2 {
		t.Errorf("%d of %d home", got, pools+2)
	}
}

// A released channel gives its exclusive segments back from within Recycle, where no lock is held.
func TestRecyclerMayReturnTheSegment(t *testing.T) {
	p := newPool(t, 2)
	s, err := p.RequestUnpooled(context.Background(), 2)
	if err != nil {
		t.Fatal(err)
	}
	gone := &releasedChannel{p}
	buffers := []Buffer{s[0].Lend(gone, 0), s[1].Lend(gone, 1)}
	for i, b := range buffers {
		b.Recycle()
		if p.Available() != i+1 || p.factory.unpooled != 1-i {
			t.Errorf("%d free, %d unpooled", p.Available(), p.factory.unpooled)
		}
	}
}

type releasedChannel struct{ p *NetworkBufferPool }

func (c *releasedChannel) Recycle(s *Segment) { c.p.RecycleUnpooled([]*Segment{s}) }
