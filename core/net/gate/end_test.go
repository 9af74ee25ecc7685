// end_test.go: how channels and gates end: in order, twice, with an error, closed under a waiting task, closed while they are opened.

package gate

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

func TestEndOfDataAndPartition(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 2, Exclusive: 2, Floating: 1})
	a, b := f.remote(0), f.remote(1)
	for k, step := range []struct {
		ch                       *RemoteChannel
		kind                     buffer.DataType
		sequence                 int32
		dataEnded, ended, posted bool
	}{
		{a, buffer.EndOfData, 0, false, false, false},
		{b, buffer.EndOfData, 0, true, false, false},
		{b, buffer.EndOfPartition, 1, true, false, true},
		{a, buffer.EndOfPartition, 1, true, true, true},
	} {
		f.arrive(step.ch, step.kind, 4, step.sequence, 0)
		if item := poll(t, f); item.Buffer.Type() != step.kind {
			t.Fatalf("step %d: polled %v", k, item.Buffer)
		}
		if f.DataEnded() != step.dataEnded || f.Ended() != step.ended {
			t.Errorf("step %d: data ended %v, ended %v; want %v, %v", k, f.DataEnded(), f.Ended(), step.dataEnded, step.ended)
		}
		if step.posted { // a channel at its end is released, and its producer told
			f.wantPosts([]string{"0 cancel", "1 cancel"}[step.ch.index])
		}
	}
	wantEnd(t, f)
	f.wantPosts()
}

// TestNothingComesBehindTheEndOfPartition (FLINK-8750, FLINK-22368): a channel at its end is in no queue, whatever its producer still sends.
func TestNothingComesBehindTheEndOfPartition(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 2, Exclusive: 3, Floating: 1})
	a, b := f.remote(0), f.remote(1)
	f.arrive(a, buffer.EndOfPartition, 4, 0, 0)
	f.arrive(a, buffer.DataBuffer, 4, 1, 0)
	f.arrive(a, buffer.EndOfPartition, 4, 2, 0)
	if item := poll(t, f); item.Buffer.Type() != buffer.EndOfPartition {
		t.Fatalf("polled %v", item.Buffer)
	}
	wantNothing(t, f)
	if err := arriving(a, buffer.DataBuffer, 4, 3, 0); !errors.Is(err, errChannelReleased) {
		t.Errorf("a released channel lends a buffer: %v", err)
	}
	a.OnBuffer(buffer.Unpooled(endOfPartition, buffer.EndOfPartition), 3, 0)
	a.OnBacklog(5)
	a.OnError(errors.New("too late"))
	f.dataAvailable(0)
	f.priorityAvailable(0, 7)
	wantNothing(t, f)
	if a.state().waiting {
		t.Error("a released channel waits for buffers")
	}
	for what, err := range map[string]error{"resume": f.Resume(0), "acknowledge": f.Acknowledge(0)} {
		if !errors.Is(err, errChannelReleased) {
			t.Errorf("%s after the end: %v", what, err)
		}
	}
	f.arrive(b, buffer.EndOfPartition, 4, 0, 0)
	poll(t, f)
	wantEnd(t, f)
}

func TestEndOfDataTwiceFailsItsChannel(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 2, Exclusive: 2, Floating: 1})
	a, b := f.remote(0), f.remote(1)
	f.arrive(a, buffer.EndOfData, 5, 0, 0)
	f.arrive(a, buffer.EndOfData, 5, 1, 0)
	f.arrive(b, buffer.DataBuffer, 4, 0, 0)
	poll(t, f)
	if item := poll(t, f); item.Channel != 1 {
		t.Fatalf("polled channel %d", item.Channel)
	}
	wantChannelError(t, f, 0, nil)
	f.arrive(b, buffer.EndOfData, 5, 1, 0)
	poll(t, f) // the other channel goes on
}

// TestReordering: a gap and a repetition both fail the channel, once, with what was expected; the buffer is back at once.
func TestReordering(t *testing.T) {
	for _, got := range []int32{0, 2, -1} {
		f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 2, Exclusive: 2, Floating: 1})
		a, b := f.remote(0), f.remote(1)
		f.arrive(a, buffer.EventBuffer, 4, 0, 0)
		f.arrive(a, buffer.DataBuffer, 4, got, 0)
		f.arrive(b, buffer.DataBuffer, 4, 0, 0)
		var reordering *ReorderingError
		wantChannelError(t, f, 0, &reordering)
		if reordering == nil || reordering.Want != 1 || reordering.Got != got {
			t.Errorf("the error is %v", reordering)
		}
		if item := poll(t, f); item.Channel != 1 {
			t.Errorf("polled channel %d", item.Channel)
		}
		wantNothing(t, f)
	}
}

// TestFirstErrorCounts, and comes ahead of what was received.
func TestFirstErrorCounts(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 1, Exclusive: 2, Floating: 1})
	c := f.remote(0)
	f.arrive(c, buffer.DataBuffer, 4, 0, 0)
	first := errors.New("first")
	c.OnError(first)
	c.OnError(errors.New("second"))
	_, ok, err := f.Poll()
	if ok || !errors.Is(err, first) {
		t.Errorf("polled %v", err)
	}
	wantNothing(t, f) // it is told once
}

// TestCloseWakesTheTask that waits, and it waits no second time. The wait is reported.
func TestCloseWakesTheTask(t *testing.T) {
	for _, union := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var waits meter.Waits
			clock := meter.Monotonic()
			f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 1, Exclusive: 2, Floating: 1, Clock: clock, Waits: &waits})
			next, closeAll := f.Next, f.Close
			if union {
				u := NewUnion(clock, &waits, f.InputGate)
				next, closeAll = u.Next, u.Close
			}
			f.remote(0)
			go func() {
				time.Sleep(time.Second)
				closeAll()
			}()
			if _, err := next(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("the wait ended with %v", err)
			}
			if _, err := next(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("the next ended with %v", err)
			}
			if w := waits.Total(meter.Input); w.Count != 1 || w.Ns != int64(time.Second) {
				t.Errorf("waited %+v, want once and a second", w)
			}
			closeAll() // waits for the other one
			f.wantPosts("0 cancel")
		})
	}
}

// TestAvailability: one signal when there is something in an empty gate, none for what joins it, none for what comes behind the end.
func TestAvailability(t *testing.T) {
	for _, union := range []bool{false, true} {
		f := newFixture(t, Options{Pool: memory(t, 16, 4), Channels: 2, Exclusive: 4, Floating: 1})
		var g input = f
		available := f.Available()
		if union {
			u := NewUnion(nil, nil, f.InputGate)
			g, available = u, u.Available()
		}
		signalled := func() bool {
			select {
			case <-available:
				return true
			default:
				return false
			}
		}
		a, b := f.remote(0), f.remote(1)
		f.arrive(a, buffer.DataBuffer, 4, 0, 0)
		f.arrive(a, buffer.DataBuffer, 4, 1, 0)
		f.arrive(b, buffer.DataBuffer, 4, 0, 0)
		if !signalled() || signalled() {
			t.Error("three buffers in an empty gate are one signal")
		}
		poll(t, g)
		poll(t, g)
		if signalled() {
			t.Error("a signal for what was there")
		}
		poll(t, g)
		wantNothing(t, g)
		f.arrive(b, buffer.DataBuffer, 4, 1, 0)
		if !signalled() {
			t.Error("no signal for a buffer in a gate that was emptied")
		}
		poll(t, g)
		wantNothing(t, g)
		if n := len(available); n != 0 {
			t.Errorf("%d signals are left", n)
		}
		f.arrive(a, buffer.EndOfPartition, 4, 2, 0)
		f.arrive(b, buffer.EndOfPartition, 4, 2, 0)
		if !signalled() {
			t.Error("no signal for the end")
		}
		poll(t, g)
		poll(t, g)
		wantEnd(t, g)
		f.arrive(a, buffer.EventBuffer, 4, 3, 0)
		f.dataAvailable(1)
		if signalled() {
			t.Error("a signal behind the end")
		}
	}
}

// TestNextPrefersABufferToTheEndOfItsContext: one that was there before, and one that comes together with that end.
func TestNextPrefersABufferToTheEndOfItsContext(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 1, Exclusive: 2, Floating: 1})
	ch := f.remote(0)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range int32(50) {
		if n%2 == 0 {
			f.arrive(ch, buffer.EventBuffer, 4, n, 0) // before the call
		} else {
			polled := 0
			arrive := func() (Item, bool, error) { // behind the first look, together with the end of the context
				if polled++; polled == 1 {
					f.arrive(ch, buffer.EventBuffer, 4, n, 0)
				}
				return f.Poll()
			}
			item, err := f.waiter.next(ended, arrive)
			if err != nil || item.Sequence != n {
				t.Fatalf("waited for %d and got %v, %v", n, item, err)
			}
			continue
		}
		item, err := f.Next(ended)
		if err != nil || item.Sequence != n {
			t.Fatalf("next after %d: %v, %v", n, item, err)
		}
	}
	if _, err := f.Next(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("nothing there, and Next says %v", err)
	}
}

// TestCloseWhileChannelsAreOpened: the task opens channels while somebody else closes its gate. Whatever the order, every channel is released: its
// segments go home, and nothing stays with the registry that would eat a subpartition later.
func TestCloseWhileChannelsAreOpened(t *testing.T) {
	const channels = 8
	for range rounds(512) {
		p := memory(t, 3*channels+8, 4)
		registry := partition.NewRegistry(time.Hour)
		t.Cleanup(registry.Close)
		there := newProducer(t, p, registry, 0, channels, channels+1)
		there.register()
		late := newProducer(t, p, registry, 1, 2, 3)
		f := newFixture(t, Options{Pool: p, Channels: channels, Exclusive: 1, Floating: 1})
		var both sync.WaitGroup
		both.Go(f.Close)
		both.Go(func() {
			for i := range channels {
				switch i % 4 {
				case 0:
					if _, err := f.OpenRemote(t.Context(), i, frame.ChannelID{byte(i)}, f.post); err != nil && !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
				case 1:
					f.OpenLocal(i, registry, partitionID(0), i)
				case 2:
					f.OpenLocal(i, registry, partitionID(1), i/4) // waits for its partition
				case 3:
					f.OpenLocal(i, registry, partitionID(0), channels) // there is none
				}
			}
		})
		both.Wait()
		if _, _, err := f.Poll(); !errors.Is(err, ErrClosed) {
			t.Fatalf("a closed gate says %v", err)
		}
		if _, err := f.OpenRemote(t.Context(), 0, frame.ChannelID{}, f.post); !errors.Is(err, ErrClosed) {
			t.Fatalf("a channel was opened in a closed gate: %v", err)
		}
		late.register()
		for sub := range 2 {
			if v, err := late.CreateView(sub, nil); err != nil {
				t.Fatalf("subpartition %d of the partition that came late went to a channel of a closed gate: %v", sub, err)
			} else {
				v.Release()
			}
		}
	}
}

// TestGateRefusesNonsense, and gives channels fewer buffers of their own where it may not insist on more.
func TestGateRefusesNonsense(t *testing.T) {
	p := memory(t, 4, 4)
	for _, o := range []Options{{Channels: 0}, {Channels: 1, Exclusive: -1}, {Channels: 1, Floating: -1}} {
		o.Pool = p
		if g, err := New(t.Context(), o); err == nil {
			g.Close()
			t.Errorf("made a gate of %+v", o)
		}
	}
	f := newFixture(t, Options{Pool: p, Channels: 3, Exclusive: 2, Floating: 1, MaxRequired: 4})
	if f.Exclusive() != 1 {
		t.Errorf("%d exclusive buffers, want 1: 3 channels may insist on 4 segments", f.Exclusive())
	}
	for i := range 3 {
		f.remote(i)
	}
	g := newFixture(t, Options{Pool: memory(t, 2, 4), Channels: 2, Exclusive: 2})
	var insufficient *buffer.InsufficientError
	if _, err := g.OpenRemote(t.Context(), 0, frame.ChannelID{}, g.post); !errors.As(err, &insufficient) {
		t.Errorf("opened a channel of 2 exclusive buffers with 1 left: %v", err)
	}
}

// TestUnionEnds: the union is at its end when all of its gates are, and an error names the channel of its gate.
func TestUnionEnds(t *testing.T) {
	p := memory(t, 16, 4)
	a := newFixture(t, Options{Pool: p, Channels: 2, Exclusive: 1, Floating: 1})
	b := newFixture(t, Options{Pool: p, Channels: 1, Exclusive: 1, Floating: 1})
	u := NewUnion(meter.Monotonic(), nil, a.InputGate, b.InputGate)
	a0, a1, b0 := a.remote(0), a.remote(1), b.remote(0)
	a.arrive(a0, buffer.EndOfPartition, 4, 0, 0)
	a.arrive(a1, buffer.EndOfPartition, 4, 0, 0)
	poll(t, u)
	poll(t, u)
	wantNothing(t, u) // one gate of two
	b.arrive(b0, buffer.AlignedBarrier, 4, 0, 0)
	if item := poll(t, u); item.Channel != 2 {
		t.Fatalf("polled channel %d", item.Channel)
	}
	if err := u.Resume(2); err != nil {
		t.Error(err)
	}
	if err := u.Acknowledge(2); err != nil {
		t.Error(err)
	}
	b.wantPosts("0 resume", "0 acknowledge")
	b0.OnError(errors.New("an error that does no harm"))
	wantChannelError(t, u, 2, nil)
	b0.mu.err = nil
	b.arrive(b0, buffer.EndOfPartition, 4, 1, 0)
	if item, err := u.Next(t.Context()); err != nil || item.Channel != 2 {
		t.Fatalf("next is %v, %v", item, err)
	}
	if _, err := u.Next(t.Context()); err != io.EOF {
		t.Errorf("next after the end: %v", err)
	}
	u.Close()
}
