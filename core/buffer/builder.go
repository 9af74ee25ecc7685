// builder.go: the one writer of a segment, and when what it wrote becomes visible.

package buffer

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A Builder is the one writer of a buffer that others already read: the consumer's end is in a queue
// while the segment still fills. It is a value that the writing task keeps per channel; the zero value is not open.
// One goroutine owns it; copies must not be used side by side.
//
// # What readers see
//
// Appending touches private fields only. Publish stores the position in the segment's marker, and from then on readers
// see the bytes before it: the marker is the only thing the two sides share, and it is not in the memory of the segment,
// where no race detector would see it. A marker of v >= 0 says v bytes, more may follow; v < 0 says -v bytes and
// finished; the smallest int32 says finished and empty. After Flink's BufferBuilder and its PositionMarker.
//
// # References
//
// The builder holds one reference until Close, each consumer one until its own, and each buffer built another.
type Builder struct {
	mem       []byte // up to the limit; the capacity is up to the segment's end
	progress  uint64 // bytes written so far in the low half, records in the high one; see at
	committed int    // published so far
	limit     int    // MaxCapacity: len(mem) until finished
	buf       Buffer // the reference
	consumed  bool   // the consumer was made
	finished  bool
}

// finishedEmpty is the marker of a builder that finished without a byte: minus zero has no sign.
const finishedEmpty = math.MinInt32

// finishedAt is the marker that says n bytes, and no more.
func finishedAt(n int) int32 {
	if n == 0 {
		return finishedEmpty
	}
	return int32(-n)
}

// position is the number of bytes that a marker stands for.
func position(marker int32) int {
	switch {
	case marker == finishedEmpty:
		return 0
	case marker < 0:
		return int(-marker)
	}
	return int(marker)
}

// NewBuilder is the writer of an empty buffer, whose reference it takes over. One buffer has one builder.
func NewBuilder(b Buffer) Builder {
	b.n = 0
	mem := b.seg.block[b.off:]
	return Builder{mem: mem, limit: len(mem), buf: b}
}

// IsOpen reports whether there is a buffer: from NewBuilder to Close.
func (w *Builder) IsOpen() bool { return w.buf.seg != nil }

// at is how many bytes are written: mem[:at] never changes again.
func (w *Builder) at() int { return int(uint32(w.progress)) }

// oneRecord is what progress grows by for a record, besides its bytes: one addition counts both, so that counting records costs nothing.
const oneRecord = 1 << 32

// Append writes as much of src as fits, and returns how much that was. Readers see nothing of it until Publish.
func (w *Builder) Append(src []byte) int {
	n := copy(w.mem[w.at():], src)
	w.progress += uint64(n)
	return n
}

// Room is the unwritten part up to the limit, to be filled in place and counted with Advance. Its capacity ends at
// the limit too, so that an append which does not fit goes elsewhere instead of too far.
func (w *Builder) Room() []byte { return w.mem[uint32(w.progress):len(w.mem):len(w.mem)] }

// Advance counts a record of n bytes that was written into Room. Panics beyond the limit.
func (w *Builder) Advance(n int) {
	if uint(n) > uint(len(w.mem)-int(uint32(w.progress))) {
		w.overrun(n)
	}
	w.progress += uint64(n) + oneRecord
}

// PutLong writes a record that is one long (a length of 8, and v, big-endian) and counts it, unless it would fill the builder or more. Small enough to
// be inlined where records are made: a call for each would cost more than the record.
func (w *Builder) PutLong(v int64) bool {
	const framed = 4 + 8
	room := w.mem[uint32(w.progress):]
	if len(room) <= framed {
		return false
	}
	binary.BigEndian.PutUint32(room, 8)
	binary.BigEndian.PutUint64(room[4:], uint64(v))
	w.progress += framed + oneRecord
	return true
}

// TakeRecords is how often Advance was called since the last time.
func (w *Builder) TakeRecords() uint64 {
	n := w.progress / oneRecord
	w.progress %= oneRecord
	return n
}

//go:noinline
func (w *Builder) overrun(n int) {
	panic(fmt.Sprintf("buffer: advanced by %d bytes with room for %d of %d", n, len(w.mem)-w.at(), w.limit))
}

// Publish shows readers everything written so far: one atomic store, about 3 ns, none when there is nothing new. Meant for
// batches; a store per record costs a third of the throughput of small records.
func (w *Builder) Publish() {
	if w.at() != w.committed {
		w.store(int32(w.at()))
	}
}

// store is apart from Publish so that the check is inlined.
func (w *Builder) store(marker int32) {
	w.buf.seg.written.Store(marker)
	w.committed = w.at()
}

// Finish publishes everything and ends writing: Room is empty afterwards, and readers know that no more comes. It returns the
// bytes written; a second call does nothing and returns the same.
func (w *Builder) Finish() int {
	if !w.finished {
		w.store(finishedAt(w.at()))
		w.mem = w.mem[:w.at()]
		w.finished = true
	}
	return w.at()
}

// IsFinished reports whether Finish was called.
func (w *Builder) IsFinished() bool { return w.finished }

// Written is the number of bytes appended so far.
func (w *Builder) Written() int { return w.at() }

// Committed is the number of bytes that readers may see.
func (w *Builder) Committed() int { return w.committed }

// Writable is the number of bytes that still fit: none when finished.
func (w *Builder) Writable() int { return len(w.mem) - w.at() }

// IsFull reports whether the limit is reached.
func (w *Builder) IsFull() bool { return w.at() == w.limit }

// MaxCapacity is the limit in bytes.
func (w *Builder) MaxCapacity() int { return w.limit }

// Trim moves the limit to n bytes, down or up, but not below what is written (the builder is full then) and not beyond the
// segment. It has no effect on a builder that finished.
func (w *Builder) Trim(n int) {
	if w.finished {
		return
	}
	w.limit = min(max(n, w.at()), cap(w.mem))
	w.mem = w.mem[:w.limit]
}

// Consumer is the reader of everything written from now on. There is one per builder, others are its copies. Panics the second
// time.
func (w *Builder) Consumer() Consumer { return w.consumerAt(w.at()) }

// ConsumerFromBeginning is the reader of everything, also of what is written already. Otherwise as Consumer.
func (w *Builder) ConsumerFromBeginning() Consumer { return w.consumerAt(0) }

func (w *Builder) consumerAt(read int) Consumer {
	if w.consumed {
		panic("buffer: two consumers must not exist for one builder: copy the first")
	}
	w.consumed = true
	return Consumer{buf: w.buf.Retain(), read: int32(read)}
}

// Close gives the builder's reference back and leaves the zero value. It does not finish: who closes without
// finishing leaves readers that wait for more, which is right only where they are being released as well. Nothing to do
// when not open.
func (w *Builder) Close() {
	b := w.buf
	*w = Builder{}
	if !b.IsZero() {
		b.Recycle()
	}
}
