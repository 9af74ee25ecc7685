// client_foresee.go: several full buffers with one read, each into memory where it stays.

package net

import (
	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// foreseen is how many frames a read takes at once where full buffers follow one another: 256 KiB. A read by itself costs as much as copying 3 KiB.
const foreseen = 8

// foresight is what the receiver expects behind a full buffer: more of them. Whose they are their headers will tell; so they are read into spare segments,
// and a channel's buffer changes its memory for that of the spare one with its content, as one segment is as good as another. What turns out
// to be something else is copied to where it would have been read without foresight.
//
// Spare segments are the connection's own and in no pool: 256 KiB once the first full buffer has come. What they exchange is a pool's memory, so they end,
// with the connection, before it.
type foresight struct {
	size  int // of the contents expected, bytes; 0: nothing is
	read  int // of those that the last read was into
	spare []*buffer.Segment
	heads [foreseen][frame.BufferResponseSize]byte
}

// behind sets what to expect behind a content of a segment of that size.
func (f *foresight) behind(h frame.BufferHeader, segmentSize int) {
	f.size = 0
	if h.Size == segmentSize && h.Size >= bulkBody {
		f.size = h.Size
	}
}

// appendTo appends where to read what is expected now. Until the next read that stays as it is, whatever is expected behind what comes.
func (f *foresight) appendTo(vectors [][]byte) [][]byte {
	f.read = f.size
	if len(f.spare) > 0 && len(f.spare[0].Mem()) != f.read {
		f.spare = f.spare[:0] // of another gate, whose pool has other segments
	}
	for len(f.spare) < foreseen {
		f.spare = append(f.spare, buffer.NewSegment(f.read))
	}
	for i, s := range f.spare {
		vectors = append(vectors, f.heads[i][:], s.Mem())
	}
	return vectors
}

// cut is what of frame i has come if n bytes have from its beginning on, and how many have behind it.
func (f *foresight) cut(i, n int) (head, content []byte, behind int) {
	head = f.heads[i][:min(n, frame.BufferResponseSize)]
	n -= len(head)
	content = f.spare[i].Mem()[:min(n, f.read)]
	return head, content, n - len(content)
}

// matches reports whether the head is that of a full data buffer.
func (f *foresight) matches(head []byte) (h frame.BufferHeader, yes bool) {
	if len(head) < frame.BufferResponseSize {
		return h, false
	}
	message, err := frame.ParseHeader(head)
	if err != nil || message.ID != frame.IDBufferResponse || message.Length != frame.BufferResponseSize+f.read {
		return h, false
	}
	h, err = frame.ParseBufferHeader(head[frame.HeaderSize:])
	return h, err == nil && h.Type.IsBuffer() && h.Size == f.read
}

// place takes n bytes that came where they were foreseen.
func (r *clientReceiver) place(n int) error {
	f := &r.foresight
	for i := 0; i < len(f.spare) && n > 0; i++ {
		head, content, behind := f.cut(i, n)
		h, matches := f.matches(head)
		if !matches {
			r.straighten(head, content, i+1, behind)
			return nil
		}
		if err := r.openBody(h); err != nil {
			return err
		}
		if r.body.channel == nil || !r.body.buf.Swap(f.spare[i]) {
			r.straighten(nil, content, i+1, behind)
			return nil
		}
		r.body.missing = r.body.buf.Bytes()[len(content):]
		if len(r.body.missing) == 0 {
			if _, err := r.stepBody(); err != nil {
				return err
			}
		}
		n = behind
	}
	r.to = n
	return nil
}

// straighten puts what was read in pieces, a head, a content and the frames from next on, one behind the other in front of what was read ahead. n is how many
// bytes came behind that content.
func (r *clientReceiver) straighten(head, content []byte, next, n int) {
	pieces := append(r.vector[:0], head, content)
	total := len(head) + len(content) + n
	for i := next; i < len(r.foresight.spare) && n > 0; i++ {
		head, content, n = r.foresight.cut(i, n)
		pieces = append(pieces, head, content)
	}
	if total > len(r.ahead) {
		larger := make([]byte, total+bulkAhead)
		copy(larger[total-n:], r.ahead[:n])
		r.ahead = larger
	} else {
		copy(r.ahead[total-n:total], r.ahead[:n])
	}
	at := 0
	for _, p := range pieces {
		at += copy(r.ahead[at:], p)
	}
	r.to = total
}
