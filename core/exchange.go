// exchange.go: one process's share of the exchange: what it is made of, and the order in which it ends.

package core

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net"
	"xbench/core/net/partition"
)

// Defaults of Options: Flink's.
const (
	DefaultSegments    = 2048 // 64 MiB of them
	DefaultSegmentSize = 32 << 10
	DefaultExclusive   = 2
	DefaultFloating    = 8
)

// Options say what an exchange is made of. The zero value is Flink's defaults without a port of its own.
type Options struct {
	// Listen is the TCP address for consumers in other processes; port 0 picks one. Empty: nobody can connect.
	Listen string
	// Segments and SegmentSize (bytes) are the memory; 0: the defaults. It is all allocated at once, and all there ever is.
	Segments, SegmentSize int
	// Exclusive is the number of buffers each remote channel has for itself, Floating how many those of a gate share. Zero values mean the
	// defaults; NoExclusive means none.
	Exclusive, Floating int
	// NoExclusive gives channels no buffer of their own: memory for many channels, at the price of announcements.
	NoExclusive bool
	// TLS secures the connections in both directions, see net.TLSFiles; nil: plain TCP.
	TLS *tls.Config
	// Lost hears why a consumer's connection ended, or never came about, unless the consumer said good-bye or the exchange was closed. It is
	// called with no lock held and must not block; may be nil.
	Lost func(peer string, err error)
	// Codec is what writers of replayable partitions compress with, and readers decompress with, unless they are told otherwise; 0: LZ4. NoCodec
	// turns compression off.
	Codec Codec
	// TempDir is where replayable partitions have their files, one per subpartition; empty: the system's folder for temporary files.
	TempDir string
	// RequestTimeout bounds the wait for exclusive buffers; 0: 30 s.
	RequestTimeout time.Duration
	// PartitionTimeout is for how long a request waits at its producer for a partition that is not there yet, before the consumer hears of it
	// and asks again, until it has waited for twice BackoffMax altogether; 0: 10 s each. A negative PartitionTimeout: not at all.
	PartitionTimeout, BackoffMax time.Duration
	// Connections is how many connections there are to one other process; 0: one.
	Connections int
	// Congestion is the TCP congestion control of the connections (reno, cubic, bbr), on this end; empty: the machine's default.
	Congestion string
	// FrameTimeout bounds how long a peer may take over one frame that it has begun; 0: 30 s.
	FrameTimeout time.Duration
	// Clock tells the time; nil: the host's monotonic clock.
	Clock meter.Clock
	// Waits hears of every wait; may be nil.
	Waits meter.Observer
}

func (o *Options) complete() error {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&o.Segments, DefaultSegments)
	set(&o.SegmentSize, DefaultSegmentSize)
	set(&o.Floating, DefaultFloating)
	if o.PartitionTimeout == 0 {
		o.PartitionTimeout = net.DefaultPartitionTimeout
	}
	if !o.NoExclusive {
		set(&o.Exclusive, DefaultExclusive)
	}
	if o.Clock == nil {
		o.Clock = meter.Monotonic()
	}
	if err := o.Codec.Check(); err != nil {
		return err
	}
	if o.Segments < 1 || o.SegmentSize < 1 || o.Exclusive < 0 || o.Floating < 1 {
		return fmt.Errorf("core: %d segments of %d bytes, %d exclusive and %d floating buffers: none may be below 1 (exclusive: 0)",
			o.Segments, o.SegmentSize, o.Exclusive, o.Floating)
	}
	return nil
}

// ErrClosed is what calls on a closed exchange, and its writers and readers, run into.
var ErrClosed = errors.New("exchange closed")

// Exchange is one process's share. Its methods may be called from any goroutine.
type Exchange struct {
	o        Options
	pool     *buffer.NetworkBufferPool
	registry *partition.Registry
	server   *net.Server // nil without Listen
	client   *net.Client
	flusher  *flusher
	traffic  meter.Traffic

	taskEvents net.TaskEvents
	deserted   chan struct{} // closed when the exchange is closed and its last writer or reader has left

	mu struct {
		sync.Mutex
		writers map[*Writer]struct{}
		readers map[*Reader]struct{}
		closed  bool
	}
}

// Open allocates the memory and listens. Close gives everything back.
func Open(o Options) (*Exchange, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	pool, err := buffer.NewNetworkBufferPool(buffer.PoolOptions{
		Segments: o.Segments, SegmentSize: o.SegmentSize, RequestTimeout: o.RequestTimeout, Clock: o.Clock, Waits: o.Waits,
	})
	if err != nil {
		return nil, err
	}
	x := &Exchange{o: o, pool: pool, registry: partition.NewRegistry(o.PartitionTimeout), flusher: newFlusher(o.Clock), deserted: make(chan struct{})}
	x.mu.writers = map[*Writer]struct{}{}
	x.mu.readers = map[*Reader]struct{}{}
	no := net.Options{
		Clock: o.Clock, Waits: o.Waits, Traffic: &x.traffic, TLS: o.TLS, TaskEvents: &x.taskEvents, Lost: o.Lost,
		PartitionTimeout: o.PartitionTimeout, BackoffMax: o.BackoffMax, Connections: o.Connections, FrameTimeout: o.FrameTimeout,
		Congestion: o.Congestion,
	}
	x.client = net.NewClient(no)
	if o.Listen != "" {
		if x.server, err = net.Listen(o.Listen, x.registry, no); err != nil {
			return nil, errors.Join(err, x.Close())
		}
	}
	return x, nil
}

// Addr is the address for consumers in other processes; empty without Listen.
func (x *Exchange) Addr() string {
	if x.server == nil {
		return ""
	}
	return x.server.Addr()
}

// Traffic counts what went over the exchange's connections.
func (x *Exchange) Traffic() *meter.Traffic { return &x.traffic }

// Connections is how many connections to producers there are.
func (x *Exchange) Connections() int { return x.client.Connections() }

// FreeSegments is how many segments of the process nobody holds.
func (x *Exchange) FreeSegments() int { return x.pool.Available() }

// closeGrace is how long Close waits for tasks to notice that it has begun.
const closeGrace = 5 * time.Second

// Close cancels the writers and readers that are still open, waits for their tasks to close them, ends every connection and goroutine, and frees
// the memory. An error says what a task did not close, or which segments somebody still holds; the memory then stays mapped.
func (x *Exchange) Close() error {
	writers, readers, first := x.shut()
	if !first {
		return nil
	}
	// Writers fail before connections close, so that consumers hear why; then connections, partitions, pools, memory: any other order
	// leaks, or touches memory that is gone.
	for _, w := range writers {
		w.Fail(ErrClosed)
	}
	for _, r := range readers {
		r.Cancel()
	}
	err := x.awaitTasks()
	x.flusher.close()
	x.client.Close()
	if x.server != nil {
		err = errors.Join(err, x.server.Close())
	}
	x.registry.Close()
	x.pool.Destroy()
	return errors.Join(err, x.pool.Free())
}

// shut refuses new writers and readers, and says which ones there are.
func (x *Exchange) shut() (writers []*Writer, readers []*Reader, first bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	first = !x.mu.closed
	x.mu.closed = true
	if first && len(x.mu.writers)+len(x.mu.readers) == 0 {
		close(x.deserted)
	}
	return slices.Collect(maps.Keys(x.mu.writers)), slices.Collect(maps.Keys(x.mu.readers)), first
}

// leave takes a writer or a reader, whichever is not nil, off the list. A second time changes nothing.
func (x *Exchange) leave(w *Writer, r *Reader) {
	x.mu.Lock()
	defer x.mu.Unlock()
	before := len(x.mu.writers) + len(x.mu.readers)
	delete(x.mu.writers, w)
	delete(x.mu.readers, r)
	if x.mu.closed && before == 1 && len(x.mu.writers)+len(x.mu.readers) == 0 {
		close(x.deserted)
	}
}

func (x *Exchange) awaitTasks() error {
	timer := time.NewTimer(closeGrace)
	defer timer.Stop()
	select {
	case <-x.deserted:
		return nil
	case <-timer.C:
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return fmt.Errorf("core: %d writers and %d readers were not closed by their tasks", len(x.mu.writers), len(x.mu.readers))
}
