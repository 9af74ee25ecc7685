// race_test.go: two goroutines at one channel. Whoever wins, every segment comes home. Many rounds with -tags long, some otherwise.

package gate

import (
	"errors"
	"io"
	"sync"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// race runs the functions side by side on a new gate with one channel of 2 exclusive and 4 floating buffers, for so many rounds, and
// wants every segment home after each. set prepares a round and returns what runs.
func race(t *testing.T, n int, set func(f *fixture, c *RemoteChannel) []func()) {
	t.Helper()
	p := memory(t, 8, 16)
	for round := range rounds(n) {
		g, err := New(t.Context(), Options{Pool: p, Channels: 1, Exclusive: 2, Floating: 4})
		if err != nil {
			t.Fatal(err)
		}
		f := asFixture(t, g)
		var all sync.WaitGroup
		for _, run := range set(f, f.remote(0)) {
			all.Go(run)
		}
		all.Wait()
		g.Close()
		if free := p.Available(); free != p.Segments() {
			t.Fatalf("round %d: %d of %d segments are home", round, free, p.Segments())
		}
	}
}

// feed is a connection's reader that brings n buffers with this backlog to each of the channels, as far as there is credit.
func feed(f *fixture, n, backlog int, channels ...*RemoteChannel) func() {
	return func() {
		sent := make([]int32, len(channels))
		for left := n * len(channels); left > 0; {
			before := left
			for i, c := range channels {
				c.AnnouncedCredit() // a writer that is always quick
				if int(sent[i]) < n && arriving(c, buffer.DataBuffer, 8, sent[i], backlog+i) == nil {
					sent[i]++
					left--
				}
				if c.IsReleased() {
					return
				}
			}
			if left == before {
				<-f.connection
			}
		}
	}
}

// drain is a task that polls until an error and recycles everything.
func drain(f *fixture) func() {
	return func() {
		for {
			item, err := f.Next(f.t.Context())
			if err != nil {
				if !errors.Is(err, ErrClosed) && !errors.Is(err, errChannelReleased) && err != io.EOF {
					f.t.Errorf("the task ended with %v", err)
				}
				return
			}
			item.Buffer.Recycle()
		}
	}
}

func TestBuffersArriveWhileTheGateCloses(t *testing.T) {
	race(t, 8192, func(f *fixture, c *RemoteChannel) []func() {
		return []func(){feed(f, 4, 2, c), f.Close}
	})
}

func TestTaskPollsWhileTheGateCloses(t *testing.T) {
	race(t, 8192, func(f *fixture, c *RemoteChannel) []func() {
		return []func(){feed(f, 4, 2, c), drain(f), f.Close}
	})
}

func TestBacklogIsToldWhileTheGateCloses(t *testing.T) {
	race(t, 8192, func(f *fixture, c *RemoteChannel) []func() {
		tell := func() {
			for b := range 8 {
				c.OnBacklog(b)
			}
		}
		return []func(){tell, f.Close}
	})
}

func TestFloatingBuffersAreOfferedWhileTheGateCloses(t *testing.T) {
	race(t, 1024, func(f *fixture, c *RemoteChannel) []func() {
		var held []buffer.Buffer
		for {
			b, err := f.Pool().Request(-1)
			if err != nil || b.IsZero() {
				break
			}
			held = append(held, b)
		}
		c.OnBacklog(3) // waits in the pool's line
		offer := func() {
			for _, b := range held {
				b.Recycle()
			}
		}
		return []func(){offer, f.Close}
	})
}

func TestBuffersAreRecycledWhileTheGateCloses(t *testing.T) {
	race(t, 8192, func(f *fixture, c *RemoteChannel) []func() {
		c.OnBacklog(4)
		c.AnnouncedCredit()
		var held []buffer.Buffer
		for range 6 {
			b, err := c.TakeBuffer(1)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, b)
		}
		some := func(of []buffer.Buffer) func() {
			return func() {
				for _, b := range of {
					b.Recycle()
				}
			}
		}
		return []func(){some(held[:3]), some(held[3:]), f.Close}
	})
}

func TestErrorsArriveWhileTheGateCloses(t *testing.T) {
	race(t, 8192, func(f *fixture, c *RemoteChannel) []func() {
		fail := func() { c.OnError(errClosedInTest) }
		task := func() {
			for {
				item, err := f.Next(t.Context())
				if errors.Is(err, ErrClosed) {
					return
				}
				if err == nil {
					item.Buffer.Recycle()
				}
			}
		}
		return []func(){feed(f, 2, 0, c), fail, task, f.Close}
	})
}

var errClosedInTest = errors.New("the connection is lost")

// TestManyBuffersComeAndGo (Flink: testConcurrentRecycleAndRelease): 120 channels' worth of exclusive segments and 128 floating ones, taken by the
// reader, recycled by the task, asked for by the backlog, all at once, then everything is released in the middle of it.
func TestManyBuffersComeAndGo(t *testing.T) {
	const channels, exclusive, floating = 8, 15, 128
	p := memory(t, channels*exclusive+floating, 8)
	for range rounds(64) {
		g, err := New(t.Context(), Options{Pool: p, Channels: channels, Exclusive: exclusive, Floating: floating})
		if err != nil {
			t.Fatal(err)
		}
		f := asFixture(t, g)
		var all []*RemoteChannel
		for i := range channels {
			all = append(all, f.remote(i))
		}
		var task sync.WaitGroup
		task.Go(drain(f))
		feed(f, 500, 3, all...)()
		g.Close()
		task.Wait()
		if free := p.Available(); free != p.Segments() {
			t.Fatalf("%d of %d segments are home", free, p.Segments())
		}
	}
}

// TestUnionLosesNoWakeUp (FLINK-21992): several connections fill the gates of a union, whose task sleeps whenever it finds nothing.
func TestUnionLosesNoWakeUp(t *testing.T) {
	const gates, channels = 3, 2
	buffers := int32(20 * rounds(1024))
	p := memory(t, gates*2, 4)
	var parts []*InputGate
	for range gates {
		f := newFixture(t, Options{Pool: p, Channels: channels, Floating: 1})
		for i := range channels {
			f.remote(i)
		}
		parts = append(parts, f.InputGate)
	}
	u := NewUnion(nil, nil, parts...)
	var connections sync.WaitGroup
	for _, g := range parts {
		for _, c := range g.channels {
			connections.Go(func() {
				for n := range buffers {
					c.(*RemoteChannel).OnBuffer(buffer.Unpooled([]byte{1}, buffer.EventBuffer), n, 0)
				}
				c.(*RemoteChannel).OnBuffer(buffer.Unpooled(endOfPartition, buffer.EndOfPartition), buffers, 0)
			})
		}
	}
	next := make([]int32, gates*channels)
	for {
		item, err := u.Next(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil || item.Sequence != next[item.Channel] {
			t.Fatalf("channel %d: got %d, %v; want %d", item.Channel, item.Sequence, err, next[item.Channel])
		}
		next[item.Channel]++
		item.Buffer.Recycle()
	}
	connections.Wait()
	for i, n := range next {
		if n != buffers+1 {
			t.Errorf("channel %d: %d of %d", i, n, buffers+1)
		}
	}
}

// TestManyLocalChannels (Flink: LocalInputChannelTest.testConcurrentConsumeMultiplePartitions): producers write to consumers of the same process,
// each producer to all, with pools of one segment per consumer and one to spare.
func TestManyLocalChannels(t *testing.T) {
	const parallel = 8
	buffers := rounds(1024)
	p := memory(t, parallel*(parallel+1)+parallel, 16)
	registry := partition.NewRegistry(0)
	producers := make([]*producer, parallel)
	for i := range producers {
		producers[i] = newProducer(t, p, registry, i, parallel, parallel+1)
		producers[i].register()
	}
	var all sync.WaitGroup
	for consumer := range parallel {
		f := newFixture(t, Options{Pool: p, Channels: parallel, Floating: 1})
		for i := range parallel {
			f.OpenLocal(i, registry, partitionID(i), consumer)
		}
		all.Go(func() {
			bytes := make([]int, parallel)
			for {
				item, err := f.Next(t.Context())
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Errorf("consumer %d: %v", consumer, err)
					return
				}
				if item.Buffer.Type().IsBuffer() {
					bytes[item.Channel] += item.Buffer.Len()
				}
				item.Buffer.Recycle()
			}
			for i, n := range bytes {
				if n != buffers*16 {
					t.Errorf("consumer %d got %d bytes of producer %d, want %d", consumer, n, i, buffers*16)
				}
			}
		})
	}
	for i, out := range producers {
		all.Go(func() {
			record := make([]byte, 16)
			for range buffers {
				for sub := range parallel {
					if err := out.Emit(t.Context(), record, sub); err != nil {
						t.Errorf("producer %d: %v", i, err)
						return
					}
				}
			}
			if err := out.Finish(); err != nil {
				t.Errorf("producer %d: %v", i, err)
			}
		})
	}
	all.Wait()
}

// TestLocalChannelClosesWhileItsPartitionComes: registration, failure and the gate's end, in any order.
func TestLocalChannelClosesWhileItsPartitionComes(t *testing.T) {
	p := memory(t, 8, 8)
	for range rounds(4096) {
		registry := partition.NewRegistry(1 << 40)
		g, err := New(t.Context(), Options{Pool: p, Channels: 1, Floating: 1})
		if err != nil {
			t.Fatal(err)
		}
		local, err := p.CreateLocal(buffer.LocalOptions{Required: 2, Max: 2, Subpartitions: 1})
		if err != nil {
			t.Fatal(err)
		}
		part, err := partition.New(partition.Spec{ID: partitionID(0), Subpartitions: 1, Pool: local})
		if err != nil {
			t.Fatal(err)
		}
		out := &producer{ResultPartition: part, t: t, registry: registry}
		out.emit(0, 8)
		var all sync.WaitGroup
		all.Go(func() { g.OpenLocal(0, registry, partitionID(0), 0) })
		all.Go(out.register)
		all.Go(func() {
			for {
				item, err := g.Next(t.Context())
				if err != nil {
					return
				}
				item.Buffer.Recycle()
			}
		})
		all.Go(g.Close)
		all.Wait()
		out.event(frame.EndOfData{}, false)
		if err := part.Finish(); err != nil {
			t.Fatal(err)
		}
		part.Fail(errClosedInTest)
		part.Close()
		registry.Close()
		if free := p.Available(); free != p.Segments() {
			t.Fatalf("%d of %d segments are home", free, p.Segments())
		}
	}
}
