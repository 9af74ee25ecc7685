// framing.go: a record's way into bytes.

package serde

import (
	"encoding/binary"
	"fmt"
	"math"
)

// LengthSize is what stands in front of every payload: its length as a big-endian int.
const LengthSize = 4

// Record is anything that can be written to a channel.
type Record interface {
	Size() int                  // bytes that AppendTo appends, the length in front not included
	AppendTo(dst []byte) []byte // the payload
}

// AppendFramed appends r with its length in front. A record that appends another number of bytes than its Size says panics: the
// length would be wrong, and everything behind it.
func AppendFramed(dst []byte, r Record) []byte {
	size := r.Size()
	if size < 0 || size > math.MaxInt32 {
		panic(fmt.Sprintf("serde: a record of %d bytes, allowed are 0 to %d", size, math.MaxInt32))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	from := len(dst)
	dst = r.AppendTo(dst)
	if len(dst)-from != size {
		panic(fmt.Sprintf("serde: a record appended %d bytes, its Size says %d", len(dst)-from, size))
	}
	return dst
}

// Bytes is a payload that is ready made.
type Bytes []byte

// Size is the number of bytes.
func (b Bytes) Size() int { return len(b) }

// AppendTo appends the bytes.
func (b Bytes) AppendTo(dst []byte) []byte { return append(dst, b...) }
