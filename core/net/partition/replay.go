// replay.go: one reader's way through a stored subpartition: the position, a few read buffers, and what comes next.

package partition

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"xbench/core/buffer"
)

// readBuffers is how many buffers of a stored subpartition a reader may have in hand: one in a socket or with a task while the next is read.
// They are memory of the reader's own, not of a pool: readers of finished partitions must not take from those who write (FLINK-14872).
const readBuffers = 2

// replay is one reader of a stored subpartition (Flink: BoundedBlockingSubpartitionReader). The file is read in Poll, by the one who polls.
type replay struct {
	of   *stored
	view *View

	at      int64 // where the content of mu.next begins; the poller's
	scratch [entryHeaderSize]byte

	mu struct {
		sync.Mutex
		next     entryHeader // None: the end
		entries  int         // not polled, next included
		backlog  int         // of these, data
		sequence int32
		blocked  bool
		free     []*buffer.Segment
		made     int // segments, at most readBuffers
		err      error
	}
}

func newReplay(s *stored, v *View) (*replay, error) {
	r := &replay{of: s, view: v, at: entryHeaderSize}
	first, err := s.header(0, r.scratch[:])
	if err != nil {
		return nil, s.storageError("reading", err)
	}
	r.mu.next, r.mu.entries, r.mu.backlog = first, s.total.entries, s.total.data
	return r, nil
}

// poll reads the next content, and the header behind it: a reader has to know what follows.
func (r *replay) poll() (Polled, bool) {
	b, ok := r.take()
	if !ok {
		return Polled{}, false
	}
	next, err := r.read(b)
	if err != nil {
		b.Recycle()
		r.fail(err)
		return Polled{}, false
	}
	return r.polled(b, next), true
}

// take gets the memory for the next content; not ok: there is nothing to poll now.
func (r *replay) take() (b buffer.Buffer, ok bool) {
	r.mu.Lock()
	h := r.mu.next
	if r.view.released.Load() || !r.availableLocked() {
		r.mu.Unlock()
		return b, false
	}
	var s *buffer.Segment
	if n := len(r.mu.free); h.typ.IsBuffer() && n > 0 {
		s = r.mu.free[n-1]
		r.mu.free = r.mu.free[:n-1]
	} else if h.typ.IsBuffer() {
		r.mu.made++
	}
	r.mu.Unlock()
	if h.typ.IsEvent() {
		return buffer.Unpooled(make([]byte, h.size), h.typ), true
	}
	if s == nil {
		s = buffer.NewSegment(r.of.total.largest)
	}
	return s.Lend(r, -1).With(h.size, h.typ, h.compressed), true
}

// read fills b and moves on.
func (r *replay) read(b buffer.Buffer) (next entryHeader, err error) {
	if _, err := r.of.file.ReadAt(b.Bytes(), r.at); err != nil {
		return next, plain(err)
	}
	r.at += int64(b.Len())
	if r.at == r.of.total.bytes {
		return next, nil
	}
	if next, err = r.of.header(r.at, r.scratch[:]); err != nil {
		return next, err
	}
	r.at += entryHeaderSize
	return next, nil
}

func (r *replay) polled(b buffer.Buffer, next entryHeader) Polled {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Polled{Buffer: b, Sequence: r.mu.sequence}
	r.mu.sequence++
	r.mu.entries--
	if b.Type().IsBuffer() {
		r.mu.backlog--
	}
	r.mu.next = next
	r.mu.blocked = b.Type().BlocksUpstream()
	p.Backlog = r.backlogLocked()
	if r.availableLocked() {
		p.Next = next.typ
	}
	return p
}

// availableLocked reports whether a poll would give something: there is more, nothing blocks, and data finds a read buffer.
func (r *replay) availableLocked() bool {
	if r.mu.blocked || r.mu.next.typ == buffer.None {
		return false
	}
	return r.mu.next.typ.IsEvent() || len(r.mu.free) > 0 || r.mu.made < readBuffers
}

// backlogLocked is exact: all that is left could be sent, unless something blocks.
func (r *replay) backlogLocked() int {
	if r.mu.blocked {
		return 0
	}
	return r.mu.backlog
}

func (r *replay) availability(credit bool) (available bool, backlog int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.availableLocked() && (credit || r.mu.next.typ.IsEvent()), r.backlogLocked()
}

// Recycle takes a read buffer back. If it is the only one, the reader may have found none, and is told.
func (r *replay) Recycle(s *buffer.Segment) {
	r.mu.Lock()
	r.mu.free = append(r.mu.free, s)
	edge := len(r.mu.free) == 1 && r.mu.made == readBuffers && r.mu.next.typ.IsBuffer() && !r.mu.blocked
	r.mu.Unlock()
	if edge && !r.view.released.Load() {
		r.view.listener.DataAvailable()
	}
}

func (r *replay) resume() error {
	r.mu.Lock()
	was := r.mu.blocked
	r.mu.blocked = false
	r.mu.Unlock()
	if !was {
		return &ConsumerError{ID: r.of.parent.id, Subpartition: r.of.index, Reason: "Should be blocked by checkpoint."}
	}
	return nil
}

// acknowledge: nobody waits for it.
func (r *replay) acknowledge() {}

// setBufferSize has no effect: what is stored has its length.
func (r *replay) setBufferSize(n int) error {
	if n < 0 {
		return &ConsumerError{ID: r.of.parent.id, Subpartition: r.of.index, Reason: fmt.Sprintf("New buffer size %d is negative.", n)}
	}
	return nil
}

// setZeroCredit has no effect: every stored buffer is polled, also an empty one.
func (r *replay) setZeroCredit() {}

func (r *replay) queued() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.entries
}

func (r *replay) leave() { r.of.leave(r.view) }

// fail ends the view: what cannot be read now will not be read later. A file that was closed under the reader is no error of its own: whoever
// did that has a reason, and tells the reader.
func (r *replay) fail(err error) {
	if errors.Is(err, os.ErrClosed) {
		return
	}
	r.mu.Lock()
	r.mu.err = r.of.storageError("reading", err)
	r.mu.Unlock()
	if !r.view.released.Swap(true) {
		r.leave()
	}
}

func (r *replay) failure() error {
	r.mu.Lock()
	err := r.mu.err
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.of.parent.producerFailure()
}
