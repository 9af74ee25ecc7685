// deserializer.go: records out of buffers that cut them anywhere.

package serde

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DefaultMaxRecord is the longest payload that a Deserializer accepts if not told otherwise: 256 MiB. Flink takes up to 2 GiB and
// gathers records beyond 5 MiB in a file; here they are gathered in memory, and something must bound what a broken length costs.
const DefaultMaxRecord = 256 << 20

// Memory for gathering spanning records: it starts small and doubles with what has arrived, never by what a length promises;
// what grew beyond keptCapacity is let go after its record.
const (
	firstCapacity = 1 << 10
	keptCapacity  = 1 << 20
)

// Options of a Deserializer.
type Options struct {
	MaxRecord int // longest payload in bytes; 0: DefaultMaxRecord
}

// Deserializer takes the buffers of one channel (with a range of subpartitions: of one of its subpartitions) and gives back the
// payloads of the records. Events between the buffers do not concern it: a record may begin before one and end behind it. It
// belongs to the goroutine that reads the channel.
//
//	d.SetBuffer(b)
//	for {
//		payload, ok, err := d.Next()
//		...
//		if !ok { break } // b may be given back now
//	}
type Deserializer struct {
	rest []byte // of the buffer, not yet looked at

	// A record that began in an earlier buffer, if gathering: its length, as far as it is known, and its beginning.
	gathering bool
	lengthHas int // bytes of length that are there, up to LengthSize
	length    [LengthSize]byte
	gathered  []byte

	max int
	end int64 // offset in the stream of what follows the buffer
	err error
}

// NewDeserializer makes a Deserializer for one channel.
func NewDeserializer(o Options) *Deserializer {
	if o.MaxRecord < 0 || o.MaxRecord > math.MaxInt32 {
		panic(fmt.Sprintf("serde: MaxRecord %d, allowed are 0 to %d", o.MaxRecord, math.MaxInt32))
	}
	if o.MaxRecord == 0 {
		o.MaxRecord = DefaultMaxRecord
	}
	return &Deserializer{max: o.MaxRecord}
}

// SetBuffer gives the bytes of the next buffer. They stay the caller's, and must stay as they are until Next reports false or, if
// the caller looks at Remaining, until nothing remains and the last payload is done with. The buffer before must be used up.
func (d *Deserializer) SetBuffer(b []byte) {
	if len(d.rest) > 0 {
		panic(fmt.Sprintf("serde: a new buffer while %d bytes of the last one are unread", len(d.rest)))
	}
	d.rest = b
	d.end += int64(len(b))
}

// Next returns the payload of the next record, valid until the next call: a piece of the buffer if the whole record is in it, else
// gathered. It reports false when the buffer is used up; the beginning of a record at its end has then been copied, so that the
// buffer can be given back. A length that cannot be is a *LengthError, which stays.
func (d *Deserializer) Next() (payload []byte, ok bool, err error) {
	if b := d.rest; len(b) >= LengthSize && !d.gathering {
		n := uint64(binary.BigEndian.Uint32(b)) + LengthSize
		if n <= uint64(len(b)) && n <= uint64(d.max)+LengthSize {
			d.rest = b[n:]
			return b[LengthSize:n:n], true, nil
		}
	}
	return d.nextSpanning()
}

// nextSpanning goes on with a record that is not whole in one buffer, or begins one.
func (d *Deserializer) nextSpanning() ([]byte, bool, error) {
	if d.err != nil {
		return nil, false, d.err
	}
	if !d.gathering {
		if len(d.rest) == 0 {
			return nil, false, nil
		}
		d.begin()
	}
	if d.lengthHas < LengthSize {
		n := copy(d.length[d.lengthHas:], d.rest)
		d.rest = d.rest[n:]
		if d.lengthHas += n; d.lengthHas < LengthSize {
			return nil, false, nil
		}
		if n := d.promised(); n > uint32(d.max) {
			d.err = &LengthError{Length: int32(n), Max: d.max, Offset: d.offset() - LengthSize}
			return nil, false, d.err
		}
	}
	missing := int(d.promised()) - len(d.gathered)
	n := min(missing, len(d.rest))
	d.gather(d.rest[:n])
	d.rest = d.rest[n:]
	if n < missing {
		return nil, false, nil
	}
	d.gathering = false
	return d.gathered, true, nil
}

// begin starts to gather.
func (d *Deserializer) begin() {
	d.gathering, d.lengthHas, d.gathered = true, 0, d.gathered[:0]
	if cap(d.gathered) > keptCapacity {
		d.gathered = nil
	}
}

// gather appends to the gathered beginning, in memory that grows with what arrives.
func (d *Deserializer) gather(b []byte) {
	if need := len(d.gathered) + len(b); need > cap(d.gathered) {
		grown := make([]byte, len(d.gathered), min(max(need, 2*cap(d.gathered), firstCapacity), max(need, d.max)))
		copy(grown, d.gathered)
		d.gathered = grown
	}
	d.gathered = append(d.gathered, b...)
}

// promised is the length in front of the gathered record.
func (d *Deserializer) promised() uint32 { return binary.BigEndian.Uint32(d.length[:]) }

// offset is where rest begins in the stream.
func (d *Deserializer) offset() int64 { return d.end - int64(len(d.rest)) }

// Remaining is how many bytes of the buffer have not been looked at. When it is 0 and the last payload is done with, the buffer
// can be given back without another Next.
func (d *Deserializer) Remaining() int { return len(d.rest) }

// Partial reports whether the beginning of a record waits for its end.
func (d *Deserializer) Partial() bool { return d.gathering }

// Unconsumed returns a copy of every byte that no returned payload held: the beginning of a record, with its length as far as it
// is there, and what remains of the buffer. (Flink keeps them in unaligned checkpoints.)
func (d *Deserializer) Unconsumed() []byte {
	var out []byte
	if d.gathering {
		out = append(out, d.length[:d.lengthHas]...)
		out = append(out, d.gathered...)
	}
	return append(out, d.rest...)
}

// Reset forgets everything, as if the stream began anew.
func (d *Deserializer) Reset() {
	*d = Deserializer{max: d.max, gathered: d.gathered[:0]}
}

// LengthError is the length of a record that cannot be: negative, or above the limit. Whoever sent it is broken, or the bytes
// are not records.
type LengthError struct {
	Length int32
	Max    int
	Offset int64 // of the length in the channel's stream of data bytes
}

// Error says what the length is, and where.
func (e *LengthError) Error() string {
	return fmt.Sprintf("corrupt record stream: a record of %d bytes at offset %d, allowed are 0 to %d", e.Length, e.Offset, e.Max)
}
