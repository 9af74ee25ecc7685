// run.go: records that lie whole and one behind the other in a buffer, cut without a call for each.

package serde

import "encoding/binary"

// Run is what remains of records that stand one behind the other in a buffer (Deserializer.NextRun). It is a value of four words whose only method is
// inlined: a loop over it keeps it in registers, where the position in a Deserializer is a load and a store that each record waits for.
type Run struct {
	rest  []byte // nil: no run
	taken uint64 // records cut off so far
}

// Next cuts the first record off: its payload, and the run behind it. Payload nil: what remains, if anything, is not a whole record.
func (r Run) Next() (payload []byte, rest Run) {
	if b := r.rest; len(b) >= LengthSize {
		if n := uint64(binary.BigEndian.Uint32(b)) + LengthSize; n <= uint64(len(b)) {
			return b[LengthSize:n:n], Run{b[n:], r.taken + 1}
		}
	}
	return nil, r
}
