// flush_test.go: who publishes for whom: the task, or a flusher while the task is idle.

package partition

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// build writes n bytes the fast way: nothing is published.
func build(t *testing.T, f *fixture, ch, n int) {
	t.Helper()
	b := f.Builder(ch)
	if len(b.Room()) < n {
		t.Fatalf("room for %d bytes, wanted %d", len(b.Room()), n)
	}
	b.Advance(copy(b.Room(), pattern(n)))
}

// started is a fixture with a buffer open in every subpartition, all of it polled.
func started(t *testing.T, subs int) (*fixture, []*View, []*counter) {
	f := newFixture(t, shape{subs: subs, segments: subs + 3, segmentSize: 100})
	views, listeners := make([]*View, subs), make([]*counter, subs)
	for ch := range subs {
		f.emit(ch, 1)
		views[ch], listeners[ch] = f.view(ch)
		poll(t, views[ch], 1)
	}
	return f, views, listeners
}

// A task that works is asked to flush, and does so when it wants to write next.
func TestBusyTaskAnswersAFlushRequest(t *testing.T) {
	f, views, listeners := started(t, 2)
	build(t, f, 0, 5)
	f.RequestFlush()
	if n := listeners[0].told(); n != 0 {
		t.Fatalf("told %d times of what nobody published", n)
	}
	build(t, f, 1, 7) // the request came before this record
	if listeners[0].told() != 1 || listeners[1].told() != 0 {
		t.Fatalf("told %d and %d times, wanted 1 and 0", listeners[0].told(), listeners[1].told())
	}
	poll(t, views[0], 5)
	f.RequestFlush()
	f.RequestFlush() // as good as one
	f.BroadcastBuilder()
	if listeners[0].told() != 1 || listeners[1].told() != 1 {
		t.Fatalf("told %d and %d times, wanted 1 and 1", listeners[0].told(), listeners[1].told())
	}
	poll(t, views[1], 7)
}

// For a task that is idle the flusher publishes itself.
func TestFlushForAnIdleTask(t *testing.T) {
	f, views, listeners := started(t, 2)
	build(t, f, 0, 5)
	f.Idle()
	f.Idle()
	if listeners[0].told() != 0 {
		t.Error("being idle flushes nothing by itself")
	}
	f.RequestFlush()
	if listeners[0].told() != 1 {
		t.Fatalf("told %d times, wanted 1", listeners[0].told())
	}
	poll(t, views[0], 5)
	build(t, f, 0, 6) // awake again
	f.RequestFlush()
	if listeners[0].told() != 1 {
		t.Error("a flusher published for a task that works")
	}
	f.Idle() // the request was still open
	if listeners[0].told() != 2 {
		t.Fatalf("told %d times, wanted 2", listeners[0].told())
	}
	poll(t, views[0], 6)
}

// What Emit has published does not wait for a task that computes for longer than a flush interval.
func TestUnansweredRequestFlushesWhatIsPublished(t *testing.T) {
	f, views, listeners := started(t, 1)
	f.emit(0, 5)
	f.RequestFlush()
	f.RequestFlush()
	if listeners[0].told() != 1 {
		t.Fatalf("told %d times, wanted 1", listeners[0].told())
	}
	poll(t, views[0], 5)
}

// A task that waits for a buffer is idle: what it wrote before goes out on a flush, and that is what may free the buffer.
func TestTaskThatWaitsForABufferIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, shape{subs: 2, segments: 2, segmentSize: 100})
		v0, _ := f.view(0)
		v1, _ := f.view(1)
		f.emit(0, 1)
		f.emit(1, 1)
		poll(t, v0, 1)
		poll(t, v1, 1)
		build(t, f, 0, 20)
		build(t, f, 1, 99) // full; the next record for 1 needs a buffer, and there is none
		done := make(chan error)
		go func() { done <- f.Emit(context.Background(), pattern(3), 1) }()
		synctest.Wait()
		f.RequestFlush()
		poll(t, v0, 20)
		poll(t, v1, 99)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		poll(t, v1, 3)
	})
}

// With a flusher beside it and Idle before every sleep, a task's records are readable after one interval and no later: fast
// path or not.
func TestFlusherBoundsTheLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval = 10 * time.Millisecond
		f, views, listeners := started(t, 3)
		ctx, stop := context.WithCancel(t.Context())
		var flusher sync.WaitGroup
		flusher.Go(func() {
			for ctx.Err() == nil {
				f.RequestFlush()
				time.Sleep(interval)
			}
		})
		for i := range 60 {
			ch := i % 3
			build(t, f, ch, 4)
			f.Idle()
			time.Sleep(interval + time.Millisecond)
			if listeners[ch].told() != i/3+1 {
				t.Fatalf("record %d: told %d times", i, listeners[ch].told())
			}
			poll(t, views[ch], 4)
		}
		stop()
		flusher.Wait()
	})
}

// Under the race detector: two flushers and a task that is idle now and then never touch a builder at the same time, and a
// reader that is told gets every record in order.
func TestFlushersBesideATask(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 8, segmentSize: 256})
	v, l := f.view(0)
	var stop atomic.Bool
	var flushers sync.WaitGroup
	for range 2 {
		flushers.Go(func() {
			for !stop.Load() {
				f.RequestFlush()
				time.Sleep(20 * time.Microsecond)
			}
		})
	}
	records := flushRecords
	read := make(chan struct{})
	go func() {
		defer close(read)
		var tail []byte
		for want := uint32(0); want < uint32(records); {
			p, ok := v.Poll()
			if !ok {
				<-l.wake
				continue
			}
			tail = append(tail, p.Buffer.Bytes()...)
			p.Buffer.Recycle()
			for ; len(tail) >= 4; tail = tail[4:] {
				if got := binary.BigEndian.Uint32(tail); got != want {
					t.Errorf("record %d, wanted %d", got, want)
					return
				}
				want++
			}
		}
	}()
	for i := range records {
		b := f.Builder(0)
		if room := b.Room(); len(room) >= 4 {
			binary.BigEndian.PutUint32(room, uint32(i))
			b.Advance(4)
		} else if err := f.Emit(context.Background(), binary.BigEndian.AppendUint32(nil, uint32(i)), 0); err != nil {
			t.Fatal(err)
		}
		if i%97 == 0 {
			f.Idle()
		}
		if i%4001 == 0 {
			time.Sleep(50 * time.Microsecond)
		}
	}
	f.Idle() // and never comes back
	within(t, read, "reading what the flushers flushed")
	stop.Store(true)
	flushers.Wait()
}
