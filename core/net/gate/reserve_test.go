// reserve_test.go: the exclusive segments of all channels in one place: never too few, and all of them home in the end.

package gate

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// TestReserveNeverHasTooFew: buffers of any channel are taken, recycled in any order, displaced, and channels are released, whoever's segment it was
// that they got. A channel gets as many as it has credit for.
func TestReserveNeverHasTooFew(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		channels := rapid.IntRange(1, 4).Draw(r, "channels")
		exclusive := rapid.IntRange(0, 3).Draw(r, "exclusive")
		floating := rapid.IntRange(1, 4).Draw(r, "floating")
		segments := channels*exclusive + floating
		p, err := buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: segments, SegmentSize: 16})
		if err != nil {
			r.Fatal(err)
		}
		g, err := New(context.Background(), Options{Pool: p, Channels: channels, Exclusive: exclusive, Floating: floating})
		if err != nil {
			r.Fatal(err)
		}
		open := make([]*RemoteChannel, channels)
		lent := make([][]buffer.Buffer, channels)
		for i := range open {
			if open[i], err = g.OpenRemote(context.Background(), i, frame.ChannelID{byte(i)}, func(*RemoteChannel, Intent) {}); err != nil {
				r.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 80).Draw(r, "steps") {
			i := rapid.IntRange(0, channels-1).Draw(r, "channel")
			c := open[i]
			switch rapid.SampledFrom([]string{"take", "take", "take", "recycle", "recycle", "backlog", "release"}).Draw(r, "step") {
			case "take":
				free := c.state().available
				c.AnnouncedCredit()
				b, err := c.TakeBuffer(16)
				if want := free > 0 && !c.IsReleased(); (err == nil) != want {
					r.Fatalf("channel %d, of whose buffers %d are free: %v", i, free, err)
				}
				if err == nil {
					lent[i] = append(lent[i], b)
				}
			case "recycle":
				if n := len(lent[i]); n > 0 {
					k := rapid.IntRange(0, n-1).Draw(r, "which")
					lent[i][k].Recycle()
					lent[i] = append(lent[i][:k], lent[i][k+1:]...)
				}
			case "backlog":
				c.OnBacklog(rapid.IntRange(0, 5).Draw(r, "backlog"))
			case "release":
				if rapid.IntRange(0, 3).Draw(r, "one in four") == 0 {
					c.release()
				}
			}
			counted := 0
			for _, c := range open {
				c.mu.Lock()
				if !c.mu.released {
					counted += c.mu.allowance.Exclusive()
				}
				c.mu.Unlock()
			}
			if n := len(g.reserve.mu.free); n != counted {
				r.Fatalf("%d segments in the reserve, and the channels count %d", n, counted)
			}
		}
		g.Close()
		for _, buffers := range lent {
			for _, b := range buffers {
				b.Recycle()
			}
		}
		if n := p.Available(); n != segments {
			r.Fatalf("%d of %d segments are home", n, segments)
		}
		if err := p.Free(); err != nil {
			r.Fatal(err)
		}
	})
}

// TestTheSegmentThatWasReadLastIsReceivedInto, whatever channel it was read from; the coldest go home first.
func TestTheSegmentThatWasReadLastIsReceivedInto(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 5, 16), Channels: 2, Exclusive: 2, Floating: 1})
	a, b := f.remote(0), f.remote(1)
	take := func(c *RemoteChannel) buffer.Buffer {
		buf, err := c.TakeBuffer(16)
		if err != nil {
			t.Fatal(err)
		}
		return buf.With(16, buffer.DataBuffer, false)
	}
	first := take(a)
	where := &first.Bytes()[0]
	first.Recycle()
	second := take(b)
	defer second.Recycle()
	if &second.Bytes()[0] != where {
		t.Error("the other channel receives into another segment than the one that was read last")
	}
	a.release()
	third := take(b)
	defer third.Recycle()
}
