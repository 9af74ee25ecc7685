// decoder.go: frames out of bytes that come in pieces: for recordings, taps and dissectors.

package frame

import "encoding/binary"

// Direction says who wrote a stream of bytes. The zero value leaves it open.
type Direction uint8

// Who writes.
const (
	AnyDirection Direction = iota
	FromConsumer
	FromProducer
)

// Frame is one whole frame of a stream.
type Frame struct {
	N      int   // number of the frame in the stream, from 0
	Offset int64 // of its first byte in the stream
	Header
	Body []byte // Header.BodyLength bytes, valid until the Decoder's next Feed

	// One of the two is filled, by Header.ID. Event and Content are slices of Body.
	Request  Request
	Response Response
}

// AppendTo appends the whole frame again.
func (f *Frame) AppendTo(dst []byte) []byte {
	if f.ID.FromProducer() {
		return f.Response.AppendTo(dst)
	}
	return f.Request.AppendTo(dst)
}

// Decoder takes one direction of one connection apart, in pieces of any size: Feed one, call Next until it has no more, and so
// on; Finish at the end. The zero value is ready. It holds at most one unfinished frame of MaxLength. Not for several goroutines.
//
// A live connection reads headers and bodies itself, straight to where they belong; see ParseHeader and ParseBufferHeader.
type Decoder struct {
	Direction Direction // set it before the first Feed and a message of the other side is a fault

	buf    []byte
	at     int   // what is before it has been returned
	offset int64 // of buf[at] in the stream
	frames int
	err    error
}

// Feed adds bytes. They are copied; frames returned before are no longer valid.
func (d *Decoder) Feed(b []byte) {
	if d.at > len(d.buf)/2 { // every byte is moved at most once for each that was returned
		d.buf = d.buf[:copy(d.buf, d.buf[d.at:])]
		d.at = 0
	}
	d.buf = append(d.buf, b...)
}

// Next returns the next whole frame. Without one it reports false: feed more. After a frame that is none it reports a
// *CorruptError with the offset where that frame begins, and the same again whenever it is asked.
func (d *Decoder) Next() (Frame, bool, error) {
	if d.err != nil {
		return Frame{}, false, d.err
	}
	rest := d.buf[d.at:]
	if len(rest) < HeaderSize {
		return Frame{}, false, nil
	}
	h, err := ParseHeader(rest)
	if err == nil {
		err = d.checkDirection(h.ID)
	}
	if err != nil {
		return d.fail(err)
	}
	if len(rest) < h.Length {
		return Frame{}, false, nil
	}
	f := Frame{N: d.frames, Offset: d.offset, Header: h, Body: rest[HeaderSize:h.Length:h.Length]}
	if h.ID.FromProducer() {
		f.Response, err = ParseResponse(h.ID, f.Body)
	} else {
		f.Request, err = ParseRequest(h.ID, f.Body)
	}
	if err != nil {
		return d.fail(err)
	}
	d.at += h.Length
	d.offset += int64(h.Length)
	d.frames++
	return f, true, nil
}

// Finish says whether the stream ended where a frame ends: nil, or what Next failed with, or a *CorruptError with the offset of
// the frame that is not whole.
func (d *Decoder) Finish() error {
	rest := d.buf[d.at:]
	if d.err != nil || len(rest) == 0 {
		return d.err
	}
	err := corruptf(reasonTorn, "%d bytes of its header", len(rest))
	if len(rest) >= HeaderSize {
		err = corruptf(reasonTorn, "%d bytes of %d", len(rest), binary.BigEndian.Uint32(rest))
	}
	_, _, d.err = d.fail(err)
	return d.err
}

// Offset is where the next frame begins, or where the stream went wrong.
func (d *Decoder) Offset() int64 { return d.offset }

func (d *Decoder) checkDirection(id MessageID) error {
	if d.Direction == AnyDirection || id.FromProducer() == (d.Direction == FromProducer) {
		return nil
	}
	return corruptf(reasonUnknownMessage, "%v from the wrong side", id)
}

func (d *Decoder) fail(err error) (Frame, bool, error) {
	if corrupt, ok := err.(*CorruptError); ok {
		corrupt.Offset = d.offset
	}
	d.err = err
	return Frame{}, false, err
}
