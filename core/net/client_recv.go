// client_recv.go: the client's receiver: headers are read ahead, bodies straight into the buffers that credit reserved.

package net

import (
	"fmt"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
)

const (
	// readAhead is how much is read at once where nothing is known to come; small frames then share one system call.
	readAhead = 64 << 10
	// bulkAhead is read behind a large body: enough for the next header. More would be copied once more than it needs to be.
	bulkAhead = 2 << 10
	// bulkBody is the body size from which reading ahead costs more copying than it saves calls.
	bulkBody = 8 << 10
	// eventBytes bounds the content of an event; barriers with a storage location are the largest of them.
	eventBytes = 1 << 20
	// errorBytes bounds an ErrorResponse, which carries a serialised exception with its causes.
	errorBytes = 16 << 20
)

// clientReceiver decodes what a producer sends. Its fields belong to whoever has the seat, and to release when both goroutines have ended and
// nobody can take it any more.
type clientReceiver struct {
	conn      *clientConn
	direct    direct // nil: every read may wait
	ahead     []byte // read, not handled yet: ahead[from:to]
	from      int
	to        int
	got       int    // by the last read, bytes
	whole     uint64 // messages so far
	bulk      bool   // the last body was large
	body      body
	vector    [2*foreseen + 2][]byte
	foresight foresight
	foreseen  bool // the last read was into what was foreseen
	buffers   int  // that came since credit was sent last; the task's to reset
	tally     tally
}

// body is a BufferResponse whose content is still coming.
type body struct {
	header  frame.BufferHeader
	channel *gate.RemoteChannel // nil: nobody wants it
	buf     buffer.Buffer
	missing []byte // the part of buf that has not been read yet
	skip    int    // bytes to read and drop, where there is no buffer
	open    bool
}

func newClientReceiver(c *clientConn) clientReceiver {
	r := clientReceiver{conn: c, ahead: make([]byte, readAhead)}
	r.direct, _ = c.stream.(direct)
	return r
}

// receiveOnce reads what is there and handles every whole message, and as much of a body as has come.
func (r *clientReceiver) receiveOnce() error { return r.receiveUnless(nil) }

// receiveUnless is receiveOnce that waits only if p lets it, and otherwise returns errInterrupted.
func (r *clientReceiver) receiveUnless(p parker) error {
	n, err := r.read(p)
	r.got = n
	if err != nil {
		return err
	}
	r.tally.bytes += uint64(n)
	defer r.tally.received(r.conn.traffic)
	if r.body.open {
		direct := min(n, len(r.body.missing))
		r.body.missing = r.body.missing[direct:]
		n -= direct
	}
	if r.foreseen {
		if r.body.open {
			if _, err := r.stepBody(); err != nil {
				return err
			}
		}
		if err := r.place(n); err != nil {
			return err
		}
	} else {
		r.to += n
	}
	for {
		more, err := r.step()
		if err != nil || !more {
			return err
		}
	}
}

// read reads the rest of a body into its place and whatever follows behind it ahead.
func (r *clientReceiver) read(p parker) (int, error) {
	r.compact()
	limit := len(r.ahead)
	if r.bulk {
		limit = min(limit, r.to+bulkAhead)
	}
	vectors := r.vector[:0]
	if len(r.body.missing) > 0 {
		vectors = append(vectors, r.body.missing)
	}
	r.foreseen = r.foresight.size > 0 && r.to == 0 && len(r.body.missing) > 0
	if r.foreseen {
		vectors = r.foresight.appendTo(vectors)
	}
	vectors = append(vectors, r.ahead[r.to:limit])
	if p == nil {
		return r.conn.stream.readv(vectors, r.partial())
	}
	return r.direct.readvUnless(vectors, r.partial(), p)
}

// partial is the number of the message that has begun and not ended, 0 between two of them.
func (r *clientReceiver) partial() uint64 {
	if !r.body.open && r.from == r.to {
		return 0
	}
	return r.whole + 1
}

// compact moves what is left to the front and makes room for a message that is larger than the room there is.
func (r *clientReceiver) compact() {
	if r.from > 0 {
		r.to = copy(r.ahead, r.ahead[r.from:r.to])
		r.from = 0
	}
	if r.to == len(r.ahead) {
		larger := make([]byte, 2*len(r.ahead))
		copy(larger, r.ahead)
		r.ahead = larger
	}
	if r.to > len(r.ahead)-bulkAhead {
		r.bulk = false
	}
}

// step handles one thing that is whole: the rest of a body, or a message. more is false when bytes are missing.
func (r *clientReceiver) step() (more bool, err error) {
	if r.body.open {
		return r.stepBody()
	}
	b := r.ahead[r.from:r.to]
	if len(b) < frame.HeaderSize {
		return false, nil
	}
	h, err := frame.ParseHeader(b)
	if err != nil {
		return false, err
	}
	if h.ID == frame.IDBufferResponse {
		return r.stepBufferHeader(b, h)
	}
	if h.Length > errorBytes {
		return false, fmt.Errorf("%v of %d bytes, at most %d are allowed: %w", h.ID, h.Length, errorBytes, frame.ErrPeer)
	}
	if len(b) < h.Length {
		return false, nil
	}
	m, err := frame.ParseResponse(h.ID, b[frame.HeaderSize:h.Length])
	if err != nil {
		return false, err
	}
	r.from += h.Length
	r.whole++
	r.tally.frames++
	return true, r.handle(&m)
}

func (r *clientReceiver) stepBufferHeader(b []byte, h frame.Header) (more bool, err error) {
	if len(b) < frame.BufferResponseSize {
		return false, nil
	}
	bh, err := frame.ParseBufferHeader(b[frame.HeaderSize:])
	if err != nil {
		return false, err
	}
	if h.Length != frame.BufferResponseSize+bh.Size {
		return false, fmt.Errorf("a frame of %d bytes with a buffer of %d: %w", h.Length, bh.Size, frame.ErrPeer)
	}
	r.from += frame.BufferResponseSize
	return true, r.openBody(bh)
}

// openBody finds the memory for the content: the channel's, by its credit, or the heap's for an event; or none, where the channel
// is gone or has failed.
func (r *clientReceiver) openBody(h frame.BufferHeader) error {
	r.body = body{header: h, open: true, skip: h.Size}
	r.bulk = h.Size >= bulkBody
	if h.Type.IsEvent() && h.Size > eventBytes {
		return fmt.Errorf("%v of %d bytes, at most %d are allowed: %w", h.Type, h.Size, eventBytes, frame.ErrPeer)
	}
	ch := r.conn.channel(h.Channel)
	if ch == nil {
		r.conn.inbox.put(intent{kind: kindUnknown, id: h.Channel})
		return nil
	}
	var buf buffer.Buffer
	if h.Type.IsEvent() {
		buf = buffer.Unpooled(make([]byte, h.Size), h.Type)
	} else {
		var err error
		if buf, err = ch.TakeBuffer(h.Size); err != nil {
			ch.OnError(&RemoteTransportError{Peer: r.conn.peer, Text: "cannot take a buffer", Cause: err})
			return nil
		}
		r.foresight.behind(h, buf.Cap())
		buf = buf.With(h.Size, h.Type, h.Compressed)
	}
	r.body.channel, r.body.buf, r.body.missing, r.body.skip = ch, buf, buf.Bytes(), 0
	return nil
}

// stepBody moves what was read ahead into the body and hands it over when it is whole.
func (r *clientReceiver) stepBody() (more bool, err error) {
	b := &r.body
	n := copy(b.missing, r.ahead[r.from:r.to])
	b.missing = b.missing[n:]
	r.from += n
	dropped := min(b.skip, r.to-r.from)
	b.skip -= dropped
	r.from += dropped
	if len(b.missing) > 0 || b.skip > 0 {
		return false, nil
	}
	done := *b
	r.body = body{}
	r.buffers++
	r.whole++
	r.tally.buffer(done.header.Type)
	switch {
	case done.channel == nil:
	case done.header.Size == 0:
		done.channel.OnEmptyBuffer(done.buf, done.header.Sequence, done.header.Backlog)
	default:
		done.channel.OnBuffer(done.buf, done.header.Sequence, done.header.Backlog)
	}
	return true, nil
}

// handle deals with the producer's other messages.
func (r *clientReceiver) handle(m *frame.Response) error {
	switch m.ID {
	case frame.IDBacklogAnnouncement:
		if ch := r.conn.channel(m.Backlog.Channel); ch != nil {
			ch.OnBacklog(m.Backlog.Backlog)
		} else {
			r.conn.inbox.put(intent{kind: kindUnknown, id: m.Backlog.Channel})
		}
	case frame.IDErrorResponse:
		cause := &RemoteError{Class: m.Error.Cause.Class, Message: m.Error.Cause.Message}
		if m.Error.Fatal {
			return &RemoteTransportError{Peer: r.conn.peer, Text: "fatal error at the remote process", Cause: cause}
		}
		if cause.Class == frame.ClassPartitionNotFound {
			r.conn.notFound(m.Error.Channel, &PartitionNotFoundError{Message: cause.Message})
		} else if ch := r.conn.channel(m.Error.Channel); ch != nil {
			ch.OnError(&RemoteTransportError{Peer: r.conn.peer, Text: "error at the remote process", Cause: cause})
		}
	}
	return nil
}

// release gives back a buffer whose content never came whole.
func (r *clientReceiver) release() {
	if r.body.open && r.body.channel != nil {
		r.body.buf.Recycle()
	}
	r.body = body{}
}
