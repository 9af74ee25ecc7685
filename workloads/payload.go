// payload.go: bytes that look like somebody's.

package workloads

import "math/rand/v2"

// payloads hands out payloads that differ from each other and cannot be compressed. They are
// pieces of one random block, so that making one costs nothing; the same seed gives the same ones.
type payloads struct {
	block []byte
	at    int
}

// payloadStride is by how much a piece begins after the one before: odd, so that a stream comes back to the
// same piece only after as many records as the block is long, or a divisor of that.
const payloadStride = 4099

// newPayloads makes payloads of up to sizeMax bytes.
func newPayloads(sizeMax int, seed uint64) *payloads {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	block := make([]byte, 64<<10+sizeMax)
	_, _ = rand.NewChaCha8(key).Read(block) // it never fails
	return &payloads{block: block}
}

// next is the next payload: it must not be written to, and stays as it is. size must not be above sizeMax.
func (p *payloads) next(size int) []byte {
	if p.at += payloadStride; p.at+size > len(p.block) {
		p.at %= len(p.block) - size + 1
	}
	return p.block[p.at : p.at+size : p.at+size]
}
