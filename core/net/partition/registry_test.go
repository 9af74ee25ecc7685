// registry_test.go: finding partitions, and waiting for those that come later than their consumers (2.3, wire.md 4.1).

package partition

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/buffer"
)

// answer is what an early request got.
type answer struct {
	mu    sync.Mutex
	view  *View
	err   error
	count int
}

func (a *answer) ready(v *View, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.view, a.err, a.count = v, err, a.count+1
}

func (a *answer) get() (v *View, count int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.view, a.count, a.err
}

func wantNotFound(t *testing.T, err error) {
	t.Helper()
	var missing *NotFoundError
	if !errors.As(err, &missing) || !errors.Is(err, ErrPartitionNotFound) {
		t.Fatalf("%v, wanted not found", err)
	}
	if want := "Partition " + missing.ID.String() + " not found."; err.Error() != want {
		t.Errorf("%v\nwanted %s", err, want)
	}
}

func listen(t *testing.T, r *Registry, n int32, sub int, a *answer) *EarlyRequest {
	t.Helper()
	v, early, err := r.ViewOrListen(partitionID(n), sub, newCounter(), a.ready)
	if v != nil || err != nil {
		t.Fatal("not kept:", v, err)
	}
	return early
}

func TestRegistryFinds(t *testing.T) {
	f := newFixture(t, shape{subs: 2, segments: 3, segmentSize: 16})
	r := NewRegistry(time.Hour)
	_, err := r.View(f.ID(), 0, newCounter())
	wantNotFound(t, err)
	if err := r.Register(f.ResultPartition); err != nil {
		t.Fatal(err)
	}
	if err := r.Register(f.ResultPartition); !errors.Is(err, ErrRegistered) {
		t.Error(err)
	}
	if v, err := r.View(f.ID(), 0, newCounter()); err != nil || v.Subpartition() != 0 {
		t.Error(v, err)
	}
	if v, early, err := r.ViewOrListen(f.ID(), 1, newCounter(), nil); err != nil || early != nil || v.Subpartition() != 1 {
		t.Error(v, early, err)
	}
	cause := errors.New("no longer wanted")
	r.Release(f.ID(), cause)
	r.Release(f.ID(), nil)
	if f.Failure() != cause {
		t.Error(f.Failure())
	}
	_, err = r.View(f.ID(), 0, newCounter())
	wantNotFound(t, err)
	if err := r.Register(f.ResultPartition); !errors.Is(err, cause) {
		t.Error("registered what is released:", err)
	}
	_, err = r.View(f.ID(), 0, newCounter())
	wantNotFound(t, err)
}

// An early request gets its view from whoever registers the partition, before Register returns.
func TestEarlyRequestIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, shape{subs: 2, segments: 3, segmentSize: 16})
		r := NewRegistry(10 * time.Second)
		var first, second, again, other answer
		listen(t, r, 0, 0, &first)
		listen(t, r, 0, 1, &second)
		listen(t, r, 0, 1, &again) // a second reader of one subpartition: found out when there is one
		late := listen(t, r, 1, 0, &other)
		time.Sleep(9 * time.Second)
		if err := r.Register(f.ResultPartition); err != nil {
			t.Fatal(err)
		}
		v0, _, err0 := first.get()
		v1, _, err1 := second.get()
		if v0 == nil || v1 == nil {
			t.Fatal(err0, err1)
		}
		if _, n, err := again.get(); n != 1 || !errors.As(err, new(*ConsumerError)) {
			t.Error(n, err)
		}
		time.Sleep(time.Minute)
		for _, a := range []*answer{&first, &second, &other} {
			if _, n, err := a.get(); n != 1 {
				t.Errorf("answered %d times, the last time with %v", n, err)
			}
		}
		_, _, err := other.get()
		wantNotFound(t, err)
		if late.Cancel() {
			t.Error("withdrew a request that was answered")
		}
		v0.Release()
		v1.Release()
	})
}

// Without its partition an early request ends after the timeout, exactly then, and may be repeated.
func TestEarlyRequestTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(10 * time.Second)
		for range 2 {
			var a answer
			listen(t, r, 0, 0, &a)
			time.Sleep(10*time.Second - 1)
			synctest.Wait()
			if _, n, err := a.get(); n != 0 {
				t.Fatal("too early:", err)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			_, _, err := a.get()
			wantNotFound(t, err)
		}
	})
}

// A request that is cancelled is never answered: not by the partition, not by time, not by the end of the registry.
func TestEarlyRequestIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, shape{subs: 2, segments: 3, segmentSize: 16})
		r := NewRegistry(10 * time.Second)
		var cancelled, kept answer
		e := listen(t, r, 0, 0, &cancelled)
		listen(t, r, 0, 1, &kept)
		if !e.Cancel() || e.Cancel() {
			t.Error("cancelled: wanted once")
		}
		if err := r.Register(f.ResultPartition); err != nil {
			t.Fatal(err)
		}
		if v, _, err := kept.get(); v == nil {
			t.Error("the neighbour was cancelled too:", err)
		}
		time.Sleep(time.Minute)
		r.Close()
		if _, n, err := cancelled.get(); n != 0 {
			t.Errorf("answered %d times, with %v", n, err)
		}
		if v, err := f.CreateView(0, newCounter()); v != nil || !errors.Is(err, ErrShutDown) {
			t.Error(v, err)
		}
	})
}

func TestEarlyRequestIsRefusedByRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(10 * time.Second)
		var released, closed answer
		listen(t, r, 0, 0, &released)
		listen(t, r, 1, 0, &closed)
		r.Release(partitionID(0), nil)
		_, _, err := released.get()
		wantNotFound(t, err)
		if _, n, err := closed.get(); n != 0 {
			t.Error("refused too early:", err)
		}
		r.Close()
		time.Sleep(time.Minute)
		_, n, err := closed.get()
		wantNotFound(t, err)
		if _, m, _ := released.get(); n != 1 || m != 1 {
			t.Errorf("answered %d and %d times", n, m)
		}
	})
}

// Without a timeout nobody waits.
func TestEarlyRequestWithoutTimeout(t *testing.T) {
	_, early, err := NewRegistry(0).ViewOrListen(partitionID(0), 0, newCounter(), nil)
	if early != nil {
		t.Error("kept")
	}
	wantNotFound(t, err)
}

// A closed registry has released everything and takes nothing.
func TestRegistryCloses(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 2, segmentSize: 16})
	r := NewRegistry(time.Hour)
	if err := r.Register(f.ResultPartition); err != nil {
		t.Fatal(err)
	}
	v, l := f.view(0)
	f.emit(0, 5)
	r.Close()
	r.Close()
	if err := v.Failure(); !errors.Is(err, ErrShutDown) || l.told() != 1 {
		t.Error(err, l.told())
	}
	if err := r.Register(f.ResultPartition); !errors.Is(err, ErrShutDown) {
		t.Error(err)
	}
	_, _, err := r.ViewOrListen(f.ID(), 0, newCounter(), nil)
	wantNotFound(t, err)
}

// Under the race detector: requests, cancels, registrations and releases from everywhere; each request is answered once at
// most, and no view, and no partition, is left over.
func TestRegistryFromEverywhere(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 64, segmentSize: 16, pool: buffer.LocalOptions{Required: 2}})
	for round := range registryRounds {
		r := NewRegistry(time.Duration(round%3) * 50 * time.Microsecond)
		p := f.another(partitionID(int32(round)), shape{subs: 4, segments: 5})
		var all sync.WaitGroup
		for sub := range 4 {
			all.Go(func() {
				answered := make(chan *View, 2)
				v, early, err := r.ViewOrListen(p.ID(), sub, newCounter(), func(v *View, _ error) { answered <- v })
				switch {
				case err != nil:
					return
				case early != nil && sub%2 == 0 && early.Cancel():
					return
				case early != nil:
					v = <-answered
				}
				if v != nil {
					v.Release()
				}
				if len(answered) > 0 {
					t.Error("answered twice")
				}
			})
		}
		all.Go(func() {
			if err := r.Register(p); err != nil && !errors.Is(err, ErrCancelled) && !errors.Is(err, ErrShutDown) {
				t.Error(err)
			}
			if round%2 == 0 {
				p.Close()
			} else {
				p.Fail(errTestOver)
				p.Close()
			}
		})
		if round%5 == 0 {
			all.Go(func() { r.Release(p.ID(), errTestOver) })
		}
		all.Wait()
		r.Close()
		r.mu.Lock()
		if n, m := len(r.mu.partitions), len(r.mu.early); n+m != 0 {
			t.Fatalf("%d partitions and %d ids with early requests are left", n, m)
		}
		r.mu.Unlock()
	}
}
