// barrier_test.go: barriers with a timeout: announced once, let past what is queued before them, and what a peer may make of them.

package gate

import (
	"errors"
	"slices"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// arriveEvent is an event that arrives, in a buffer of any type.
func (f *fixture) arriveEvent(c *RemoteChannel, e frame.Event, kind buffer.DataType, sequence int32) {
	c.OnBuffer(buffer.Unpooled(frame.AppendEvent(nil, e), kind), sequence, 0)
}

func timeoutable(id int64) frame.CheckpointBarrier {
	return frame.CheckpointBarrier{ID: id, TimestampMs: 7, Alignment: frame.Aligned, AlignedTimeoutMs: 30_000}
}

// pollEvent wants an event of a type and a sequence number.
func pollEvent(t testing.TB, g input, kind buffer.DataType, sequence int32) frame.Event {
	t.Helper()
	item, ok, err := g.Poll()
	if err != nil || !ok || item.Buffer.Type() != kind || item.Sequence != sequence {
		t.Fatalf("polled %v, %v; want %v %d", item, err, kind, sequence)
	}
	defer item.Buffer.Recycle()
	e, err := frame.ParseEvent(item.Buffer.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestAnnouncedBarrier: the announcement goes first, once, with the barrier's own number; the barrier keeps its place.
func TestAnnouncedBarrier(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 2, Exclusive: 3, Floating: 1})
	other, c := f.remote(0), f.remote(1)
	f.arrive(other, buffer.DataBuffer, 4, 0, 0)
	f.arrive(c, buffer.DataBuffer, 4, 0, 0)
	f.arriveEvent(c, timeoutable(5), buffer.TimeoutableBarrier, 1)
	e := pollEvent(t, f, buffer.PrioritizedEvent, 1)
	if a, ok := e.(frame.Announcement); !ok || a.Sequence != 1 || a.Announced.(frame.CheckpointBarrier).ID != 5 {
		t.Errorf("announced %+v", e)
	}
	if got := sequences(t, f); !slices.Equal(got, []int32{0, 0, 1}) {
		t.Errorf("then consumed %v", got)
	}
	f.arrive(c, buffer.DataBuffer, 4, 2, 0)
	if got := sequences(t, f); !slices.Equal(got, []int32{2}) {
		t.Errorf("then consumed %v", got)
	}
}

// TestBarrierOvertakesAfterItsTimeout: it leaves its place and becomes an unaligned one with priority, with the number that its announcement had, which
// must not make it a stale one (FLINK-19681). Then, or when it was polled before, there is nothing more to let past.
func TestBarrierOvertakesAfterItsTimeout(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 2, Exclusive: 3, Floating: 1})
	other, c := f.remote(0), f.remote(1)
	f.arrive(other, buffer.DataBuffer, 4, 0, 0)
	f.arrive(c, buffer.DataBuffer, 4, 0, 0)
	f.arriveEvent(c, timeoutable(5), buffer.TimeoutableBarrier, 1)
	pollEvent(t, f, buffer.PrioritizedEvent, 1)
	for n, want := range []bool{true, false} {
		if queued, err := f.PrioritizeBarrier(1, 1); queued != want || err != nil {
			t.Errorf("attempt %d: %v, %v", n, queued, err)
		}
	}
	if n, bytes := f.Queued(); n != 3 || bytes != 4+4+34 {
		t.Errorf("%d buffers of %d bytes are queued", n, bytes)
	}
	e := pollEvent(t, f, buffer.PrioritizedEvent, 1)
	if b, ok := e.(frame.CheckpointBarrier); !ok || b.ID != 5 || b.TimestampMs != 7 || b.Alignment != frame.Unaligned || b.AlignedTimeoutMs != frame.NoAlignedTimeout {
		t.Errorf("the barrier is %+v", e)
	}
	if got := sequences(t, f); !slices.Equal(got, []int32{0, 0}) {
		t.Errorf("then consumed %v", got)
	}
	if queued, err := f.PrioritizeBarrier(1, 1); queued || err != nil {
		t.Errorf("after everything: %v, %v", queued, err)
	}
}

// TestBarrierThatIsNotQueued: polled, never seen, of another type, or of a channel that is released.
func TestBarrierThatIsNotQueued(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 1, Exclusive: 3, Floating: 1})
	c := f.remote(0)
	f.arrive(c, buffer.DataBuffer, 4, 0, 0)
	f.arriveEvent(c, timeoutable(5), buffer.TimeoutableBarrier, 1)
	for _, n := range []int32{0, 2, -1} {
		if queued, err := f.PrioritizeBarrier(0, n); queued || err != nil {
			t.Errorf("barrier %d: %v, %v", n, queued, err)
		}
	}
	f.Close()
	if queued, err := f.PrioritizeBarrier(0, 1); queued || err != nil {
		t.Errorf("after the end: %v, %v", queued, err)
	}
}

// TestWhatIsNoBarrierIsNotAnnounced: a peer may put anything where a barrier belongs. It fails its channel.
func TestWhatIsNoBarrierIsNotAnnounced(t *testing.T) {
	for name, content := range map[string][]byte{
		"nothing":         {1, 2, 3},
		"another event":   frame.AppendEvent(nil, frame.EndOfPartition{}),
		"an announcement": frame.AppendEvent(nil, frame.Announcement{Sequence: 0, Announced: timeoutable(5)}),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 2, Exclusive: 2, Floating: 1})
			c, other := f.remote(0), f.remote(1)
			c.OnBuffer(buffer.Unpooled(content, buffer.TimeoutableBarrier), 0, 0)
			f.arrive(other, buffer.DataBuffer, 4, 0, 0)
			_, ok, err := f.Poll()
			var of *ChannelError
			if ok || !errors.As(err, &of) || of.Channel != 0 || !errors.Is(err, frame.ErrPeer) {
				t.Errorf("polled %v", err)
			}
			if item := poll(t, f); item.Channel != 1 {
				t.Errorf("polled channel %d", item.Channel)
			}
		})
	}
}
