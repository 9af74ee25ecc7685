package core

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/meter"
)

// inBubble is a clock that follows the time of a synctest bubble.
func inBubble() meter.Clock {
	begin := time.Now()
	return func() meter.Time { return meter.Time(time.Since(begin)) }
}

// A promise is what becomes of the record, "the record" to subpartition 0 whose buffer it does not fill, in one state of the task that wrote it.
type promise struct {
	state   string
	timeout time.Duration
	stuck   bool // nobody reads subpartition 1
	task    func(*bystander) error
	want    time.Duration // until it is there, from the first call; -1: not within an hour
}

// A bystander is the task, and what it can tell of its reader.
type bystander struct {
	*Writer
	pause   func()        // between two records of a busy task
	opening chan struct{} // closed when the record before the record has arrived
	arrived chan struct{} // closed when the record has
}

// begin writes a record that opens the buffer, and so is published, and the record behind it, which is not.
func (b *bystander) begin() error {
	return errors.Join(b.EmitTo(0, textRecord("opening")), b.EmitTo(0, textRecord("the record")))
}

// until calls write with pauses in between until the record has arrived.
func (b *bystander) until(write func() error) error {
	for {
		select {
		case <-b.arrived:
			return nil
		default:
		}
		b.pause()
		if err := write(); err != nil {
			return err
		}
	}
}

var errEnough = errors.New("the test has seen enough")

var promises = []promise{
	{state: "always", timeout: FlushAlways, want: 0, task: func(b *bystander) error {
		err := b.begin()
		<-b.arrived
		return err
	}},
	{state: "idle", timeout: 100 * time.Millisecond, want: 100 * time.Millisecond, task: func(b *bystander) error {
		err := b.begin()
		b.Idle()
		<-b.arrived
		return err
	}},
	// The next record after the flusher came finds that it was asked. It came at 100 ms, the record at 15 times 7 ms.
	{state: "busy", timeout: 100 * time.Millisecond, want: 105 * time.Millisecond, task: func(b *bystander) error {
		return errors.Join(b.begin(), b.until(func() error { return b.EmitTo(1, textRecord("another channel's")) }))
	}},
	{state: "busy with PutLong", timeout: 100 * time.Millisecond, want: 105 * time.Millisecond, task: func(b *bystander) error {
		return errors.Join(b.begin(), b.until(func() error {
			if b.PutLong(1, 1) {
				return nil
			}
			return b.EmitLong(1, 1)
		}))
	}},
	// The record's buffer is open when the task runs out of others.
	{state: "blocked", timeout: 100 * time.Millisecond, stuck: true, want: 100 * time.Millisecond, task: func(b *bystander) error {
		if err := b.EmitTo(0, textRecord("opening")); err != nil {
			return err
		}
		for b.IsAvailable() {
			if err := b.EmitLong(1, 1); err != nil {
				return err
			}
		}
		err := b.EmitTo(0, textRecord("the record"))
		for err == nil { // until the test ends the wait for a buffer that nobody will free
			err = b.EmitLong(1, 1)
		}
		return err
	}},
	{state: "no buffer available", timeout: 100 * time.Millisecond, stuck: true, want: 100 * time.Millisecond, task: func(b *bystander) error {
		if err := b.begin(); err != nil {
			return err
		}
		for b.IsAvailable() {
			if err := b.EmitLong(1, 1); err != nil {
				return err
			}
		}
		<-b.arrived
		return nil
	}},
	// The limit: a task that neither calls nor says that it will not. What it has published does not wait for it, but is sent when the flusher comes
	// for the second time and has had no answer; what it has not, nobody else may touch.
	{state: "in user code, unpublished", timeout: 100 * time.Millisecond, want: 250 * time.Millisecond, task: func(b *bystander) error {
		from := time.Now()
		if err := b.begin(); err != nil {
			return err
		}
		<-b.opening
		time.Sleep(250*time.Millisecond - time.Since(from))
		select {
		case <-b.arrived:
			return errors.New("the record was sent from under the task's hands")
		default:
		}
		err := b.EmitTo(1, textRecord("another channel's"))
		<-b.arrived
		return err
	}},
	{state: "in user code, published", timeout: 100 * time.Millisecond, want: 200 * time.Millisecond, task: func(b *bystander) error {
		err := b.EmitTo(0, textRecord("the record"))
		<-b.arrived
		return err
	}},
	{state: "never", timeout: FlushNever, want: -1, task: func(b *bystander) error {
		err := b.begin()
		b.Idle()
		<-b.ctx.Done()
		return err
	}},
	{state: "never, but said", timeout: FlushNever, want: 0, task: func(b *bystander) error {
		err := b.begin()
		b.FlushAll()
		<-b.arrived
		return err
	}},
}

// keep is one run of p between two exchanges, which may be one: how long it took until the record arrived, -1 if it did not until patience was over.
// settled returns when the readers have looked, as each does once, and found nothing.
func (p promise) keep(t *testing.T, out, in *Exchange, settled, pause func(), patience time.Duration) time.Duration {
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 2, BufferTimeout: p.timeout, Overdraft: NoOverdraft})
	channels := inputs(out.Addr(), 0, 2)
	read, other := newReader(t, in, channels[:1]), newReader(t, in, channels[1:])
	b := &bystander{Writer: w, pause: pause, opening: make(chan struct{}), arrived: make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var readers, task sync.WaitGroup
	if !p.stuck {
		readers.Go(func() {
			for {
				if _, err := other.Advance(t.Context()); err != nil {
					return
				}
			}
		})
	}
	var begin time.Time
	task.Go(func() {
		defer w.Close()
		settled()
		begin = time.Now()
		if err := p.task(b); err != nil && !errors.Is(err, errEnough) {
			t.Error(err)
		}
	})
	err := b.await(ctx, read)
	end := time.Now()
	w.Fail(errEnough)
	if err != nil {
		for _, c := range []chan struct{}{b.opening, b.arrived} { // a task that waits for them may go, too
			select {
			case <-c:
			default:
				close(c)
			}
		}
	}
	task.Wait()
	other.Cancel()
	readers.Wait()
	other.Close()
	read.Close()
	if err != nil {
		return -1
	}
	return end.Sub(begin)
}

// await reads subpartition 0 until the record is there.
func (b *bystander) await(ctx context.Context, r *Reader) error {
	for {
		if _, err := r.Advance(ctx); err != nil {
			return err
		}
		for p, ok, err := r.Next(); ok || err != nil; p, ok, err = r.Next() {
			switch {
			case err != nil:
				return err
			case string(p) == "opening":
				close(b.opening)
			case string(p) == "the record":
				close(b.arrived)
				return nil
			}
		}
	}
}

// TestBufferTimeout: when a record arrives that does not fill its buffer, in every state that the writer's task may be in. To the nanosecond.
func TestBufferTimeout(t *testing.T) {
	for _, p := range promises {
		t.Run(p.state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := open(t, Options{Segments: 64, SegmentSize: 4096, Clock: inBubble()})
				got := p.keep(t, x, x, synctest.Wait, func() { time.Sleep(7 * time.Millisecond) }, time.Hour)
				if got != p.want {
					t.Errorf("it arrived after %v, want %v", got, p.want)
				}
			})
		})
	}
}

// TestBufferTimeoutOverAConnection is the same with real time, without pauses, and with a peer that has to be told. How soon is for benchmarks to say;
// here it counts that the record comes at all, for nothing but the timeout will ever send it.
func TestBufferTimeoutOverAConnection(t *testing.T) {
	for _, p := range promises {
		if p.want < 0 {
			continue
		}
		t.Run(p.state, func(t *testing.T) {
			if p.timeout > 0 {
				p.timeout = 5 * time.Millisecond
			}
			out := open(t, Options{Listen: "127.0.0.1:0", Segments: 64, SegmentSize: 4096})
			in := open(t, Options{Segments: 64, SegmentSize: 4096})
			switch got := p.keep(t, out, in, func() {}, func() {}, 20*time.Second); {
			case got < 0:
				t.Error("it never arrived")
			default:
				t.Logf("with a timeout of %v it arrived after %v", p.timeout, got)
			}
		})
	}
}

func TestBufferTimeoutsThatCannotBe(t *testing.T) {
	x := open(t, Options{Segments: 4, SegmentSize: 64})
	for _, timeout := range []time.Duration{-2, time.Microsecond, time.Millisecond - 1} {
		if _, err := x.NewWriter(t.Context(), WriterOptions{Subpartitions: 1, BufferTimeout: timeout}); err == nil {
			t.Errorf("%v was accepted", timeout)
		}
	}
}
