// reader.go: values out of a payload, one after the other, with one look at the end whether they took exactly the payload.

package serde

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Reader reads the values of one payload in order. The first thing that goes wrong is remembered, and everything read after it is
// zero: read it all, then ask Finish.
type Reader struct {
	payload []byte
	at      int
	err     *RecordError
}

// NewReader begins at the front of payload. Everything read is a copy, except what Bytes and Rest return.
func NewReader(payload []byte) Reader { return Reader{payload: payload} }

// Reset begins at the front of another payload. A Reader that is kept and reset costs no allocation; one that is handed to a
// Serializer anew for each record does.
func (r *Reader) Reset(payload []byte) { *r = Reader{payload: payload} }

// RecordError says that a payload is not what its reader takes it for.
type RecordError struct {
	Reason string
	At     int // byte in the payload
	Size   int // of the payload
}

// Error is the reason and where.
func (e *RecordError) Error() string {
	return fmt.Sprintf("%s (byte %d of a record of %d)", e.Reason, e.At, e.Size)
}

const (
	reasonOverread  = "Serializer consumed more bytes than the record had. This indicates broken serialization." // Flink's words
	reasonUnderread = "Serializer did not consume all bytes of the record. This indicates broken serialization."
)

// Finish reports what went wrong first, or else whether bytes are left over.
func (r *Reader) Finish() error {
	if r.err == nil && r.at < len(r.payload) {
		r.fail(reasonUnderread)
	}
	if r.err == nil {
		return nil
	}
	return r.err
}

// Remaining is how many bytes have not been read.
func (r *Reader) Remaining() int { return len(r.payload) - r.at }

func (r *Reader) fail(reason string) {
	if r.err == nil {
		r.err = &RecordError{Reason: reason, At: r.at, Size: len(r.payload)}
	}
}

// take returns the next n bytes, nil if there are not so many.
func (r *Reader) take(n int) []byte {
	if r.err != nil || n > len(r.payload)-r.at {
		r.fail(reasonOverread)
		return nil
	}
	r.at += n
	return r.payload[r.at-n : r.at : r.at]
}

// Int64 reads a Java long.
func (r *Reader) Int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// Int32 reads a Java int.
func (r *Reader) Int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// Int16 reads a Java short.
func (r *Reader) Int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Int8 reads a Java byte.
func (r *Reader) Int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

// Bool reads a Java boolean: anything but 0 is true.
func (r *Reader) Bool() bool { return r.Int8() != 0 }

// Char reads a Java char, a UTF-16 code unit.
func (r *Reader) Char() uint16 { return uint16(r.Int16()) }

// Float64 reads a Java double.
func (r *Reader) Float64() float64 { return math.Float64frombits(uint64(r.Int64())) }

// Float32 reads a Java float.
func (r *Reader) Float32() float32 { return math.Float32frombits(uint32(r.Int32())) }

// Bytes reads a length and that many bytes, which stay the payload's.
func (r *Reader) Bytes() []byte { return r.take(r.count(1)) }

// Rest reads everything that is left; it stays the payload's.
func (r *Reader) Rest() []byte { return r.take(r.Remaining()) }

// count reads the number of elements of an array, list or map, each of which takes at least size bytes. What cannot be there is
// found here, before anyone makes room for it.
func (r *Reader) count(size int) int {
	n := int(r.Int32())
	if n < 0 {
		r.at -= 4
		r.fail(fmt.Sprintf("%d elements", n))
	}
	if r.err != nil || n*size > r.Remaining() {
		r.fail(reasonOverread)
		return 0
	}
	return n
}
