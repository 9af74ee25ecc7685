// credit_test.go: R3.1 and R3.2 with real channels and a real pool: who gets floating buffers, and when the producer is told.

package gate

import (
	"errors"
	"testing"

	"xbench/core/buffer"
)

// vectors is the setting of R3.1: 16 segments, a gate of 14 floating ones and one channel with 2 of its own. The test holds some of both.
type vectors struct {
	*fixture
	c        *RemoteChannel
	own      []buffer.Buffer
	floating []buffer.Buffer
}

func newVectors(t *testing.T, own, floating int) *vectors {
	f := newFixture(t, Options{Pool: memory(t, 16, 4), Channels: 1, Exclusive: 2, Floating: 14})
	v := &vectors{fixture: f, c: f.remote(0)}
	if n := f.Pool().Size(); n != 14 {
		t.Fatalf("the pool of floating buffers has a size of %d", n)
	}
	for range own {
		b, err := v.c.TakeBuffer(1)
		if err != nil {
			t.Fatal(err)
		}
		v.own = append(v.own, b)
	}
	for range floating {
		b, err := f.Pool().Request(-1)
		if err != nil || b.IsZero() {
			t.Fatalf("requested %v, %v", b, err)
		}
		v.floating = append(v.floating, b)
	}
	t.Cleanup(func() {
		for _, b := range append(v.own, v.floating...) {
			b.Recycle()
		}
	})
	return v
}

func (v *vectors) recycle(from *[]buffer.Buffer) {
	(*from)[0].Recycle()
	*from = (*from)[1:]
}

// want is a row of the table: available, required, in the pool, waiting.
func (v *vectors) want(step string, available, required, inPool int, waiting bool) {
	v.t.Helper()
	s := v.c.state()
	if n := v.Pool().Idle(); s.available != available || s.required != required || s.waiting != waiting || n != inPool {
		v.t.Errorf("%s: available %d, required %d, in the pool %d, waiting %v; want %d, %d, %d, %v",
			step, s.available, s.required, n, s.waiting, available, required, inPool, waiting)
	}
}

// R3.1, first table: a channel that waits for floating buffers.
func TestR31WaitingForFloatingBuffers(t *testing.T) {
	v := newVectors(t, 1, 2)
	v.c.OnBacklog(14)
	v.want("backlog 14", 13, 16, 0, true)
	v.c.OnBacklog(16)
	v.want("backlog 16", 13, 18, 0, true)
	v.recycle(&v.own)
	v.want("recycle an exclusive one", 14, 18, 0, true)
	v.recycle(&v.floating)
	v.want("recycle a floating one: it goes to the listener, who queues again", 15, 18, 0, true)
	v.c.OnBacklog(13)
	v.want("backlog 13", 15, 15, 0, true)
	v.recycle(&v.floating)
	v.want("recycle the other: refused, back to the pool", 15, 15, 1, false)
	v.c.OnBacklog(15)
	v.want("backlog 15: takes it and queues again", 16, 17, 0, true)
	v.wantPosts("0 credit") // all of it in the one message that was not written yet
	if n := v.c.AnnouncedCredit(); n != 15 {
		t.Errorf("announced %d, want 15: what is free beyond the initial credit that is not used", n)
	}
}

// R3.1, second table: an exclusive buffer that comes back displaces a floating one.
func TestR31Displacement(t *testing.T) {
	v := newVectors(t, 1, 1)
	v.c.OnBacklog(12)
	v.want("backlog 12", 14, 14, 0, false)
	v.recycle(&v.floating)
	v.want("recycle a floating one", 14, 14, 1, false)
	before := v.c.state().unannounced
	v.recycle(&v.own)
	v.want("recycle an exclusive one", 14, 14, 2, false)
	if after := v.c.state().unannounced; after != before {
		t.Errorf("displacing earned %d credits", after-before)
	}

	v = newVectors(t, 1, 1)
	v.c.OnBacklog(12)
	v.c.OnBacklog(10)
	v.want("backlog 12, then 10", 14, 12, 0, false)
	v.recycle(&v.own)
	v.want("recycle an exclusive one", 14, 12, 1, false)
	v.recycle(&v.floating)
	v.want("recycle a floating one", 14, 12, 2, false)
}

// R3.1, fair distribution: three channels wait for three floating buffers, and each gets one.
func TestR31FairDistribution(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 9, 4), Channels: 3, Exclusive: 2, Floating: 3})
	var channels []*RemoteChannel
	for i := range 3 {
		channels = append(channels, f.remote(i))
	}
	var held []buffer.Buffer
	for range 3 {
		b, err := f.Pool().Request(-1)
		if err != nil || b.IsZero() {
			t.Fatalf("requested %v, %v", b, err)
		}
		held = append(held, b)
	}
	for i, c := range channels {
		c.OnBacklog(8)
		if got, want := c.state(), (state{2, 10, 0, true}); got != want {
			t.Errorf("channel %d, backlog 8: %+v, want %+v", i, got, want)
		}
	}
	for _, b := range held {
		b.Recycle()
	}
	for i, c := range channels {
		if got, want := c.state(), (state{3, 10, 1, true}); got != want {
			t.Errorf("channel %d after all came back: %+v, want %+v", i, got, want)
		}
	}
	f.wantPosts("0 credit", "1 credit", "2 credit")
}

// R3.1, AddCredit: two channels of 2 exclusive buffers, 6 floating ones. The first data with a backlog of 1 takes two of these and asks for the
// announcement; what arises until it is written joins it.
func TestR31AddCreditIsAskedForOnce(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 10, 4), Channels: 2, Exclusive: 2, Floating: 6})
	a, b := f.remote(0), f.remote(1)
	for _, c := range []*RemoteChannel{a, b} {
		f.arrive(c, buffer.DataBuffer, 4, 0, 1)
		if got, want := c.state(), (state{3, 3, 2, false}); got != want {
			t.Errorf("channel %d: %+v, want %+v", c.index, got, want)
		}
	}
	f.wantPosts("0 credit", "1 credit")
	f.arrive(a, buffer.DataBuffer, 4, 1, 1)
	f.wantPosts() // the message is due already
	if n := a.AnnouncedCredit(); n != 3 {
		t.Errorf("announced %d, want 3", n)
	}
	if n := a.AnnouncedCredit(); n != 0 {
		t.Errorf("announced %d twice", n)
	}
	f.arrive(a, buffer.DataBuffer, 4, 2, 1)
	f.wantPosts("0 credit") // from nothing to something again
	poll(t, f)              // a floating or an exclusive one of channel 0
	a.release()
	f.wantPosts("0 cancel")
	if n := a.AnnouncedCredit(); n != 0 {
		t.Errorf("a released channel announced %d", n)
	}
}

// R3.1, required counting: one less per buffer taken, below zero if need be.
func TestR31RequiredFallsWithEachBuffer(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 16, 4), Channels: 1, Exclusive: 2, Floating: 8})
	c := f.remote(0)
	c.OnBacklog(2)
	for want := 3; want >= 0; want-- {
		if want == 1 {
			if n := c.AnnouncedCredit(); n != 2 {
				t.Fatalf("announced %d", n)
			}
		}
		f.arrive(c, buffer.DataBuffer, 4, int32(3-want), -1)
		if got := c.state().required; got != want {
			t.Errorf("required %d, want %d", got, want)
		}
	}
	if _, err := c.TakeBuffer(1); err == nil {
		t.Error("took a fifth buffer of four")
	}
}

// R3.2: a blocking event. The channel with exclusive buffers keeps everything, the one without gives all its floating ones back and forgets
// the credit, and both begin anew with the next backlog. (In Flink's test nothing was lent for the first channel's exclusive buffers, so
// that they count as floating and unannounced there.)
func TestR32BlockedAndResumed(t *testing.T) {
	p := memory(t, 32, 4)
	fa := newFixture(t, Options{Pool: p, Channels: 1, Exclusive: 2, Floating: 8})
	fb := newFixture(t, Options{Pool: p, Channels: 1, Exclusive: 0, Floating: 8})
	a, b := fa.remote(0), fb.remote(0)
	want := func(step string, ofA, ofB state) {
		t.Helper()
		if gotA, gotB := a.state(), b.state(); gotA != ofA || gotB != ofB {
			t.Errorf("%s: %+v and %+v, want %+v and %+v", step, gotA, gotB, ofA, ofB)
		}
	}
	a.OnBacklog(2)
	b.OnBacklog(2)
	want("backlog 2", state{4, 4, 2, false}, state{2, 2, 2, false})
	fa.arrive(a, buffer.AlignedBarrier, 4, 0, 0)
	fb.arrive(b, buffer.AlignedBarrier, 4, 0, 0)
	want("barrier", state{4, 2, 2, false}, state{0, 0, 0, false})
	if n := fb.Pool().Used(); n != 0 {
		t.Errorf("%d floating buffers are still with the channel", n)
	}
	poll(t, fa)
	poll(t, fb)
	for _, g := range []*fixture{fa, fb} {
		if err := g.Resume(0); err != nil {
			t.Fatal(err)
		}
	}
	want("resume", state{4, 2, 2, false}, state{0, 0, 0, false})
	a.OnBacklog(4)
	b.OnBacklog(4)
	want("backlog 4", state{6, 6, 4, false}, state{4, 4, 4, false})
	fa.wantPosts("0 credit", "0 resume")
	fb.wantPosts("0 credit", "0 resume", "0 credit")
}

// TestBlockedChannelRefusesWhatItWaitedFor: a channel without exclusive buffers that waits in the pool's line when the barrier comes lets the
// next one have the buffer.
func TestBlockedChannelRefusesWhatItWaitedFor(t *testing.T) {
	p := memory(t, 8, 4)
	f := newFixture(t, Options{Pool: p, Channels: 2, Exclusive: 0, Floating: 1})
	a, b := f.remote(0), f.remote(1)
	held, err := f.Pool().Request(-1)
	if err != nil || held.IsZero() {
		t.Fatal("the pool has no buffer")
	}
	a.OnBacklog(1)
	b.OnBacklog(1)
	f.arrive(a, buffer.AlignedBarrier, 4, 0, 0)
	held.Recycle()
	if got, want := a.state(), (state{0, 0, 0, false}); got != want {
		t.Errorf("blocked: %+v, want %+v", got, want)
	}
	if got, want := b.state(), (state{1, 1, 1, false}); got != want {
		t.Errorf("the next in line: %+v, want %+v", got, want)
	}
	f.wantPosts("1 credit")
}

// TestDataWithoutCredit: more data than was ever announced finds no buffer, also where free ones lie that the producer was not told of.
func TestDataWithoutCredit(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 16, 4), Channels: 2, Exclusive: 1, Floating: 4})
	c, other := f.remote(0), f.remote(1)
	f.arrive(c, buffer.DataBuffer, 4, 0, 3) // takes floating buffers, and tells nobody yet
	if err := arriving(c, buffer.DataBuffer, 4, 1, 0); err == nil {
		t.Error("found a buffer for data beyond credit")
	}
	f.arrive(other, buffer.DataBuffer, 4, 0, 0)
	if _, err := other.TakeBuffer(5); err == nil {
		t.Error("5 bytes fit a segment of 4")
	}
}

// TestEmptyBufferUsesNumberAndCredit, gives its buffer back at once, and reaches nobody.
func TestEmptyBufferUsesNumberAndCredit(t *testing.T) {
	for _, exclusive := range []int{0, 1} {
		f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 1, Exclusive: exclusive, Floating: 2})
		c := f.remote(0)
		c.OnBacklog(1)
		c.AnnouncedCredit()
		used := f.Pool().Used()
		f.arrive(c, buffer.DataBuffer, 0, 0, 0)
		wantNothing(t, f)
		if n := f.Pool().Used(); n != used-1 {
			t.Errorf("%d exclusive: %d floating buffers in use, want %d", exclusive, n, used-1)
		}
		f.arrive(c, buffer.EventBuffer, 4, 1, 0)
		poll(t, f)
		c.OnEmptyBuffer(buffer.Unpooled(nil, buffer.DataBuffer), 9, 0)
		var reordering *ReorderingError
		wantChannelError(t, f, 0, &reordering)
		c.release()
		c.OnEmptyBuffer(buffer.Unpooled(nil, buffer.DataBuffer), 9, 0)
	}
}

// TestDestroyedPoolEndsTheWait: the pool may go before the channels do.
func TestDestroyedPoolEndsTheWait(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 1, Exclusive: 1, Floating: 1})
	c := f.remote(0)
	c.OnBacklog(5)
	if !c.state().waiting {
		t.Fatal("six buffers of two, and the channel does not wait")
	}
	f.Pool().Destroy()
	c.OnBacklog(7)
	f.arrive(c, buffer.DataBuffer, 4, 0, 3)
	poll(t, f)
	if _, err := f.Pool().Request(-1); !errors.Is(err, buffer.ErrPoolDestroyed) {
		t.Fatalf("the pool says %v", err)
	}
}
