// record.go: the records: how they are made, and how a sink finds out that it got the right ones.

package field

import (
	"bytes"
	"encoding/binary"

	"xbench/harness"
)

// A record is framed as ours are: four bytes of length, big endian, and the payload. The payload begins with the record's number in
// its channel. A long is nothing but the number; a stamped record goes on with the instant at which it was due (0: nobody asks), and the filler.
const (
	lengthSize     = 4
	longSize       = 8
	longFramed     = lengthSize + longSize
	stampedSizeMin = 16
)

// filler is what stamped records end with.
var filler = func() []byte {
	f := make([]byte, batchSize)
	x := uint64(0x9E3779B97F4A7C15)
	for i := range f {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		f[i] = byte(x)
	}
	return f
}()

// stamped is a record of 16 bytes and more. It is a serde.Record.
type stamped struct {
	number uint64
	due    int64
	size   int
}

// Size is the number of bytes that AppendTo appends.
func (r *stamped) Size() int { return r.size }

// AppendTo appends the payload.
func (r *stamped) AppendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, r.number)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.due))
	return append(dst, filler[:r.size-stampedSizeMin]...)
}

// stampBit marks a long that is an instant rather than a number: one in a chunk is.
const stampBit = 1 << 63

// nextLong is the i-th long of a chunk, entered in the books of the channel that it goes to.
func nextLong(e *harness.Entry, i int, now int64) (v uint64) {
	if i == 0 {
		v = stampBit | uint64(now)
		e.Word(v)
		return v
	}
	v = e.Count
	e.Count++
	return v
}

// The numbers of a channel are 0, 1, 2, ... in this order, so that counting is all the books that the right ones need: a sink compares a long with
// its count. Any other payload is for enterOther, which enters it so that it changes the digest, and tells the instant if it is one.
func enterOther(e *harness.Entry, p []byte) (due int64) {
	if len(p) != longSize {
		e.Bytes(p)
		return 0
	}
	v := binary.BigEndian.Uint64(p)
	e.Word(v)
	if v&stampBit != 0 {
		return int64(v &^ stampBit)
	}
	return 0
}

// enterStamped enters a stamped record that arrived, and tells the instant in it.
func enterStamped(e *harness.Entry, p []byte, size int) (due int64) {
	if len(p) != size || !bytes.Equal(p[stampedSizeMin:], filler[:size-stampedSizeMin]) {
		e.Bytes(p)
		return 0
	}
	if v := binary.BigEndian.Uint64(p); v != e.Count {
		e.Word(v)
		return 0
	}
	e.Count++
	return int64(binary.BigEndian.Uint64(p[8:]))
}
