// run.go: records that lie whole and one behind the other in a buffer, cut without a call for each.

package serde

import (
	"encoding/binary"
	"math"
)

// Run is what remains of records that stand one behind the other in a buffer (Deserializer.NextRun). It is a value of four words whose only method is
// inlined: a loop over it keeps it in registers, where the position in a Deserializer is a load and a store that each record waits for.
//
// Records tend to be as long as the one before. Where the next one begins is therefore not computed from the length that is read, which would make each
// record wait for the memory of the one before it, but from the length that was expected, once they have been found equal: processors go on ahead of
// such a comparison.
type Run struct {
	rest []byte // nil: no run
	book uint64 // records cut off so far in the low half, bytes of the last one's payload in the high half
}

// taken is how many records were cut off.
func (r Run) taken() uint64 { return r.book & math.MaxUint32 }

// Next cuts the first record off: its payload, and the run behind it. Payload nil: what remains, if anything, is not a whole record.
func (r Run) Next() (payload []byte, rest Run) {
	if b := r.rest; len(b) >= LengthSize {
		if n := uint64(binary.BigEndian.Uint32(b)); n != r.book>>32 {
			r.book = n<<32 | r.book&math.MaxUint32
		}
		if n := r.book>>32 + LengthSize; n <= uint64(len(b)) {
			return b[LengthSize:n:n], Run{b[n:], r.book + 1}
		}
	}
	return nil, r
}
