// stress_test.go: ends of every kind at any moment, over real connections. Nobody hangs, and every segment comes home. Many rounds with -tags long.

package net

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/net/partition"
	"xbench/core/serde"
)

// job is one producing task and one consuming task. When one of them does not come to its end the other one is cancelled, as a job manager would:
// it may have asked for something that will never be there.
type job struct {
	t        *testing.T
	part     *partition.ResultPartition
	gate     *gate.InputGate
	channels int
	records  int
	ctx      context.Context // ends only if somebody hangs
	rng      *rand.Rand      // the consumer's
}

// startJob makes the partition and the gate, opens its channels, and runs the tasks. Opening may fail when something is being closed.
func startJob(t *testing.T, all *sync.WaitGroup, out, in *buffer.NetworkBufferPool, registry *partition.Registry, id, channels, exclusive int, seed uint64,
	open func(g *gate.InputGate, i int) error) *job {
	t.Helper()
	j := &job{t: t, channels: channels, records: 60, rng: rand.New(rand.NewPCG(seed, 2))}
	var cancel context.CancelFunc
	j.ctx, cancel = context.WithTimeout(context.Background(), patience)
	local, err := out.CreateLocal(buffer.LocalOptions{Required: channels + 1, Max: 3 * channels, Subpartitions: channels})
	if err == nil {
		j.part, err = partition.New(partition.Spec{ID: partitionID(id), Subpartitions: channels, Pool: local})
	}
	if err == nil {
		j.gate, err = gate.New(j.ctx, gate.Options{Pool: in, Channels: channels, Exclusive: exclusive, Floating: 3})
	}
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	both.Go(func() {
		if !j.produce(registry) {
			j.gate.Close()
		}
	})
	both.Go(func() {
		defer j.gate.Close()
		for i := range channels {
			if err := open(j.gate, i); err != nil {
				j.part.Fail(err)
				return
			}
		}
		if !j.consume() {
			j.part.Fail(errTestOver)
		}
	})
	all.Go(func() {
		both.Wait()
		cancel()
	})
	return j
}

// produce writes its records, in turn to all channels, with a flush or a barrier here and there, and ends as a task does. It reports whether it was done.
func (j *job) produce(registry *partition.Registry) bool {
	defer j.part.Close()
	if err := registry.Register(j.part); err != nil {
		return false
	}
	for n := range j.records * j.channels {
		record := binary.BigEndian.AppendUint32(nil, 4)
		record = binary.BigEndian.AppendUint32(record, uint32(n/j.channels))
		if j.end(j.part.Emit(j.ctx, record, n%j.channels)) {
			return false
		}
		switch {
		case n%7 == 0:
			j.part.Flush(n % j.channels)
		case n%100 == 99:
			b := frame.CheckpointBarrier{ID: int64(n), Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
			if j.end(j.part.BroadcastEvent(frame.AppendEvent(nil, b), frame.DataTypeOf(b, false))) {
				return false
			}
		}
	}
	if j.end(j.part.NotifyEndOfData(true)) {
		return false
	}
	j.part.FlushAll()
	j.part.Idle()
	select {
	case <-j.part.AllDataProcessed():
	case <-j.ctx.Done():
		j.t.Errorf("partition %v: nobody says that the data is processed", j.part.ID())
	}
	return !j.end(j.part.Finish())
}

// end reports whether the task has to end. What may have happened is that the partition was given up.
func (j *job) end(err error) bool {
	if err != nil && !errors.Is(err, partition.ErrCancelled) {
		j.t.Errorf("the producer: %v", err)
	}
	return err != nil
}

// consume reads to the end or to the first error, keeping a buffer for a while. It reports whether it came to the end.
func (j *job) consume() bool {
	next := make([]uint32, j.channels)
	streams := make([]*serde.Deserializer, j.channels)
	for i := range streams {
		streams[i] = serde.NewDeserializer(serde.Options{})
	}
	var held []buffer.Buffer
	defer func() {
		for _, b := range held {
			b.Recycle()
		}
	}()
	for {
		item, err := j.gate.Next(j.ctx)
		if err == io.EOF {
			for i, n := range next {
				if int(n) != j.records {
					j.t.Errorf("channel %d ended after %d of %d records", i, n, j.records)
				}
			}
			return true
		}
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				j.t.Errorf("the consumer hangs: %v", err)
			}
			return false
		}
		if kind := item.Buffer.Type(); kind.IsEvent() {
			item.Buffer.Recycle()
			if kind.BlocksUpstream() {
				_ = j.gate.Resume(item.Channel) // it may be closed by now
			} else if kind == buffer.EndOfData {
				_ = j.gate.Acknowledge(item.Channel)
			}
			continue
		}
		s := streams[item.Channel]
		s.SetBuffer(item.Buffer.Bytes())
		for {
			payload, ok, err := s.Next()
			if err != nil {
				j.t.Error(err)
			}
			if !ok {
				break
			}
			if got := binary.BigEndian.Uint32(payload); got != next[item.Channel] {
				j.t.Errorf("channel %d: got %d, want %d", item.Channel, got, next[item.Channel])
			}
			next[item.Channel]++
		}
		held = append(held, item.Buffer)
		for len(held) > 0 && (len(held) > 1 || j.rng.IntN(2) == 0) { // one at most is kept: others would be missed by the producer
			held[0].Recycle()
			held = held[1:]
		}
	}
}

// pause lets others go on for a while that is drawn.
func pause(rng *rand.Rand) {
	for range rng.IntN(200) {
		runtime.Gosched()
	}
	if rng.IntN(3) == 0 {
		time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond)
	}
}

// wantHome waits for nothing: everybody has ended.
func wantHome(t *testing.T, pools ...*buffer.NetworkBufferPool) {
	t.Helper()
	for _, p := range pools {
		if n := p.Available(); n != p.Segments() {
			t.Errorf("%d of %d segments are home", n, p.Segments())
		}
	}
}

// TestChannelsComeAndGo: jobs one after the other and side by side on one connection; some come to their end, some consumers leave, some
// producers fail, some partitions are released, at any moment. Whoever was left alone has everything.
func TestChannelsComeAndGo(t *testing.T) {
	const lanes, channels = 4, 3
	for _, exclusive := range []int{0, 1, 2} {
		t.Run(fmt.Sprintf("%d exclusive", exclusive), func(t *testing.T) {
			const segmentSize = 20
			out, in := memory(t, lanes*3*channels+8, segmentSize), memory(t, lanes*(channels*exclusive+3), segmentSize)
			registry := partition.NewRegistry(patience)
			defer registry.Close()
			server, err := Listen("127.0.0.1:0", registry, Options{Clock: leaping()})
			if err != nil {
				t.Fatal(err)
			}
			client := NewClient(Options{Clock: leaping()})
			var running sync.WaitGroup
			for lane := range lanes {
				running.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(lane), uint64(exclusive)))
					for round := range rounds(512) {
						id := lane*10_000 + round
						var all sync.WaitGroup
						j := startJob(t, &all, out, in, registry, id, channels, exclusive, rng.Uint64(), func(g *gate.InputGate, i int) error {
							var channel frame.ChannelID
							binary.BigEndian.PutUint32(channel[:], uint32(id))
							channel[15] = byte(i)
							_, err := client.Open(context.Background(), g, i, server.Addr(), partitionID(id), i, channel)
							if err != nil && !errors.Is(err, gate.ErrClosed) {
								t.Errorf("opening channel %d: %v", i, err)
							}
							return err
						})
						pause(rng)
						switch rng.IntN(5) {
						case 0:
							j.gate.Close()
						case 1:
							j.part.Fail(errTestOver)
						case 2:
							registry.Release(partitionID(id), errTestOver)
						}
						all.Wait()
					}
				})
			}
			running.Wait()
			if n := client.Connections(); n != 1 {
				t.Errorf("%d connections", n)
			}
			client.Close()
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			wantHome(t, out, in)
		})
	}
}

// TestConnectionsEndAtAnyMoment: two jobs share a connection; the server or the client closes, or the socket is cut, while they open, work, or
// end. The jobs end, with an error or because they were done.
func TestConnectionsEndAtAnyMoment(t *testing.T) {
	const jobs, channels, segmentSize = 2, 3, 20
	out, in := memory(t, jobs*3*channels+4, segmentSize), memory(t, jobs*(2*channels+3), segmentSize)
	rng := rand.New(rand.NewPCG(5, 5))
	for range rounds(1024) {
		registry := partition.NewRegistry(patience)
		server, err := Listen("127.0.0.1:0", registry, Options{Clock: leaping()})
		if err != nil {
			t.Fatal(err)
		}
		client := NewClient(Options{Clock: leaping()})
		var all sync.WaitGroup
		for k := range jobs {
			startJob(t, &all, out, in, registry, k, channels, 2, rng.Uint64(), func(g *gate.InputGate, i int) error {
				_, err := client.Open(context.Background(), g, i, server.Addr(), partitionID(k), i, channelID(fmt.Sprint(k, " ", i)))
				return err
			})
		}
		pause(rng)
		switch rng.IntN(3) {
		case 0:
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		case 1:
			client.Close()
		case 2:
			client.mu.Lock()
			for _, d := range client.mu.conns {
				select {
				case <-d.done:
					if d.conn != nil {
						_ = d.conn.stream.close()
					}
				default:
				}
			}
			client.mu.Unlock()
		}
		all.Wait()
		client.Close()
		_ = server.Close()
		registry.Close()
		wantHome(t, out, in)
	}
}
