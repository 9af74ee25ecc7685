// view.go: the reader's end of a subpartition.

package partition

import (
	"sync/atomic"

	"xbench/core/buffer"
)

// Listener is told when a view has something to poll. A connection's writer and a local channel are listeners. Calls come from
// the writing task, a flusher or a timer, with no lock held, and must not block; they may still come shortly after
// View.Release.
type Listener interface {
	// DataAvailable says that there was nothing to send and now there is; or that the partition was released under the view.
	DataAvailable()
	// DataPending is DataAvailable by the task, which calls Push when it has told everybody.
	DataPending()
	// Push sees to it that what is pending is on its way when it returns, or that somebody is about to send it. It does not wait.
	Push()
	// PriorityAvailable says that an event with priority heads the queue, which will be polled with this sequence number or a
	// later one.
	PriorityAvailable(sequence int32)
}

// Polled is one buffer, or event, with what its frame has to say about those that follow.
type Polled struct {
	Buffer   buffer.Buffer   // the poller's
	Backlog  int             // data buffers that could be sent behind it
	Next     buffer.DataType // of what can be polled next; None: nothing now, the listener will be told
	Sequence int32           // counted per view from 0
}

// View is one reader of one subpartition. Its methods may be called from any goroutine; polls from one at a time, or the
// order is lost.
type View struct {
	index    int
	source   source
	listener Listener
	released atomic.Bool
}

// source is what a view reads: the queue of a pipelined subpartition, or a way through the file of a stored one.
type source interface {
	poll() (Polled, bool)
	availability(credit bool) (available bool, backlog int)
	resume() error
	acknowledge()
	setBufferSize(n int) error
	setZeroCredit()
	queued() int
	leave()         // the view is released: once, unless the partition was released before
	failure() error // why there is no more to read; nil: for no reason, or there is
}

// Subpartition is the index of what the view reads.
func (v *View) Subpartition() int { return v.index }

// Poll takes the next buffer, finished or not. False: nothing now, or blocked, or released; or the file cannot be read, which
// releases the view. (Flink: ResultSubpartitionView.getNextBuffer)
func (v *View) Poll() (Polled, bool) { return v.source.poll() }

// Availability says whether Poll is worth while for a reader with or without credit, and how many data buffers could be sent. A
// view whose partition failed is available: its reader gets a turn, polls nothing and finds Failure.
//
// Creating a view tells the listener nothing, neither does Resume: ask after both.
func (v *View) Availability(credit bool) (available bool, backlog int) {
	if v.released.Load() {
		return v.Failure() != nil, 0
	}
	return v.source.availability(credit)
}

// Resume ends the stand-still after a blocking event. A *ConsumerError says that there was none.
func (v *View) Resume() error {
	if v.released.Load() {
		return nil
	}
	return v.source.resume()
}

// AckAllRecordsProcessed says that the consumer has processed everything up to the end of data. The producer of a replayable
// partition does not care.
func (v *View) AckAllRecordsProcessed() { v.source.acknowledge() }

// SetBufferSize says how long the consumer wants buffers, in bytes. It counts for buffers begun after it, so not for stored ones;
// 0 changes nothing but is remembered. A *ConsumerError says that n is negative.
func (v *View) SetBufferSize(n int) error { return v.source.setBufferSize(n) }

// ReturnEmptyBuffers makes Poll hand out finished buffers also when they are empty: for a receiver without exclusive
// buffers, which lent a floating one for each. Call it before the first Poll.
func (v *View) ReturnEmptyBuffers() { v.source.setZeroCredit() }

// QueuedBuffers is how many buffers and events wait, the unfinished one included; of stored ones, those that this view has not read.
func (v *View) QueuedBuffers() int { return v.source.queued() }

// Release ends the consumption, whether or not everything was read: what is queued goes home, and what the task still writes to
// this subpartition goes nowhere, for a pipelined subpartition has no second consumer. It also stands for the acknowledgement
// that will not come any more. A stored subpartition stays for others. Idempotent.
func (v *View) Release() {
	if v.released.Swap(true) {
		return
	}
	v.source.leave()
}

// IsReleased reports whether the view ended: by Release, because the partition was released under it, or because it cannot be read.
func (v *View) IsReleased() bool { return v.released.Load() }

// Failure is a *ProducerFailedError if the partition was released for a reason, a *StorageError if it cannot be read, else nil.
func (v *View) Failure() error { return v.source.failure() }
