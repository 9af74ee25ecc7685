// fixture_test.go: gates with pools and channels for tests, what channels post, and the check that every segment comes home.

package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a pool of segments that are all home when the test ends, after the gates on it are closed.
func memory(t testing.TB, segments, segmentSize int) *buffer.NetworkBufferPool {
	t.Helper()
	p, err := buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: segments, SegmentSize: segmentSize})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := p.Available(); n != segments {
			t.Errorf("%d of %d segments are home", n, segments)
		}
		if err := p.Free(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// fixture is a gate, and what its remote channels asked their connection for.
type fixture struct {
	*InputGate
	t testing.TB

	connection chan struct{} // one slot: something was posted

	mu    sync.Mutex
	posts []string // "0 credit": channel and what
}

// newFixture makes a gate that the end of the test closes.
func newFixture(t testing.TB, o Options) *fixture {
	t.Helper()
	g, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return asFixture(t, g)
}

func asFixture(t testing.TB, g *InputGate) *fixture {
	return &fixture{InputGate: g, t: t, connection: make(chan struct{}, 1)}
}

var intents = [...]string{"credit", "resume", "acknowledge", "size", "cancel"}

func (f *fixture) post(c *RemoteChannel, what Intent) {
	f.mu.Lock()
	f.posts = append(f.posts, fmt.Sprintf("%d %s", c.index, intents[what]))
	f.mu.Unlock()
	select {
	case f.connection <- struct{}{}:
	default: // already woken
	}
}

// wantPosts wants exactly these since the last call.
func (f *fixture) wantPosts(want ...string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.posts, want) {
		f.t.Errorf("posted %q, want %q", f.posts, want)
	}
	f.posts = nil
}

// remote opens channel i as a remote one.
func (f *fixture) remote(i int) *RemoteChannel {
	f.t.Helper()
	c, err := f.OpenRemote(context.Background(), i, frame.ChannelID{byte(i), byte(i >> 8)}, f.post)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// arriving is what a connection's reader does with a frame: a buffer of the channel, or memory of its own for an event, then hand it over.
func arriving(c *RemoteChannel, kind buffer.DataType, n int, sequence int32, backlog int) error {
	b := buffer.Unpooled(make([]byte, n), kind)
	if kind.IsBuffer() {
		var err error
		if b, err = c.TakeBuffer(n); err != nil {
			return err
		}
		b = b.With(n, kind, false)
	}
	if n == 0 {
		c.OnEmptyBuffer(b, sequence, backlog)
	} else {
		c.OnBuffer(b, sequence, backlog)
	}
	return nil
}

func (f *fixture) arrive(c *RemoteChannel, kind buffer.DataType, n int, sequence int32, backlog int) {
	f.t.Helper()
	if err := arriving(c, kind, n, sequence, backlog); err != nil {
		f.t.Fatalf("%v %d of channel %d: %v", kind, sequence, c.index, err)
	}
}

// input is what a test polls: a gate or a union.
type input interface {
	Poll() (Item, bool, error)
}

// poll wants an item and recycles it.
func poll(t testing.TB, g input) Item {
	t.Helper()
	item, ok, err := g.Poll()
	if err != nil || !ok {
		t.Fatalf("polled nothing (%v)", err)
	}
	item.Buffer.Recycle()
	return item
}

func wantNothing(t testing.TB, g input) {
	t.Helper()
	if item, ok, err := g.Poll(); ok || err != nil {
		t.Fatalf("polled %v, %v; want nothing", item, err)
	}
}

func wantEnd(t testing.TB, g input) {
	t.Helper()
	if item, ok, err := g.Poll(); ok || err != io.EOF {
		t.Fatalf("polled %v, %v; want the end", item, err)
	}
}

// wantChannelError wants the error of one channel, and the sentinel or type in it, if target is not nil.
func wantChannelError(t testing.TB, g input, channel int, target any) {
	t.Helper()
	item, ok, err := g.Poll()
	var of *ChannelError
	if ok || !errors.As(err, &of) || of.Channel != channel {
		t.Fatalf("polled %v, %v; want an error of channel %d", item, err, channel)
	}
	if target != nil && !errors.As(err, target) {
		t.Fatalf("polled the error %v, want a %T in it", err, target)
	}
}

// state is a channel's credit as R3.1 counts it.
type state struct {
	available, required int
	unannounced         uint64
	waiting             bool
}

func (c *RemoteChannel) state() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return state{c.mu.allowance.Available(), c.mu.allowance.Required(), c.mu.allowance.Unannounced(), c.mu.waiting}
}

// producer is a partition of this process with a registry: what local channels read.
type producer struct {
	*partition.ResultPartition
	t        testing.TB
	registry *partition.Registry
}

func partitionID(n int) frame.ResultPartitionID {
	return frame.ResultPartitionID{Partition: frame.NewPartitionID([16]byte{1}, int32(n))}
}

// newProducer makes a partition with a pool of its own size on the memory. It is not registered yet.
func newProducer(t testing.TB, p *buffer.NetworkBufferPool, r *partition.Registry, id, subpartitions, segments int) *producer {
	t.Helper()
	local, err := p.CreateLocal(buffer.LocalOptions{Required: segments, Max: segments, Subpartitions: subpartitions})
	if err != nil {
		t.Fatal(err)
	}
	part, err := partition.New(partition.Spec{ID: partitionID(id), Subpartitions: subpartitions, Pool: local})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		part.Fail(errors.New("the test is over"))
		part.Close()
	})
	return &producer{ResultPartition: part, t: t, registry: r}
}

func (p *producer) register() {
	p.t.Helper()
	if err := p.registry.Register(p.ResultPartition); err != nil {
		p.t.Fatal(err)
	}
}

// emit sends n bytes and flushes them.
func (p *producer) emit(sub, n int) {
	p.t.Helper()
	if err := p.Emit(context.Background(), make([]byte, n), sub); err != nil {
		p.t.Fatal(err)
	}
	p.Flush(sub)
}

func (p *producer) event(e frame.Event, priority bool) {
	p.t.Helper()
	if err := p.BroadcastEvent(frame.AppendEvent(nil, e), frame.DataTypeOf(e, priority)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *producer) finish() {
	p.t.Helper()
	if err := p.Finish(); err != nil {
		p.t.Fatal(err)
	}
}

func aligned(id int64) frame.CheckpointBarrier {
	return frame.CheckpointBarrier{ID: id, Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
}
