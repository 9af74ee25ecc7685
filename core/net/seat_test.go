// seat_test.go: who reads a consumer's connection: when its only task takes over, when it gives the seat back, and what ends a wait there.

package net

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/net/partition"
)

// await waits until something is so.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(50 * time.Microsecond) {
		if time.Since(began) > patience {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// connection is the only one of a consumer.
func (c *consumer) connection() *clientConn {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	for _, d := range c.client.mu.conns {
		<-d.done
		return d.conn
	}
	c.t.Fatal("no connection")
	return nil
}

// A lone is a consumer with one open channel, and the server that it reads from.
type lone struct {
	*consumer
	server *realServer
	conn   *clientConn
}

func newLone(t *testing.T, segmentSize int) *lone {
	l := &lone{server: listen(t, 2, 8, segmentSize), consumer: newConsumer(t, 2, 2, 2, segmentSize, Options{})}
	l.mustOpen(0, l.server.server.Addr(), 0, 0)
	l.conn = l.connection()
	return l
}

// sit has the task read until it waits in the seat, or at least has it for its own.
func (l *lone) sit() {
	l.t.Helper()
	began := time.Now()
	for !l.conn.seat.byTask.Load() {
		if time.Since(began) > patience {
			l.t.Fatal("the task does not get the seat")
		}
		got := make(chan error, 1)
		go func() {
			_, err := l.next()
			got <- err
		}()
		await(l.t, "the task waits", func() bool { return l.gate.Waiter().Asleep() || l.gate.Waiter().Parked() })
		l.server.emit(0, 4)
		if err := <-got; err != nil {
			l.t.Fatal(err)
		}
	}
}

// parked has the task wait in the seat, and returns what its wait ends with.
func (l *lone) parked(ctx context.Context) <-chan error {
	l.t.Helper()
	ended := make(chan error, 1)
	for {
		l.sit()
		go func() {
			item, err := l.gate.Next(ctx)
			if err == nil {
				item.Buffer.Recycle()
			}
			ended <- err
		}()
		await(l.t, "the task waits", func() bool { return l.gate.Waiter().Asleep() || l.gate.Waiter().Parked() })
		if l.gate.Waiter().Parked() {
			return ended
		}
		l.server.emit(0, 4) // the lease was over
		if err := <-ended; err != nil {
			l.t.Fatal(err)
		}
	}
}

// wantBack wants that the goroutine reads again, whatever the task does.
func (l *lone) wantBack() {
	l.t.Helper()
	await(l.t, "the goroutine has the seat", func() bool { return !l.conn.seat.byTask.Load() })
	queued := func() int { n, _ := l.gate.Queued(); return n }
	before := queued()
	l.server.emit(0, 4)
	await(l.t, "the goroutine reads", func() bool { return queued() > before })
}

// TestALoneTaskReadsItself, after small messages.
func TestALoneTaskReadsItself(t *testing.T) {
	l := newLone(t, 64)
	ended := l.parked(t.Context())
	if !l.conn.seat.byTask.Load() || l.conn.seat.mu.TryLock() {
		t.Error("the task waits, but not in the seat")
	}
	l.server.emit(0, 4)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTheSeatGoesBack to the goroutine, which reads what comes while the task does something else.
func TestTheSeatGoesBack(t *testing.T) {
	t.Run("after the lease", func(t *testing.T) {
		l := newLone(t, 64)
		l.sit()
		l.wantBack()
	})
	t.Run("when the task looks without waiting", func(t *testing.T) {
		l := newLone(t, 64)
		l.sit()
		for {
			item, ok, err := l.gate.Poll()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			item.Buffer.Recycle()
		}
		l.wantBack()
	})
	t.Run("when the task waits for something else too", func(t *testing.T) {
		l := newLone(t, 64)
		l.sit()
		l.gate.Available()
		if l.conn.seat.byTask.Load() {
			t.Error("the task waits elsewhere, and has the seat")
		}
		l.wantBack()
	})
	t.Run("when its context ends", func(t *testing.T) {
		l := newLone(t, 64)
		ctx, cancel := context.WithCancel(t.Context())
		ended := l.parked(ctx)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if l.conn.seat.byTask.Load() {
			t.Error("the task has left, and has the seat")
		}
		l.wantBack()
	})
	t.Run("for bulk", func(t *testing.T) {
		l := newLone(t, 64<<10)
		l.conn.seat.few.Store(false) // as with many channels
		for {                        // until the goroutine has it from a read of the task's, not from the lease
			ended := l.parked(t.Context())
			l.server.emit(0, 48<<10)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if !l.conn.seat.byTask.Load() {
				break
			}
		}
		l.wantBack()
	})
	t.Run("when a second reader joins", func(t *testing.T) {
		l := newLone(t, 64)
		ended := l.parked(t.Context())
		g, err := gate.New(t.Context(), gate.Options{Pool: memory(t, 5, 64), Channels: 1, Exclusive: 2, Floating: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if _, err := l.client.Open(t.Context(), g, 0, l.server.server.Addr(), partitionID(0), 1, channelID("other")); err != nil {
			t.Fatal(err)
		}
		await(t, "the first one waits for a signal", func() bool { return l.gate.Waiter().Asleep() })
		for sub, next := range []func() error{
			func() error { return <-ended },
			func() error {
				item, err := g.Next(t.Context())
				if err == nil {
					item.Buffer.Recycle()
				}
				return err
			},
		} {
			l.server.emit(sub, 4)
			if err := next(); err != nil {
				t.Errorf("reader %d: %v", sub, err)
			}
		}
	})
	t.Run("when its gate closes", func(t *testing.T) {
		l := newLone(t, 64)
		ended := l.parked(t.Context())
		l.gate.Close()
		if err := <-ended; err != gate.ErrClosed {
			t.Error(err)
		}
		if l.conn.seat.byTask.Load() || l.conn.seat.sole.Load() != nil {
			t.Error("the task has left, and has the seat")
		}
	})
}

// TestASeatThatNobodyTakesGoesBack: the task that was to have it has woken up in the meantime, and left.
func TestASeatThatNobodyTakesGoesBack(t *testing.T) {
	near, far := newMemStreams()
	c := &steppedClient{t: t, peer: far, conn: newClientConn(&narrowStream{near, func() int { return 1 << 20 }}, "the producer", Options{Clock: leaping()})}
	t.Cleanup(c.close)
	g, err := gate.New(t.Context(), gate.Options{Pool: memory(t, 3, 64), Channels: 1, Exclusive: 1, Floating: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.open(g, 0, "a", 0, 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var task sync.WaitGroup
	task.Go(func() { _, _ = g.Next(ctx) })
	defer func() {
		cancel()
		task.Wait()
		g.Close()
	}()
	await(t, "the task sleeps", func() bool { return g.Waiter().Asleep() })
	far.out.bytes = frame.BacklogAnnouncement{Backlog: 1, Channel: channelID("a")}.AppendTo(nil)
	if w, err := c.conn.readOnce(); w != g.Waiter() || err != nil {
		t.Fatalf("read: %v, %v", w, err)
	}
	await(t, "the lease ends", func() bool { return !c.conn.seat.byTask.Load() }) // the task has heard nothing of it
}

// TestAWaitInTheSeatEnds whatever it is that ends it, and at whatever moment.
func TestAWaitInTheSeatEnds(t *testing.T) {
	for name, end := range map[string]func(l *lone, cancel func()) (is func(error) bool){
		"close": func(l *lone, _ func()) func(error) bool {
			l.gate.Close()
			return func(err error) bool { return err == gate.ErrClosed }
		},
		"context": func(_ *lone, cancel func()) func(error) bool {
			cancel()
			return func(err error) bool { return errors.Is(err, context.Canceled) }
		},
		"server": func(l *lone, _ func()) func(error) bool {
			_ = l.server.server.Close()
			return func(err error) bool { return errors.As(err, new(*RemoteTransportError)) }
		},
		"client": func(l *lone, _ func()) func(error) bool {
			l.client.Close()
			return func(err error) bool { return errors.Is(err, errGoodbye) }
		},
		"producer": func(l *lone, _ func()) func(error) bool {
			l.server.part.Fail(errTestOver)
			return func(err error) bool { return errors.As(err, new(*RemoteTransportError)) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 3))
			for round := range rounds(1024) {
				t.Run(fmt.Sprint(round), func(t *testing.T) {
					l := newLone(t, 64)
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					l.sit()
					ended := make(chan error, 1)
					go func() {
						for {
							item, err := l.gate.Next(ctx)
							if err != nil {
								ended <- err
								return
							}
							item.Buffer.Recycle()
						}
					}()
					for range rng.IntN(4) {
						pause(rng)
						l.server.emit(0, 4)
					}
					pause(rng)
					is := end(l, cancel)
					select {
					case err := <-ended:
						if !is(err) {
							t.Errorf("ended with %v", err)
						}
					case <-time.After(patience):
						t.Fatal("the task hangs")
					}
				})
			}
		})
	}
}

// TestReadersJoinAndLeave one connection at any moment, each with a partition of its own that is written in small pieces, all read to the end: nobody
// sits on what is another's.
func TestReadersJoinAndLeave(t *testing.T) {
	const readers = 3
	out := memory(t, 4*readers, 32)
	in := memory(t, 4*readers, 32)
	registry := partition.NewRegistry(patience)
	defer registry.Close()
	server, err := Listen("127.0.0.1:0", registry, Options{Clock: leaping()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	client := NewClient(Options{Clock: leaping()})
	defer client.Close()
	var all sync.WaitGroup
	for k := range readers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(k), 9))
			for round := range rounds(1024) {
				id := partitionID(readers*round + k)
				var job sync.WaitGroup
				startJob(t, &job, out, in, registry, readers*round+k, 1, 1, rng.Uint64(), func(g *gate.InputGate, i int) error {
					_, err := client.Open(context.Background(), g, i, server.Addr(), id, i, channelID(fmt.Sprint(k, " ", round)))
					return err
				})
				job.Wait()
				pause(rng)
			}
		})
	}
	all.Wait()
	wantHome(t, out, in)
}

// TestNoCreditIsForgotten: a producer and a consumer who have one buffer each, and wait for one another each time, with a task that waits in the
// connection, one that looks and waits for a signal, and one that does now this and now that.
func TestNoCreditIsForgotten(t *testing.T) {
	for name, wait := range map[string]func(c *consumer, n int) (gate.Item, error){
		"reading": func(c *consumer, _ int) (gate.Item, error) { return c.next() },
		"looking": func(c *consumer, _ int) (gate.Item, error) { return c.look() },
		"both": func(c *consumer, n int) (gate.Item, error) {
			if n%3 == 0 {
				return c.look()
			}
			return c.next()
		},
	} {
		for _, exclusive := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s, %d exclusive", name, exclusive), func(t *testing.T) {
				n := rounds(32 << 10)
				s := listen(t, 1, 2, 16)
				c := newConsumer(t, 1, exclusive, 1, 16, Options{})
				c.mustOpen(0, s.server.Addr(), 0, 0)
				var writing sync.WaitGroup
				writing.Go(func() {
					for range n {
						s.emit(0, 16)
					}
					if err := s.part.Finish(); err != nil {
						t.Error(err)
					}
				})
				defer writing.Wait()
				last := int32(-1) // of a channel without exclusive buffers empty ones have numbers too
				for k := range n {
					item, err := wait(c, k)
					if err != nil || item.Sequence <= last {
						s.part.Fail(errTestOver) // or the producer would wait for ever
						t.Fatalf("buffer %d behind #%d: %v, %v", k, last, item, err)
					}
					last = item.Sequence
				}
				for {
					item, err := wait(c, 0)
					if err == io.EOF {
						break
					}
					if err != nil || item.Buffer.Type() != buffer.EndOfPartition {
						t.Fatalf("at the end: %v, %v", item, err)
					}
				}
			})
		}
	}
}

// look is next by a task that selects on what else it waits for.
func (c *consumer) look() (gate.Item, error) {
	for {
		item, ok, err := c.gate.Poll()
		if ok {
			item.Buffer.Recycle()
		}
		if ok || err != nil {
			return item, err
		}
		select {
		case <-c.gate.Available():
		case <-time.After(patience):
			return gate.Item{}, context.DeadlineExceeded
		}
	}
}
