// stress_test.go: fast and slow, and everything against a release. Under the race detector these tests are half of the point.

package partition

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// numbers writes n consecutive int32 to subpartition 0, from first on: what fits through the builder, the rest through Emit.
func numbers(ctx context.Context, p *ResultPartition, first, n int) error {
	for i := first; i < first+n; i++ {
		b := p.Builder(0)
		if room := b.Room(); len(room) >= 4 {
			binary.BigEndian.PutUint32(room, uint32(i))
			b.Advance(4)
			continue
		}
		var record [4]byte
		binary.BigEndian.PutUint32(record[:], uint32(i))
		if err := p.Emit(ctx, record[:], 0); err != nil {
			return err
		}
	}
	return nil
}

// readNumbers polls until the end of the partition and wants the numbers from 0 on, without a gap. It returns how many there
// were.
func readNumbers(v *View, l *counter, pause func()) (int, error) {
	next := 0
	for {
		p, ok := v.Poll()
		if !ok {
			if v.IsReleased() {
				return next, v.Failure()
			}
			<-l.wake
			continue
		}
		end := p.Buffer.Type() == buffer.EndOfPartition
		if p.Buffer.Type().IsBuffer() {
			for b := p.Buffer.Bytes(); len(b) > 0; b = b[4:] {
				if got := int(binary.BigEndian.Uint32(b)); got != next {
					p.Buffer.Recycle()
					return next, fmt.Errorf("number %d, wanted %d", got, next)
				}
				next++
			}
		}
		p.Buffer.Recycle()
		if end {
			return next, nil
		}
		pause()
	}
}

// All four combinations of a fast and a slow producer and consumer (Flink: PipelinedSubpartitionTest.testConcurrent…). The
// pauses are in synctest's time: they cost nothing, and what is slow is slow for sure.
func TestProducerAndConsumer(t *testing.T) {
	const segmentSize = 32 << 10
	for _, slowProducer := range []bool{false, true} {
		for _, slowConsumer := range []bool{false, true} {
			t.Run(fmt.Sprintf("slow producer=%t, slow consumer=%t", slowProducer, slowConsumer), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFixture(t, shape{subs: 1, segments: 8, segmentSize: segmentSize})
					v, l := f.view(0)
					produced := make(chan error, 1)
					pause := func(slow bool, seed uint64) func() {
						rng := rand.New(rand.NewPCG(seed, 0))
						return func() {
							if slow {
								time.Sleep(time.Duration(rng.Int64N(int64(20 * time.Millisecond))))
							}
						}
					}
					go func() {
						wait := pause(slowProducer, 1)
						for i := range stressBuffers {
							const perBuffer = segmentSize / 4
							if err := numbers(t.Context(), f.ResultPartition, i*perBuffer, perBuffer); err != nil {
								produced <- err
								return
							}
							if slowProducer {
								f.Flush(0)
							}
							wait()
						}
						produced <- f.Finish()
					}()
					n, err := readNumbers(v, l, pause(slowConsumer, 2))
					if err != nil || n != stressBuffers*segmentSize/4 {
						t.Errorf("%d numbers, %v", n, err)
					}
					if err := <-produced; err != nil {
						t.Error(err)
					}
					v.Release()
				})
			})
		}
	}
}

// One task, two readers, a flusher, barriers that time out or are aborted, broadcasts: and in the middle of it somebody fails
// or releases the partition, a reader leaves, or nothing happens and all goes to its end. Every segment comes home, nobody
// hangs, readers get a prefix.
func TestReleaseAgainstEverything(t *testing.T) {
	for round := range releaseRounds {
		if !releaseRound(t, uint64(round)) {
			t.Fatalf("rerun with round = %d", round)
		}
	}
}

func releaseRound(t *testing.T, seed uint64) bool {
	rng := rand.New(rand.NewPCG(seed, 1))
	f := newFixture(t, shape{subs: 2, segments: 6, segmentSize: 64, forget: true})
	r := NewRegistry(time.Second)
	if err := r.Register(f.ResultPartition); err != nil {
		t.Fatal(err)
	}
	var views [2]*View
	var listeners [2]*counter
	for i := range views {
		views[i], listeners[i] = f.view(i)
	}
	var all, others sync.WaitGroup
	stop := make(chan struct{})
	beside := func(step func(n int)) {
		others.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					step(n)
					runtime.Gosched()
				}
			}
		})
	}
	beside(func(int) { f.RequestFlush() })
	beside(func(n int) { f.AlignedBarrierTimeout(int64(n % 8)); f.AbortCheckpoint(int64(n%16), errTestOver) })

	taskSeed, leaveAfter, failAfter, how := rng.Uint64(), rng.IntN(400), rng.IntN(300), rng.IntN(5)
	all.Go(func() { writeEverything(t, f, rand.New(rand.NewPCG(taskSeed, 2))) })
	for i := range views {
		all.Go(func() {
			leave := -1
			if i == 1 && how == 3 {
				leave = leaveAfter
			}
			readEverything(t, views[i], listeners[i], leave)
		})
	}
	all.Go(func() {
		for range failAfter {
			runtime.Gosched()
		}
		switch how {
		case 0:
			f.Fail(errTestOver)
		case 1:
			r.Release(f.ID(), errTestOver)
		case 2:
			r.Close()
		}
	})
	done := make(chan struct{})
	go func() { all.Wait(); close(stop); others.Wait(); close(done) }()
	within(t, done, "a round")
	if !f.IsReleased() {
		t.Error("everybody is gone, but the partition is not released")
	}
	f.wantHome()
	return !t.Failed()
}

// writeEverything is a task that does all a task can, then ends its partition in order; whatever fails, it closes.
func writeEverything(t *testing.T, f *fixture, rng *rand.Rand) {
	defer f.Close()
	ctx := context.Background()
	step := func(i int) error {
		switch n := rng.IntN(40); {
		case n < 20:
			b := f.Builder(rng.IntN(2))
			if room := b.Room(); len(room) > 8 {
				b.Advance(copy(room, pattern(8)))
			}
			return nil
		case n < 30:
			return f.Emit(ctx, pattern(1+rng.IntN(150)), rng.IntN(2))
		case n < 34:
			return f.Broadcast(ctx, pattern(1+rng.IntN(150)))
		case n < 36:
			f.Idle()
		case n < 37:
			f.FlushAll()
		case n < 38:
			return f.BroadcastEvent(event(timeoutable(int64(i%16)), false))
		case n < 39:
			return f.BroadcastEvent(event(unaligned(int64(i%16)), true))
		default:
			return f.BroadcastEvent(event(frame.EndOfSuperstep{}, false))
		}
		return nil
	}
	end := func() error {
		if err := f.NotifyEndOfData(true); err != nil {
			return err
		}
		<-f.AllDataProcessed()
		return f.Finish()
	}
	for i := range 300 {
		if err := step(i); err != nil {
			if !errors.Is(err, ErrCancelled) {
				t.Error(err)
			}
			return
		}
	}
	if err := end(); err != nil && !errors.Is(err, ErrCancelled) {
		t.Error(err)
	}
}

// readEverything answers what there is to answer until the end, a failure, or until it has had enough.
func readEverything(t *testing.T, v *View, l *counter, leaveAfter int) {
	defer v.Release()
	for sequence := int32(0); ; {
		if leaveAfter >= 0 && int(sequence) >= leaveAfter {
			return
		}
		p, ok := v.Poll()
		if !ok {
			if v.IsReleased() {
				return
			}
			<-l.wake
			continue
		}
		if p.Sequence != sequence {
			t.Errorf("sequence number %d, wanted %d", p.Sequence, sequence)
		}
		sequence++
		typ := p.Buffer.Type()
		p.Buffer.Recycle()
		switch {
		case typ.BlocksUpstream():
			if p.Backlog != 0 || p.Next != buffer.None {
				t.Errorf("behind %v: backlog %d, next %v", typ, p.Backlog, p.Next)
			}
			if err := v.Resume(); err != nil {
				t.Error(err)
			}
		case typ == buffer.EndOfData:
			v.AckAllRecordsProcessed()
		case typ == buffer.EndOfPartition:
			return
		}
	}
}
