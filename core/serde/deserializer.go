// deserializer.go: records out of buffers that cut them anywhere.

package serde

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// Memory for gathering spanning records: it starts small and doubles with what has arrived, never by what a length promises;
// what grew beyond keptCapacity is let go after its record.
const (
	firstCapacity = 1 << 10
	keptCapacity  = 1 << 20
)

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
//	...
//	d.Reset() // in the end
type Deserializer struct {
	buffer   []byte
	progress uint64 // how many bytes of buffer were looked at in the low half, in the high one how many records have ended in it

	// A record that began in an earlier buffer, if gathering: its length, as far as it is known, and its beginning.
	state     state
	lengthHas int // bytes of length that are there, up to LengthSize
	length    [LengthSize]byte
	gathered  []byte
	spill     *spill // instead of gathered, if it is too large for memory

	o   Options
	end int64 // offset in the stream of what follows the buffer
	err error
}

// state is where a Deserializer is with records that are not whole in one buffer.
type state uint8

const (
	between   state = iota // at the beginning of a record
	gathering              // in the middle of one
	spilled                // behind one whose payload is a mapped file, which the caller looks at
)

// NewDeserializer makes a Deserializer for one channel. Options that do not pass Validate panic.
func NewDeserializer(o Options) *Deserializer {
	if err := o.Validate(); err != nil {
		panic(err)
	}
	return &Deserializer{o: o.complete()}
}

// SetBuffer gives the bytes of the next buffer. They stay the caller's, and must stay as they are until Next reports false or, if
// the caller looks at Remaining, until nothing remains and the last payload is done with. The buffer before must be used up.
func (d *Deserializer) SetBuffer(b []byte) {
	if d.err != nil {
		d.progress = 0
		return // nobody knows what these bytes are
	}
	if n := d.Remaining(); n > 0 {
		panic(fmt.Sprintf("serde: a new buffer while %d bytes of the last one are unread", n))
	}
	if d.state == spilled {
		d.endSpill()
	}
	if uint64(len(b)) > math.MaxUint32 {
		panic(fmt.Sprintf("serde: a buffer of %d bytes: positions are 32 bits wide", len(b)))
	}
	d.buffer, d.progress = b, 0
	d.end += int64(len(b))
}

// Next returns the payload of the next record, to be read and valid until the next call of Next, SetBuffer or Reset: a piece of the buffer if
// the whole record is in it, else gathered. It reports false when the buffer is used up; the beginning of a record at its end has then been
// copied, so that the buffer can be given back.
//
// A length that cannot be is a *LengthError, a record for which there is no room on the disk a *SpillError. An error stays until Reset, and
// the buffer can be given back.
func (d *Deserializer) Next() (payload []byte, ok bool, err error) {
	progress := d.progress
	if b := d.buffer[uint32(progress):]; len(b) >= LengthSize && d.state == between {
		n := uint64(binary.BigEndian.Uint32(b)) + LengthSize
		if n <= uint64(len(b)) && n <= uint64(d.o.MaxRecord)+LengthSize {
			d.progress = progress + n + oneRecord
			return b[LengthSize:n:n], true, nil
		}
	}
	return d.nextSpanning()
}

// NextRun is Next for a loop that must not call for every record: it returns the next record, whole or gathered, and the run of those behind it that
// lie whole in the buffer. done is what the caller left of the run before, the zero Run at first; every record that was taken from it counts
// as returned. A payload of nil means what ok == false means in Next.
//
//	var run serde.Run
//	for {
//		payload, rest := run.Next()
//		if payload == nil {
//			if payload, rest, err = d.NextRun(run); payload == nil {
//				break
//			}
//		}
//		run = rest
//		...
//	}
func (d *Deserializer) NextRun(done Run) (payload []byte, behind Run, err error) {
	if done.rest != nil {
		d.progress += uint64(d.Remaining()-len(done.rest)) + done.taken()*oneRecord
	}
	payload, ok, err := d.Next()
	if !ok {
		return nil, Run{}, err
	}
	if b := d.rest(); d.state == between && len(b) <= d.o.MaxRecord {
		behind.rest = b
	}
	return payload, behind, nil
}

// nextSpanning goes on with a record that is not whole in one buffer, or begins one.
func (d *Deserializer) nextSpanning() ([]byte, bool, error) {
	switch {
	case d.err != nil:
		return nil, false, d.err
	case d.state == spilled:
		d.endSpill()
		return d.Next()
	case d.state == between && d.Remaining() == 0:
		return nil, false, nil
	case d.state == between:
		d.begin()
	}
	if d.lengthHas < LengthSize {
		n := copy(d.length[d.lengthHas:], d.rest())
		d.progress += uint64(n)
		if d.lengthHas += n; d.lengthHas < LengthSize {
			return nil, false, nil
		}
		if n := d.promised(); n > uint32(d.o.MaxRecord) {
			return d.fail(&LengthError{Length: int32(n), Max: d.o.MaxRecord, Offset: d.offset() - LengthSize})
		}
	}
	missing := int(d.promised()) - d.has()
	n := min(missing, d.Remaining())
	piece := d.rest()[:n:n]
	d.progress += uint64(n)
	switch {
	case n == missing && d.has() == 0: // only its length was cut off
		d.state = between
		d.progress += oneRecord
		return piece, true, nil
	case n > 0:
		if err := d.gather(piece); err != nil {
			return d.fail(err)
		}
	}
	if n < missing {
		return nil, false, nil
	}
	return d.whole()
}

// begin starts to gather.
func (d *Deserializer) begin() {
	d.state, d.lengthHas, d.gathered = gathering, 0, d.gathered[:0]
	if cap(d.gathered) > keptCapacity {
		d.gathered = nil
	}
}

// gather adds to the beginning of the record that is there.
func (d *Deserializer) gather(b []byte) (err error) {
	if n := int(d.promised()); n > d.o.SpillThreshold {
		if d.spill == nil {
			d.spill, err = newSpill(d.o.TempDirs, n)
		}
		if err == nil {
			err = d.spill.append(b)
		}
		return d.explain(err)
	}
	if need := len(d.gathered) + len(b); need > cap(d.gathered) {
		grown := make([]byte, len(d.gathered), min(max(need, 2*cap(d.gathered), firstCapacity), max(int(d.promised()), firstCapacity)))
		copy(grown, d.gathered)
		d.gathered = grown
	}
	d.gathered = append(d.gathered, b...)
	return nil
}

// whole hands out the gathered record.
func (d *Deserializer) whole() ([]byte, bool, error) {
	if d.spill == nil {
		d.state = between
		d.progress += oneRecord
		return d.gathered, true, nil
	}
	payload, err := d.spill.payload()
	if err != nil {
		return d.fail(d.explain(err))
	}
	d.state = spilled
	d.progress += oneRecord
	return payload, true, nil
}

// endSpill forgets a record in a file.
func (d *Deserializer) endSpill() {
	d.spill.release()
	d.state, d.spill = between, nil
}

// explain says which record the file system did not take.
func (d *Deserializer) explain(err error) error {
	if err == nil {
		return nil
	}
	return &SpillError{Length: int(d.promised()), Threshold: d.o.SpillThreshold, Err: err}
}

// fail gives the stream up.
func (d *Deserializer) fail(err error) ([]byte, bool, error) {
	records := d.Records()
	d.Reset()
	d.err, d.progress = err, records*oneRecord
	return nil, false, err
}

// promised is the length in front of the gathered record.
func (d *Deserializer) promised() uint32 { return binary.BigEndian.Uint32(d.length[:]) }

// has is how many bytes of the record are gathered.
func (d *Deserializer) has() int {
	if d.spill != nil {
		return d.spill.size()
	}
	return len(d.gathered)
}

// rest is what of the buffer has not been looked at.
func (d *Deserializer) rest() []byte { return d.buffer[uint32(d.progress):] }

// oneRecord is what progress grows by for a record, besides its bytes: one addition counts both, so that counting records costs nothing.
const oneRecord = 1 << 32

// Records is how many records Next has returned since SetBuffer. It costs them nothing.
func (d *Deserializer) Records() uint64 { return d.progress / oneRecord }

// offset is where rest begins in the stream.
func (d *Deserializer) offset() int64 { return d.end - int64(d.Remaining()) }

// Remaining is how many bytes of the buffer have not been looked at. When it is 0 and the last payload is done with, the buffer
// can be given back without another Next.
func (d *Deserializer) Remaining() int { return len(d.buffer) - int(uint32(d.progress)) }

// Partial reports whether the beginning of a record waits for its end.
func (d *Deserializer) Partial() bool { return d.state == gathering }

// Unconsumed is how many bytes no returned payload held: the beginning of a record, with its length as far as it is there, and what
// remains of the buffer.
func (d *Deserializer) Unconsumed() int {
	n := d.Remaining()
	if d.state == gathering {
		n += d.lengthHas + d.has()
	}
	return n
}

// UnconsumedBytes reads those bytes, until the next call of another method. (Flink keeps them in unaligned checkpoints.)
func (d *Deserializer) UnconsumedBytes() io.Reader {
	rest := bytes.NewReader(d.rest())
	if d.state != gathering {
		return rest
	}
	var beginning io.Reader = bytes.NewReader(d.gathered)
	if d.spill != nil {
		beginning = d.spill.reader()
	}
	return io.MultiReader(bytes.NewReader(d.length[:d.lengthHas]), beginning, rest)
}

// Reset forgets everything, as if the stream began anew, and gives back memory and file. It is also the last call, if the channel ends
// within a record or its last payload was a large one.
func (d *Deserializer) Reset() {
	if d.spill != nil {
		d.spill.release()
	}
	*d = Deserializer{o: d.o}
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
