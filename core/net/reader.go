// reader.go: one consumer's channel as the server sees it: a view of a subpartition and the credit to send from it.

package net

import (
	"sync/atomic"

	"xbench/core/buffer"
	"xbench/core/credit"
	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// viewReader is the server's end of one channel (Flink: CreditBasedSequenceNumberingViewReader).
//
// The connection's sender owns every field, but for what is said otherwise. It is the view's listener: partitions call
// DataAvailable and PriorityAvailable from any goroutine.
type viewReader struct {
	conn          *serverConn
	id            frame.ChannelID
	sub           int
	view          *partition.View // nil until the partition is there
	budget        credit.Budget
	size          int         // of buffers, in bytes, as the consumer asked for; 0: it did not
	zeroExclusive bool        // the consumer has no buffers of its own for this channel
	queued        bool        // in the sender's FIFO
	closed        bool        // cancelled or failed: nothing is sent any more
	starved       meter.Time  // since when there has been data without credit; 0: not
	refused       atomic.Bool // there is no partition for it; set by whoever finds out, read by the receiver
	notified      atomic.Bool // a note that says "data" is on its way; set by anybody, cleared by the sender
}

// DataAvailable leaves a note, unless one is on its way.
func (r *viewReader) DataAvailable() {
	if r.notified.CompareAndSwap(false, true) {
		r.conn.inbox.put(note{kind: noteData, reader: r})
	}
}

// DataPending leaves the note for Push.
func (r *viewReader) DataPending() {
	if r.notified.CompareAndSwap(false, true) {
		r.conn.inbox.leave(note{kind: noteData, reader: r})
	}
}

// Push sends what is pending, if nobody else is at it.
func (r *viewReader) Push() { r.conn.out.push() }

// PriorityAvailable is the same to a remote reader: what comes first is decided when it is polled.
func (r *viewReader) PriorityAvailable(int32) { r.DataAvailable() }

// sendable reports whether a poll would give something that may be sent, and the backlog.
func (r *viewReader) sendable() (yes bool, backlog int) {
	return r.view.Availability(r.budget.Left() > 0)
}

// poll takes the next buffer and pays for it. more says whether the one after it may be sent too.
func (r *viewReader) poll() (p partition.Polled, more, ok bool) {
	p, ok = r.view.Poll()
	if !ok {
		return p, false, false
	}
	if p.Buffer.Type().IsBuffer() {
		r.budget.Spend()
	}
	more = p.Next != buffer.None && (r.budget.Left() > 0 || p.Next.IsEvent())
	return p, more, true
}
