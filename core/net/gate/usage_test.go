// usage_test.go: what a gate says of its buffers, step by step (Flink: InputBuffersMetricsTest).

package gate

import (
	"sync"
	"testing"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// wantUsage wants exclusive and floating buffers in use, of so many.
func (f *fixture) wantUsage(when string, exclusive, floating meter.Usage) {
	f.t.Helper()
	if l := f.Load(); l.Exclusive != exclusive || l.Floating != floating {
		f.t.Errorf("%s: exclusive %v, floating %v; want %v and %v", when, l.Exclusive, l.Floating, exclusive, floating)
	}
}

// Buffers that lie free in a channel are credit, not load: exclusive in use is what the channels had minus what is free there, floating in use what the
// pool lent minus what is free in the channels (FLINK-12284).
func TestUsageOfExclusiveAndFloatingBuffers(t *testing.T) {
	type use = meter.Usage
	f := newFixture(t, Options{Pool: memory(t, 16, 64), Channels: 2, Exclusive: 2, Floating: 4})
	f.wantUsage("no channel is open", use{Used: 0, Total: 0}, use{Used: 0, Total: 4})
	a, b := f.remote(0), f.remote(1)
	f.wantUsage("nothing has come", use{Used: 0, Total: 4}, use{Used: 0, Total: 4})

	a.OnBacklog(3)
	if n := f.Pool().Used(); n != 3 {
		t.Fatalf("the pool has lent %d, want 3", n)
	}
	f.wantUsage("three floating ones wait in a channel", use{Used: 0, Total: 4}, use{Used: 0, Total: 4})
	if n := a.AnnouncedCredit(); n != 3 {
		t.Fatalf("announced %d", n)
	}

	f.arrive(a, buffer.DataBuffer, 10, 0, 0)
	f.wantUsage("one holds data", use{Used: 0, Total: 4}, use{Used: 1, Total: 4})
	f.arrive(a, buffer.DataBuffer, 10, 1, 0)
	f.arrive(a, buffer.DataBuffer, 10, 2, 0)
	f.arrive(a, buffer.DataBuffer, 10, 3, 0)
	f.arrive(b, buffer.DataBuffer, 10, 0, 0)
	f.arrive(b, buffer.EventBuffer, 8, 1, 0)
	f.wantUsage("three floating, and an exclusive one of each", use{Used: 2, Total: 4}, use{Used: 3, Total: 4})

	l := f.Load()
	if l.Queued != 6 || l.QueuedBytes != 58 || l.RemoteQueues != (meter.QueueLengths{Queues: 2, Total: 6, Min: 2, Max: 4}) {
		t.Errorf("queued %d buffers of %d bytes, %+v", l.Queued, l.QueuedBytes, l.RemoteQueues)
	}
	if got := l.Exclusive.Plus(l.Floating).Ratio(); got != 5.0/8 {
		t.Errorf("in use altogether: %v", got)
	}
	item, _, err := f.Poll()
	if err != nil {
		t.Fatal(err)
	}
	f.wantUsage("the task has one in hand", use{Used: 2, Total: 4}, use{Used: 3, Total: 4})
	item.Buffer.Recycle()
	for range 5 {
		poll(t, f)
	}
	f.wantUsage("all are read", use{Used: 0, Total: 4}, use{Used: 0, Total: 4})
	if l := f.Load(); l.Queued != 0 || l.QueuedBytes != 0 || l.Remote != (Arrived{Buffers: 6, Bytes: 58}) || l.Local != (Arrived{}) {
		t.Errorf("all are read: %+v", l)
	}

	b.release()
	f.wantUsage("a channel is released", use{Used: 0, Total: 2}, use{Used: 0, Total: 4})
	f.Close()
	if l := f.Load(); l.Exclusive.Used != 0 || l.Floating.Used != 0 {
		t.Errorf("after the end: %+v", l)
	}
}

// Without exclusive buffers everything floats.
func TestUsageWithoutExclusiveBuffers(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 64), Channels: 1, Exclusive: 0, Floating: 4})
	c := f.remote(0)
	c.OnBacklog(2)
	c.AnnouncedCredit()
	f.arrive(c, buffer.DataBuffer, 10, 0, 1)
	f.wantUsage("one of two", meter.Usage{}, meter.Usage{Used: 1, Total: 4})
	if got := f.Load().Exclusive.Ratio(); got != 0 {
		t.Errorf("exclusive usage %v of nothing", got)
	}
	poll(t, f)
}

// The two looks at the pool and at the channels are not one.
func TestFloatingUsageIsNeverNegative(t *testing.T) {
	for _, c := range []struct{ used, lent, size, want int }{{0, 0, 8, 0}, {5, 2, 8, 3}, {2, 2, 8, 0}, {2, 3, 8, 0}} {
		if got := floatingUsage(c.used, c.lent, c.size); got != (meter.Usage{Used: c.want, Total: c.size}) {
			t.Errorf("lent %d, %d of them free in channels: %v", c.used, c.lent, got)
		}
	}
}

// Local channels have no buffers of their own, count no queued bytes, and are not in the queue lengths of the gate; what came through them counts
// as local (FLINK-12576, FLINK-36260).
func TestLoadOfLocalAndRemoteChannels(t *testing.T) {
	pool := memory(t, 32, 64)
	registry := partition.NewRegistry(0)
	f := newFixture(t, Options{Pool: pool, Channels: 3, Exclusive: 2, Floating: 2})
	p := newProducer(t, pool, registry, 0, 1, 2)
	p.register()
	remote := f.remote(1)
	f.OpenLocal(2, registry, partitionID(0), 0) // channel 0 is not open yet
	p.emit(0, 30)
	p.event(frame.EndOfData{}, false)
	f.arrive(remote, buffer.DataBuffer, 20, 0, 0)
	l := f.Load()
	if l.Queued != 3 || l.QueuedBytes != 20 || l.RemoteQueues != (meter.QueueLengths{Queues: 1, Total: 1, Min: 1, Max: 1}) {
		t.Errorf("queued %d buffers of %d bytes, %+v", l.Queued, l.QueuedBytes, l.RemoteQueues)
	}
	f.wantUsage("one remote buffer", meter.Usage{Used: 1, Total: 2}, meter.Usage{Used: 0, Total: 2})
	for range 3 {
		poll(t, f)
	}
	end := len(frame.AppendEvent(nil, frame.EndOfData{}))
	if l := f.Load(); l.Local != (Arrived{Buffers: 2, Bytes: uint64(30 + end)}) || l.Remote != (Arrived{Buffers: 1, Bytes: 20}) {
		t.Errorf("local %+v, remote %+v", l.Local, l.Remote)
	}
}

// Two gates of one task.
func TestLoadsAddUp(t *testing.T) {
	a := Load{Local: Arrived{1, 2}, Remote: Arrived{3, 4}, Exclusive: meter.Usage{Used: 1, Total: 2}, Floating: meter.Usage{Used: 0, Total: 8}, Queued: 5, QueuedBytes: 6, TimeToConsume: 7}
	b := Load{Local: Arrived{10, 20}, Remote: Arrived{30, 40}, Exclusive: meter.Usage{Used: 2, Total: 2}, Floating: meter.Usage{Used: 4, Total: 8}, Queued: 50, QueuedBytes: 60, TimeToConsume: 3}
	want := Load{Local: Arrived{11, 22}, Remote: Arrived{33, 44}, Exclusive: meter.Usage{Used: 3, Total: 4}, Floating: meter.Usage{Used: 4, Total: 16}, Queued: 55, QueuedBytes: 66, TimeToConsume: 7}
	if got := a.Plus(b); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Anybody may look, at any time: while channels are opened, while data comes and goes, while the gate is closed.
func TestLoadIsReadWhileTheGateWorks(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 16, 64), Channels: 2, Exclusive: 2, Floating: 4})
	var looking sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		looking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if l := f.Load(); l.Exclusive.Ratio() > 1 || l.Floating.Used < 0 || l.Queued < 0 {
					t.Errorf("%+v", l)
				}
			}
		})
	}
	channels := []*RemoteChannel{f.remote(0), f.remote(1)}
	for sequence := range int32(500) {
		for _, c := range channels {
			f.arrive(c, buffer.DataBuffer, 10, sequence, int(sequence%3))
			poll(t, f)
			c.AnnouncedCredit()
		}
	}
	f.Close()
	close(stop)
	looking.Wait()
}
