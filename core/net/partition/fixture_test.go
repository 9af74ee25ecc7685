// fixture_test.go: pools, partitions and listeners for tests, and the check that every segment comes home.

package partition

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a partition with its pools. At the end of the test every segment must be home.
type fixture struct {
	t *testing.T
	*ResultPartition
	global   *buffer.NetworkBufferPool
	captures []Capture // only complete when the test is single-threaded, or over
	mu       sync.Mutex
}

type shape struct {
	subs, segments, segmentSize int
	pool                        buffer.LocalOptions // Required 0: all segments
	forget                      bool                // recycle captures at once
	kind                        Kind
	codec                       buffer.Codec
	dir                         string
}

func newFixture(t *testing.T, s shape) *fixture {
	t.Helper()
	global, err := buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: s.segments, SegmentSize: s.segmentSize})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, global: global}
	f.ResultPartition = f.another(partitionID(0), s)
	t.Cleanup(func() {
		if !f.closed {
			f.Fail(errTestOver)
			f.Close()
		}
		f.wantHome()
		if err := global.Free(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// another is one more partition on the same pool of segments. The test closes it.
func (f *fixture) another(id frame.ResultPartitionID, s shape) *ResultPartition {
	f.t.Helper()
	if s.pool.Required == 0 {
		s.pool.Required, s.pool.Max = s.segments, s.segments
	}
	s.pool.Subpartitions = s.subs
	local, err := f.global.CreateLocal(s.pool)
	if err != nil {
		f.t.Fatal(err)
	}
	p, err := New(Spec{ID: id, Kind: s.kind, Subpartitions: s.subs, Pool: local, Codec: s.codec, Dir: s.dir, Capture: func(c Capture) {
		if s.forget {
			c.recycle()
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.captures = append(f.captures, c)
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// wantHome recycles what was captured and then wants every segment back.
func (f *fixture) wantHome() {
	f.t.Helper()
	f.mu.Lock()
	for _, c := range f.captures {
		c.recycle()
	}
	f.captures = nil
	f.mu.Unlock()
	if n := f.global.Available(); n != f.global.Segments() {
		f.t.Errorf("%d of %d segments are home", n, f.global.Segments())
	}
}

func (f *fixture) view(sub int) (*View, *counter) {
	f.t.Helper()
	l := newCounter()
	v, err := f.CreateView(sub, l)
	if err != nil {
		f.t.Fatal(err)
	}
	return v, l
}

func (f *fixture) emit(ch, n int) {
	f.t.Helper()
	if err := f.Emit(context.Background(), pattern(n), ch); err != nil {
		f.t.Fatal(err)
	}
}

type testError string

func (e testError) Error() string { return string(e) }

const errTestOver = testError("the test is over")

func partitionID(n int32) frame.ResultPartitionID {
	return frame.ResultPartitionID{Partition: frame.NewPartitionID([16]byte{1}, n)}
}

// pattern is n bytes in which no two neighbours are equal.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i + 1)
	}
	return b
}

// counter is a listener that counts, and that a reader can sleep on.
type counter struct {
	mu       sync.Mutex
	data     int
	priority []int32
	wake     chan struct{} // one slot
}

func newCounter() *counter { return &counter{wake: make(chan struct{}, 1)} }

func (c *counter) DataAvailable() {
	c.mu.Lock()
	c.data++
	c.mu.Unlock()
	c.signal()
}

func (c *counter) DataPending() { c.DataAvailable() }
func (c *counter) Push()        {}

func (c *counter) PriorityAvailable(sequence int32) {
	c.mu.Lock()
	c.priority = append(c.priority, sequence)
	c.mu.Unlock()
	c.signal()
}

func (c *counter) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *counter) told() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.data
}

// poll wants a buffer of n bytes and recycles it.
func poll(t *testing.T, v *View, n int) Polled {
	t.Helper()
	p, ok := v.Poll()
	if !ok {
		t.Fatalf("nothing to poll, wanted %d bytes", n)
	}
	if p.Buffer.Len() != n {
		t.Fatalf("polled %d bytes, wanted %d", p.Buffer.Len(), n)
	}
	p.Buffer.Recycle()
	return p
}

func wantNothing(t *testing.T, v *View) {
	t.Helper()
	if p, ok := v.Poll(); ok {
		t.Fatalf("polled %v, wanted nothing", p.Buffer)
	}
}

// event is an event's content and type.
func event(e frame.Event, priority bool) ([]byte, buffer.DataType) {
	return frame.AppendEvent(nil, e), frame.DataTypeOf(e, priority)
}

func aligned(id int64) frame.CheckpointBarrier {
	return frame.CheckpointBarrier{ID: id, Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
}

func timeoutable(id int64) frame.CheckpointBarrier {
	return frame.CheckpointBarrier{ID: id, Alignment: frame.Aligned, AlignedTimeoutMs: 30_000}
}

func unaligned(id int64) frame.CheckpointBarrier { return timeoutable(id).AsUnaligned() }

// within fails the test if what takes longer than a test may.
func within(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s takes more than 30 s", what)
	}
}

// framed is a record with its length in front.
func framed(payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}
