// usage_test.go: what a partition says of what it has written and what it holds.

package partition

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/buffer"
	"xbench/core/meter"
)

func (f *fixture) wantOut(when string, records, buffers, bytes uint64) {
	f.t.Helper()
	if r, b, n := f.RecordsOut(), f.BuffersOut(), f.BytesOut(); r != records || b != buffers || n != bytes {
		f.t.Errorf("%s: %d records, %d buffers, %d bytes out; want %d, %d, %d", when, r, b, n, records, buffers, bytes)
	}
}

func (f *fixture) wantQueued(when string, lengths meter.QueueLengths, bytes int) {
	f.t.Helper()
	if q, n := f.Queued(); q != lengths || n != bytes {
		f.t.Errorf("%s: queued %+v and %d bytes, want %+v and %d", when, q, n, lengths, bytes)
	}
}

// write is how a record of 12 bytes is written: where there is room, into it.
func (f *fixture) write(ch int) {
	f.t.Helper()
	b := f.Builder(ch)
	if len(b.Room()) >= 12 {
		b.Advance(copy(b.Room(), pattern(12)))
		return
	}
	f.Wrote()
	f.emit(ch, 12)
}

// Records, buffers and bytes are counted when a buffer ends; records also when one is flushed. Until then the numbers lag.
func TestWhatIsOutIsCountedWhenABufferEnds(t *testing.T) {
	f := newFixture(t, shape{subs: 2, segments: 8, segmentSize: 32})
	v, _ := f.view(0)
	f.write(0)
	f.write(0)
	f.wantOut("two records in an open buffer", 0, 0, 0)
	f.write(0) // 8 bytes in the first buffer, 4 in the next
	f.wantOut("a buffer is full", 3, 1, 32)
	f.write(1)
	f.wantOut("and another begun", 3, 1, 32)
	f.Flush(1)
	f.wantOut("a flush", 4, 1, 32)
	f.write(0)
	f.FlushAll()
	f.wantOut("another flush", 5, 1, 32)
	f.write(0)
	f.Idle()
	f.RequestFlush()
	f.wantOut("a flush by somebody else", 6, 1, 32)
	if err := f.BroadcastEvent(pattern(8), buffer.EventBuffer); err != nil {
		t.Fatal(err)
	}
	f.wantOut("an event cuts both, and is neither record nor buffer", 6, 3, 32+28+12)
	f.Wrote()
	if err := f.Broadcast(context.Background(), pattern(12)); err != nil {
		t.Fatal(err)
	}
	b := f.BroadcastBuilder()
	b.Advance(copy(b.Room(), pattern(12)))
	if err := f.Finish(); err != nil {
		t.Fatal(err)
	}
	f.wantOut("two records for everybody: a buffer and its bytes for each, a record for all", 8, 5, 72+48)
	v.Release()
}

// What is queued is what is there, not a difference of totals: it cannot drift (FLINK-32298).
func TestQueuedBytesAreThoseNobodyPolled(t *testing.T) {
	f := newFixture(t, shape{subs: 3, segments: 8, segmentSize: 32})
	v, _ := f.view(0)
	f.wantQueued("nothing", meter.QueueLengths{Queues: 3}, 0)
	f.write(0)
	f.write(0)
	f.wantQueued("one published, one not", meter.QueueLengths{Queues: 3, Total: 1, Max: 1}, 12)
	f.FlushAll()
	f.wantQueued("both published", meter.QueueLengths{Queues: 3, Total: 1, Max: 1}, 24)
	f.write(0)
	f.write(1)
	f.wantQueued("a buffer and a begun one, and another", meter.QueueLengths{Queues: 3, Total: 3, Max: 2}, 48)
	poll(t, v, 32)
	f.wantQueued("one polled", meter.QueueLengths{Queues: 3, Total: 2, Max: 1}, 16)
	poll(t, v, 4)
	f.wantQueued("the begun one as far as it goes", meter.QueueLengths{Queues: 3, Total: 2, Max: 1}, 12)
	if err := f.BroadcastEvent(pattern(8), buffer.EventBuffer); err != nil {
		t.Fatal(err)
	}
	f.wantQueued("events count, once for each", meter.QueueLengths{Queues: 3, Total: 5, Min: 1, Max: 2}, 12+3*8)
	v.Release()
	f.wantQueued("a reader left", meter.QueueLengths{Queues: 3, Total: 3, Max: 2}, 12+2*8)
}

// Every channel that was used once holds a buffer for good, its open one; more than the pool's size is overdraft.
func TestPoolUsage(t *testing.T) {
	f := newFixture(t, shape{subs: 2, segments: 8, segmentSize: 32, pool: buffer.LocalOptions{Required: 3, Max: 3, Overdraft: 2}})
	for i, step := range []struct {
		do   func()
		want meter.Usage
	}{
		{func() {}, meter.Usage{Used: 0, Total: 3}},
		{func() { f.write(0) }, meter.Usage{Used: 1, Total: 3}},
		{func() { f.write(0); f.write(1) }, meter.Usage{Used: 2, Total: 3}},
		{func() { f.emit(1, 32) }, meter.Usage{Used: 3, Total: 3}},
		{func() { f.emit(1, 60) }, meter.Usage{Used: 5, Total: 3}}, // a record that is not cut short
	} {
		step.do()
		if got := f.PoolUsage(); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	if got := f.PoolUsage().Ratio(); got <= 1.6 || got >= 1.7 {
		t.Errorf("with overdraft: %v, want 5/3", got)
	}
}

// A task that waits for a buffer within a record is hard back-pressured, for as long as it waits, and while it still does.
func TestHardBackPressureIsTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, shape{subs: 1, segments: 2, segmentSize: 32})
		f.time = meter.NewTaskTime(meter.Monotonic())
		v, _ := f.view(0)
		wantMs := func(when string, name string, want float64) {
			t.Helper()
			if got, _ := f.time.Append(nil).Value(meter.ScopeTask, name); got != want {
				t.Errorf("%s: %s is %v, want %v", when, name, got, want)
			}
		}
		var task sync.WaitGroup
		task.Go(func() { f.emit(0, 3*32) })
		time.Sleep(7 * time.Second)
		wantMs("while it waits", "accumulateBackPressuredTimeMs", 7000)
		wantMs("while it waits", "hardBackPressuredTimeMsPerSecond", 1000)
		wantMs("while it waits", "maxHardBackPressuredTimeMs", 5000)
		poll(t, v, 32)
		task.Wait()
		time.Sleep(3 * time.Second)
		wantMs("afterwards", "accumulateBackPressuredTimeMs", 7000)
		wantMs("afterwards", "accumulateBusyTimeMs", 3000)
		wantMs("afterwards", "hardBackPressuredTimeMsPerSecond", 700)
		wantMs("afterwards", "softBackPressuredTimeMsPerSecond", 0)
		wantMs("afterwards", "maxHardBackPressuredTimeMs", 7000)
		v.Release()
	})
}
