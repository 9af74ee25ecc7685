// partition.go: a result partition: what it is made of, who uses it, and how it ends.

package partition

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
)

// Kind says when a partition can be read, and how often.
type Kind uint8

const (
	// Pipelined partitions are read while they are written, each subpartition once (Flink: PIPELINED_BOUNDED).
	Pipelined Kind = iota
	// Replayable partitions are kept in files, and read when they are finished, as often as one likes (Flink: BLOCKING, in its
	// hash-style implementation).
	Replayable
)

// String is k in words.
func (k Kind) String() string {
	if k == Replayable {
		return "replayable"
	}
	return "pipelined"
}

// Spec says what a result partition is made of.
type Spec struct {
	ID            frame.ResultPartitionID
	Kind          Kind
	Subpartitions int
	// Pool is taken over: Close or Fail destroys it. It must know as many channels (LocalOptions.Subpartitions) and needs
	// Subpartitions + 1 segments for the task to move on: one open in each, and one that is full and on its way.
	Pool *buffer.LocalBufferPool
	// Capture receives what barriers overtake, and owns the buffers in it. It is called by whoever brings the barrier, polls
	// it, or gives up on it, with no lock held, and must not block. nil: nobody stores the state of channels. In a replayable
	// partition nothing overtakes, and it is never called.
	Capture func(Capture)
	// Codec compresses what a replayable partition stores; the gates of its consumers need the same.
	Codec buffer.Codec
	// Dir is where a replayable partition has its files; empty: the system's folder for temporary files.
	Dir string
	// Time is told when the task stands within a record for want of a buffer, and when it goes on. nil: nobody wants to know.
	Time *meter.TaskTime
}

// ResultPartition is the output of one task: one subpartition per consumer (Flink: PipelinedResultPartition, and
// BoundedBlockingResultPartition). Methods marked "task" belong to the goroutine that writes, all others may be called from anywhere.
//
// Its life: New, Registry.Register, records, NotifyEndOfData, wait for AllDataProcessed, Finish, Close. A pipelined one is released
// when the task has closed it and every subpartition was consumed, whichever comes last; or at once by Fail or Release. A
// replayable one has nobody to wait for, and is released only by Fail or Release: how often it will be read it cannot know.
type ResultPartition struct {
	id      frame.ResultPartitionID
	pool    *buffer.LocalBufferPool
	subs    []subpartition // of a pipelined partition
	store   *storage       // of a replayable one; else nil
	capture func(Capture)

	written // what the task writes to, and its flusher

	// processed is closed when every subpartition was acknowledged, or when there is nobody left to wait for.
	processed chan struct{}
	// unread is closed when every consumer has left, or when there is nothing left to read.
	unread chan struct{}

	time                             *meter.TaskTime // of the task
	bytesOut, buffersOut, recordsOut meter.Counter   // records: of those in written, as far as they are published

	mu struct {
		sync.Mutex
		users        int    // subpartitions that are not consumed yet, and one for the task
		acknowledged []bool // per subpartition
		unprocessed  int    // subpartitions not acknowledged yet
		deserted     int    // those whose consumer left before it acknowledged
		reading      int    // those whose consumer has not left yet
		registry     *Registry
	}
	released atomic.Pointer[releaseCause] // set once; nil while the partition lives
}

// releaseCause is why a partition was released; err nil: it was consumed.
type releaseCause struct{ err error }

// New makes a partition that owns s.Pool. The caller registers it.
func New(s Spec) (*ResultPartition, error) {
	switch {
	case s.Subpartitions < 1:
		return nil, fmt.Errorf("partition: %d subpartitions: there is no consumer", s.Subpartitions)
	case s.Pool == nil:
		return nil, errors.New("partition: no pool to take segments from")
	case s.Kind > Replayable:
		return nil, fmt.Errorf("partition: kind %d: there are pipelined and replayable ones", s.Kind)
	}
	if err := s.Codec.Check(); err != nil {
		return nil, err
	}
	p := &ResultPartition{
		id:        s.ID,
		pool:      s.Pool,
		capture:   s.Capture,
		time:      s.Time,
		processed: make(chan struct{}),
		unread:    make(chan struct{}),
	}
	p.written.init(s.Subpartitions)
	p.mu.reading = s.Subpartitions
	if s.Kind == Replayable {
		store, err := newStorage(p, s)
		if err != nil {
			return nil, err
		}
		p.store = store
		close(p.processed) // nobody can read before the end, so nobody is waited for
		return p, nil
	}
	p.subs = make([]subpartition, s.Subpartitions)
	for i := range p.subs {
		p.subs[i].init(p, i)
	}
	p.mu.users = s.Subpartitions + 1
	p.mu.acknowledged = make([]bool, s.Subpartitions)
	p.mu.unprocessed = s.Subpartitions
	return p, nil
}

// ID is the partition's name.
func (p *ResultPartition) ID() frame.ResultPartitionID { return p.id }

// Subpartitions is the number of consumers.
func (p *ResultPartition) Subpartitions() int { return len(p.unicast) }

// IsAvailable reports whether the next buffer that the task needs is there already. A task that asks between two records, and
// waits there, is not stopped within one as long as the pool's overdraft lasts.
func (p *ResultPartition) IsAvailable() bool { return p.pool.IsAvailable() }

// Available is the pool's one-slot signal: look at IsAvailable before and after it.
func (p *ResultPartition) Available() <-chan struct{} { return p.pool.Available() }

// BuffersOut is the number of buffers ended so far, one per subpartition for those that were broadcast; events do not count.
func (p *ResultPartition) BuffersOut() uint64 { return p.buffersOut.Load() }

// BytesOut is the number of bytes in BuffersOut.
func (p *ResultPartition) BytesOut() uint64 { return p.bytesOut.Load() }

// QueuedBuffers is how many buffers and events wait in all subpartitions, the unfinished ones included. In files nothing waits.
func (p *ResultPartition) QueuedBuffers() int {
	n := 0
	for i := range p.subs {
		n += p.subs[i].queued()
	}
	return n
}

// CreateView is the one view that a pipelined subpartition will ever have, or one more of a replayable one. l is not told what
// is there already: ask for the availability when you have stored the view. Errors: *ConsumerError for an index that does not
// exist, a second view of a pipelined subpartition, or a replayable one that is not finished; *ProducerFailedError or
// *NotFoundError when the partition was released; *StorageError.
func (p *ResultPartition) CreateView(sub int, l Listener) (*View, error) {
	if sub < 0 || sub >= p.Subpartitions() {
		reason := fmt.Sprintf("Subpartition not found. Index: %d, Size: %d", sub, p.Subpartitions())
		return nil, &ConsumerError{ID: p.id, Subpartition: sub, Reason: reason}
	}
	if cause := p.released.Load(); cause != nil {
		return nil, p.goneError(cause)
	}
	if p.store != nil {
		return p.store.subs[sub].createView(l)
	}
	return p.subs[sub].createView(l)
}

// createView is the only view of s, ever.
func (s *subpartition) createView(l Listener) (*View, error) {
	p := s.parent
	v := &View{index: s.index, source: s, listener: l}
	s.mu.Lock()
	again, gone := s.mu.consumed, s.mu.released
	if !again && !gone {
		s.mu.consumed, s.mu.view = true, v
	}
	s.mu.Unlock()
	switch {
	case again:
		const reason = "Subpartition %d of is being (or already has been) consumed, but pipelined subpartitions can only be consumed once."
		return nil, &ConsumerError{ID: p.id, Subpartition: s.index, Reason: fmt.Sprintf(reason, s.index)}
	case gone: // the partition, since the look above: a subpartition alone is only released by its view
		return nil, p.goneError(p.released.Load())
	}
	return v, nil
}

// goneError is what a consumer hears that comes too late.
func (p *ResultPartition) goneError(cause *releaseCause) error {
	if cause.err != nil {
		return &ProducerFailedError{Cause: cause.err}
	}
	return &NotFoundError{ID: p.id}
}

// AlignedBarrierTimeout makes the timeoutable barrier of a checkpoint, wherever it still waits in its queue, overtake as an
// unaligned one what is ahead of it. Where it has left, or has not been broadcast yet, or is in a file, nothing happens.
func (p *ResultPartition) AlignedBarrierTimeout(checkpoint int64) {
	for i := range p.subs {
		p.subs[i].alignedBarrierTimeout(checkpoint)
	}
}

// AbortCheckpoint gives up on the captures of a checkpoint that are still open.
func (p *ResultPartition) AbortCheckpoint(checkpoint int64, cause error) {
	for i := range p.subs {
		p.subs[i].abortCheckpoint(checkpoint, cause)
	}
}
