// life_test.go: the life cycle of 2.1 and the failures of 7: who may leave when, and that every segment comes home from everywhere.

package partition

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// A partition is released when everybody consumed it and its task closed it; whichever comes last.
func TestReleasedOnlyWhenAllAreDone(t *testing.T) {
	for _, c := range []struct {
		name  string
		order []int // a subpartition's reader, or -1: the task
	}{{"task last", []int{0, 1, -1}}, {"task first", []int{-1, 0, 1}}, {"task in the middle", []int{1, -1, 0}}} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, shape{subs: 2, segments: 4, segmentSize: 16})
			r := NewRegistry(0)
			if err := r.Register(f.ResultPartition); err != nil {
				t.Fatal(err)
			}
			views := make([]*View, 2)
			for i := range views {
				views[i], _ = f.view(i)
				f.emit(i, 10)
			}
			if err := f.Finish(); err != nil {
				t.Fatal(err)
			}
			for i, who := range c.order {
				if f.IsReleased() {
					t.Fatalf("released after %d of 3 left", i)
				}
				if who < 0 {
					f.Close()
				} else {
					wantSizes(t, views[who], 10, 4)
					views[who].Release()
					views[who].Release() // counts once
				}
			}
			if !f.IsReleased() || f.Failure() != nil {
				t.Errorf("released: %t, failure: %v", f.IsReleased(), f.Failure())
			}
			if _, err := r.View(f.ID(), 0, newCounter()); !errors.Is(err, ErrPartitionNotFound) {
				t.Errorf("a released partition is still registered: %v", err)
			}
			f.wantHome()
		})
	}
}

// A pipelined subpartition has one reader in its life; errors carry Flink's words, which travel to the consumer.
func TestSecondView(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 2, segmentSize: 16})
	v, l := f.view(0)
	for range 2 { // while the first reads, and after it left
		_, err := f.CreateView(0, l)
		var fault *ConsumerError
		if !errors.As(err, &fault) || !errors.Is(err, frame.ErrPeer) {
			t.Fatal(err)
		}
		const want = "Subpartition 0 of is being (or already has been) consumed, but pipelined subpartitions can only be consumed once. " +
			"[01000000000000000000000000000000#0@00000000000000000000000000000000_00000000000000000000000000000000_0_0]"
		if err.Error() != want {
			t.Errorf("%s\nwanted %s", err, want)
		}
		v.Release()
	}
	for _, sub := range []int{-1, 1} {
		if _, err := f.CreateView(sub, l); !errors.Is(err, frame.ErrPeer) {
			t.Error(err)
		}
	}
	_, err := f.CreateView(1, l)
	if fault := new(ConsumerError); !errors.As(err, &fault) || fault.Reason != "Subpartition not found. Index: 1, Size: 1" {
		t.Error(err)
	}
}

// Data that waits for a reader is found by asking, for creating a view tells nobody (FLINK-19391).
func TestViewAfterTheData(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 4, segmentSize: 16})
	f.emit(0, 20)
	f.emit(0, 20)
	v, l := f.view(0)
	if l.told() != 0 {
		t.Errorf("told %d times", l.told())
	}
	if available, backlog := v.Availability(true); !available || backlog != 2 {
		t.Errorf("available: %t, backlog %d", available, backlog)
	}
	if n := v.QueuedBuffers(); n != 3 || f.QueuedBuffers() != 3 {
		t.Errorf("%d queued", n)
	}
}

// A consumer may leave early: what was queued comes home at once, the task goes on into the void, and the other subpartitions
// do not notice (Flink: PartialConsumePipelinedResultTest).
func TestConsumerLeavesEarly(t *testing.T) {
	f := newFixture(t, shape{subs: 2, segments: 4, segmentSize: 16})
	gone, _ := f.view(0)
	f.emit(0, 30)
	gone.Release()
	wantNothing(t, gone)
	for range 100 { // far more than the pool holds
		f.emit(0, 30)
	}
	f.emit(1, 12)
	stays, _ := f.view(1)
	poll(t, stays, 12)
	if err := gone.Resume(); err != nil {
		t.Error("a late resume is nobody's fault:", err)
	}
	if available, backlog := gone.Availability(true); available || backlog != 0 {
		t.Errorf("available: %t, backlog %d", available, backlog)
	}
}

// End of data, the acknowledgements of all, end of partition.
func TestEndOfData(t *testing.T) {
	f := newFixture(t, shape{subs: 3, segments: 4, segmentSize: 16})
	processed := func() bool {
		select {
		case <-f.AllDataProcessed():
			return true
		default:
			return false
		}
	}
	views := make([]*View, 3)
	for i := range views {
		views[i], _ = f.view(i)
	}
	f.emit(0, 3)
	for range 2 { // the second one changes nothing
		if err := f.NotifyEndOfData(true); err != nil {
			t.Fatal(err)
		}
	}
	if p := poll(t, views[0], 3); p.Next != buffer.EndOfData {
		t.Errorf("next is %v", p.Next)
	}
	for i, v := range views {
		p, ok := v.Poll()
		if !ok {
			t.Fatal("no end of data")
		}
		if e, err := frame.ParseEvent(p.Buffer.Bytes()); err != nil || e != (frame.EndOfData{}) || p.Next != buffer.None {
			t.Errorf("polled %v %v, next %v", e, err, p.Next)
		}
		p.Buffer.Recycle()
		if processed() {
			t.Errorf("processed after %d acknowledgements", i)
		}
		switch i {
		case 0:
			v.AckAllRecordsProcessed()
			v.AckAllRecordsProcessed() // counts once
		case 1:
			v.Release() // leaves instead
		case 2:
			v.AckAllRecordsProcessed()
		}
	}
	if !processed() {
		t.Error("all acknowledged, but not processed")
	}
	if err := f.Finish(); err != nil {
		t.Fatal(err)
	}
	if p := poll(t, views[0], 4); p.Buffer.Type() != buffer.EndOfPartition {
		t.Error(p)
	}
	if err := f.Finish(); !errors.Is(err, ErrFinished) {
		t.Error("finished twice:", err)
	}
	if err := f.BroadcastEvent(event(frame.EndOfSuperstep{}, false)); !errors.Is(err, ErrFinished) {
		t.Error("an event after the end:", err)
	}
}

// A partition that fails tells its readers, drops what is queued, and stops its task: also one that waits for a buffer.
func TestFail(t *testing.T) {
	cause := errors.New("disk on fire")
	f := newFixture(t, shape{subs: 1, segments: 2, segmentSize: 16})
	v, l := f.view(0)
	waiting, stopped := make(chan struct{}), make(chan error)
	go func() {
		f.emit(0, 30)
		close(waiting)
		stopped <- f.Emit(context.Background(), pattern(1000), 0) // more than there is
	}()
	<-waiting
	f.Fail(cause)
	err := <-stopped
	var cancelled *CancelledError
	if !errors.As(err, &cancelled) || !errors.Is(err, cause) || !errors.Is(err, ErrCancelled) {
		t.Errorf("the task got %v", err)
	}
	f.Fail(errors.New("an echo"))
	if f.Failure() != cause {
		t.Errorf("failure: %v", f.Failure())
	}

	if l.told() == 0 {
		t.Error("the reader was not told")
	}
	if available, _ := v.Availability(false); !available {
		t.Error("the reader gets no turn to find the failure")
	}
	wantNothing(t, v)
	var failed *ProducerFailedError
	if err := v.Failure(); !v.IsReleased() || !errors.As(err, &failed) || !errors.Is(err, cause) || !errors.Is(err, ErrCancelled) {
		t.Errorf("released: %t, failure: %v", v.IsReleased(), err)
	}
	v.Release()
	if _, err := f.CreateView(0, l); !errors.Is(err, cause) {
		t.Errorf("a view of a failed partition: %v", err)
	}
	select {
	case <-f.AllDataProcessed():
	default:
		t.Error("somebody may still wait for acknowledgements")
	}

	for name, write := range map[string]func() error{
		"emit":      func() error { return f.Emit(context.Background(), pattern(100), 0) },
		"broadcast": func() error { return f.Broadcast(context.Background(), pattern(100)) },
		"event":     func() error { return f.BroadcastEvent(event(frame.EndOfSuperstep{}, false)) },
		"end":       func() error { return f.NotifyEndOfData(false) },
		"finish":    f.Finish,
	} {
		if err := write(); !errors.Is(err, cause) || !errors.Is(err, ErrCancelled) {
			t.Errorf("%s after the failure: %v", name, err)
		}
		f.finished = false
	}
	f.Close()
	f.Close()
	f.wantHome()
}

// A task that waits for a buffer is woken also when no buffer comes home: here the reader holds all of them.
func TestFailWakesATaskThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, shape{subs: 1, segments: 1, segmentSize: 16})
		v, _ := f.view(0)
		f.emit(0, 16)
		p, _ := v.Poll()
		stopped := make(chan error)
		go func() { stopped <- f.Emit(context.Background(), pattern(1), 0) }()
		synctest.Wait()
		f.Fail(errTestOver)
		if err := <-stopped; !errors.Is(err, ErrCancelled) || !errors.Is(err, errTestOver) {
			t.Error(err)
		}
		p.Buffer.Recycle()
	})
}

// A release alone stops the task at the next buffer, and a task that gives up without a word fails its consumers.
func TestReleaseAndCloseUnfinished(t *testing.T) {
	t.Run("release", func(t *testing.T) {
		f := newFixture(t, shape{subs: 2, segments: 4, segmentSize: 16})
		f.emit(0, 10)
		f.Release(nil)
		f.emit(0, 3) // into the buffer that the task has
		if err := f.Emit(context.Background(), pattern(30), 0); !errors.Is(err, ErrCancelled) {
			t.Error(err)
		}
		if err := f.Broadcast(context.Background(), pattern(30)); !errors.Is(err, ErrCancelled) {
			t.Error(err)
		}
		if _, err := f.CreateView(0, newCounter()); !errors.Is(err, ErrPartitionNotFound) {
			t.Error(err)
		}
	})
	t.Run("close", func(t *testing.T) {
		f := newFixture(t, shape{subs: 1, segments: 4, segmentSize: 16})
		v, l := f.view(0)
		f.emit(0, 10)
		f.Close()
		if err := v.Failure(); l.told() != 1 || !errors.Is(err, ErrUnfinished) {
			t.Errorf("told %d times, failure %v", l.told(), err)
		}
	})
	t.Run("fail without a cause", func(t *testing.T) {
		f := newFixture(t, shape{subs: 1, segments: 4, segmentSize: 16})
		f.Fail(nil)
		if err := f.Failure(); !errors.Is(err, ErrCancelled) {
			t.Error(err)
		}
	})
}

// A task that is told to stop while it waits for a buffer gets its context's error.
func TestWaitIsInterrupted(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 1, segmentSize: 16})
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cancel(why)
	err := f.Emit(ctx, pattern(100), 0)
	if errors.Is(err, ErrCancelled) || !errors.Is(err, context.Canceled) && !errors.Is(err, why) {
		t.Error(err)
	}
}

// A polled buffer belongs to the poller, whatever becomes of the partition.
func TestPolledBufferOutlivesThePartition(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 2, segmentSize: 16})
	v, _ := f.view(0)
	f.emit(0, 10)
	p, _ := v.Poll()
	f.Fail(errTestOver)
	f.Close()
	v.Release()
	if got := p.Buffer.Bytes(); got[9] != 10 || f.global.Available() != 1 {
		t.Errorf("%v, %d segments at home", got, f.global.Available())
	}
	p.Buffer.Recycle()
}

// What a task asks its partition between two records.
func TestAvailability(t *testing.T) {
	f := newFixture(t, shape{subs: 3, segments: 2, segmentSize: 16})
	v, _ := f.view(0)
	if f.Subpartitions() != 3 || !f.IsAvailable() {
		t.Errorf("%d subpartitions, available: %t", f.Subpartitions(), f.IsAvailable())
	}
	f.emit(0, 32)
	if f.IsAvailable() {
		t.Error("available without a segment")
	}
	poll(t, v, 16)
	<-f.Available()
	if !f.IsAvailable() {
		t.Error("not available though a segment came home")
	}
}

// Nobody stores the state of channels: what barriers overtake is nobody's, and comes home.
func TestWithoutCapture(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 3, segmentSize: 16})
	f.capture = nil
	v, l := f.view(0)
	f.emit(0, 20)
	for _, b := range []frame.CheckpointBarrier{timeoutable(1), timeoutable(2)} {
		if err := f.BroadcastEvent(event(b, false)); err != nil {
			t.Fatal(err)
		}
	}
	f.AbortCheckpoint(2, errTestOver)
	f.AlignedBarrierTimeout(2)
	if err := f.BroadcastEvent(event(unaligned(3), true)); err != nil {
		t.Fatal(err)
	}
	if p, ok := v.Poll(); !ok || p.Buffer.Type() != buffer.PrioritizedEvent || len(l.priority) != 1 {
		t.Errorf("first comes %v, told %v", p.Buffer, l.priority)
	}
}

// The words that a user reads.
func TestErrorTexts(t *testing.T) {
	id := partitionID(3)
	for _, c := range []struct {
		err  error
		want string
	}{
		{&ProducerFailedError{errTestOver}, "producer failed: the test is over"},
		{&CancelledError{ID: id, Cause: errTestOver}, "partition " + id.String() + " was released while its task was writing: the test is over"},
		{&CancelledError{ID: id}, "partition " + id.String() + " was released while its task was writing"},
	} {
		if c.err.Error() != c.want {
			t.Errorf("%s\nwanted %s", c.err, c.want)
		}
	}
}

func TestSpecIsChecked(t *testing.T) {
	if _, err := New(Spec{Subpartitions: 0}); err == nil {
		t.Error("no subpartitions")
	}
	if _, err := New(Spec{Subpartitions: 1}); err == nil {
		t.Error("no pool")
	}
}
