// conformance_pace_test.go: tasks that write as far as Flink's had when it sent a frame, and the socket in front of them.

package core

import (
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"slices"
	"testing"
	"time"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// steppedTask carries out a script an op at a time, in the writer and in its twin.
type steppedTask struct {
	p            *paced
	writer, twin *Writer
	next         func() (op, bool)
}

func newSteppedTask(p *paced) *steppedTask {
	o := p.r.writerOptions()
	o.MaxBuffers, o.MaxPerChannel = 150, 150 // it must never wait: it is stepped
	s := &steppedTask{p: p, writer: newTask(p.t, p.x, o), twin: newTask(p.t, open(p.t, p.r.options("")), o)}
	p.views = map[frame.ChannelID]*partition.View{}
	for _, request := range p.requests {
		if request.Partition != o.Partition {
			continue // the one that is not found
		}
		view, err := s.twin.part.CreateView(request.First, deaf{})
		p.check(err)
		p.views[request.Channel] = view
	}
	next, stop := iter.Pull(scriptOf(p.t, p.r))
	p.t.Cleanup(stop)
	s.next = next
	return s
}

// newTask is a writer that the test's end closes.
func newTask(t *testing.T, x *Exchange, o WriterOptions) *Writer {
	t.Helper()
	w := newWriter(t, x, o)
	t.Cleanup(w.Close)
	return w
}

func (s *steppedTask) advance(b *frame.BufferResponse) {
	for !s.due(b) {
		o, ok := s.next()
		if !ok {
			s.p.t.Fatalf("%v #%d: the script is over", b.Channel, b.Sequence)
		}
		s.p.check(o(s.writer))
		s.p.check(o(s.twin))
	}
}

// due reports whether the frame is what the next poll would give.
func (s *steppedTask) due(b *frame.BufferResponse) bool {
	available, backlog := s.p.views[b.Channel].Availability(true)
	if b.Type.IsEvent() {
		return available
	}
	if backlog--; available && backlog > b.Backlog { // less the frame itself
		s.p.t.Fatalf("%v #%d has a backlog of %d, want %d", b.Channel, b.Sequence, backlog, b.Backlog)
	}
	return available && backlog == b.Backlog
}

func (s *steppedTask) polled(b *frame.BufferResponse) {
	polled, ok := s.p.views[b.Channel].Poll()
	if !ok {
		s.p.t.Fatalf("%v #%d: the twin has nothing", b.Channel, b.Sequence)
	}
	polled.Buffer.Recycle()
	if !b.Type.HasPriority() {
		return
	}
	// It ended the buffer that it overtook. In these recordings that was empty: due would count it, but it is not sent.
	if _, more := s.p.views[b.Channel].Poll(); more {
		s.p.t.Fatalf("%v #%d has overtaken something", b.Channel, b.Sequence)
	}
}

// throttledTask carries out a script in a goroutine of its own, which memory holds back where it held back Flink's: within records that span
// many buffers. The pool lets the partition have as many buffers as the next frame's backlog says that there were. There is one subpartition; only
// its end is flushed.
type throttledTask struct {
	p       *paced
	writer  *Writer
	pool    *buffer.LocalBufferPool
	records chan error // closed when all are written and flushed
	events  []op       // behind them
}

func newThrottledTask(p *paced) *throttledTask {
	pool, err := p.x.pool.CreateLocal(buffer.LocalOptions{Required: 1, Max: buffer.NoBound, Subpartitions: 1})
	p.check(err)
	o := p.r.writerOptions()
	part, err := partition.New(partition.Spec{ID: o.Partition, Subpartitions: 1, Pool: pool})
	p.check(err)
	s := &throttledTask{p: p, pool: pool, records: make(chan error, 1), writer: &Writer{x: p.x, o: o, part: part}}
	s.writer.ctx, s.writer.cancel = context.WithCancelCause(context.Background())
	p.check(s.writer.register())
	script := slices.Collect(scriptOf(p.t, p.r))
	last := len(script) - 2 // end of data, end of partition
	script, s.events = script[:last], script[last:]
	pool.SetSize(1)
	go func() {
		defer close(s.records)
		for _, o := range script {
			if err := o(s.writer); err != nil {
				s.records <- err
				return
			}
		}
	}()
	p.t.Cleanup(func() {
		s.writer.Fail(ErrClosed) // it may still be waiting, if the test has failed
		for range s.records {
		}
		s.writer.Close()
	})
	return s
}

func (s *throttledTask) advance(b *frame.BufferResponse) {
	if b.Type.IsEvent() {
		s.p.check(s.events[0](s.writer))
		s.events = s.events[1:]
		return
	}
	frames, opened := s.p.left[b.Channel]
	if frames > 0 {
		return // it left with the one before it: the initial credit is not paid out piece by piece
	}
	if frames = 1; !opened {
		frames = s.p.r.want.Exclusive
	}
	// In the queue are this buffer, those behind it, and one that is being written: if that is flushed it is one of those behind.
	s.pool.SetSize(1 + b.Backlog + 1)
	await(s.p.t, func() bool {
		queued := s.writer.part.QueuedBuffers()
		select {
		case err := <-s.records:
			s.p.check(err)
			return queued == 1+b.Backlog
		default:
			return queued == 1+b.Backlog+1
		}
	})
	s.pool.SetSize(1 + b.Backlog + 1 - frames) // the room that they leave behind is for nobody yet
}

func (s *throttledTask) polled(*frame.BufferResponse) {}

// storedTask has carried out its script before anybody may read.
type storedTask struct{}

func newStoredTask(p *paced) storedTask {
	w := newTask(p.t, p.x, p.r.writerOptions())
	for o := range scriptOf(p.t, p.r) {
		p.check(o(w))
	}
	return storedTask{}
}

func (storedTask) advance(*frame.BufferResponse) {}
func (storedTask) polled(*frame.BufferResponse)  {}

// patience is for how long a test waits for what has to come.
const patience = 20 * time.Second

// await looks until what has to come has come.
func await(t testing.TB, come func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !come(); time.Sleep(20 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come")
		}
	}
}

// rawPeer is a test with a socket, and frames out of it.
type rawPeer struct {
	t       testing.TB
	conn    net.Conn
	decoder frame.Decoder
	in      []byte
}

func dialRaw(t testing.TB, address string) *rawPeer {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return newRawPeer(t, c)
}

func newRawPeer(t testing.TB, c net.Conn) *rawPeer {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &rawPeer{t: t, conn: c, in: make([]byte, 64<<10)}
}

func (p *rawPeer) write(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// next is the next frame. It is valid until the one after it.
func (p *rawPeer) next() frame.Frame {
	p.t.Helper()
	for {
		f, ok, err := p.decoder.Next()
		if err != nil {
			p.t.Fatal(err)
		}
		if ok {
			return f
		}
		n, err := p.conn.Read(p.in)
		if err != nil {
			p.t.Fatalf("waiting for a frame: %v", err)
		}
		p.decoder.Feed(p.in[:n])
	}
}

// end is for when nothing may come but the end.
func (p *rawPeer) end() {
	p.t.Helper()
	if f, ok, err := p.decoder.Next(); ok || err != nil {
		p.t.Fatalf("%v, %v", frame.Describe(&f), err)
	}
	if n, err := p.conn.Read(p.in); n > 0 || !errors.Is(err, io.EOF) {
		p.t.Fatalf("%x, %v, want the end", p.in[:n], err)
	}
}
