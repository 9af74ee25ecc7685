// compress.go: contents made smaller for a file or a socket, one buffer at a time, in place.

package buffer

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec says how contents are compressed. It is agreed upon outside of the protocol: a compressed buffer does not say by what.
type Codec uint8

const (
	DefaultCodec Codec = iota // LZ4, as in Flink
	LZ4                       // raw LZ4 blocks: fast
	Zstd                      // zstd frames: small
	NoCodec                   // contents stay as they are
)

// String is Flink's name of c.
func (c Codec) String() string {
	switch c {
	case DefaultCodec, LZ4:
		return "LZ4"
	case Zstd:
		return "ZSTD"
	case NoCodec:
		return "NONE"
	}
	return fmt.Sprintf("Codec(%d)", uint8(c))
}

// Check says whether c is one of the codecs above.
func (c Codec) Check() error {
	if c > NoCodec {
		return fmt.Errorf("buffer: %v: there are LZ4, ZSTD and NONE", c)
	}
	return nil
}

// What is in front of every compressed block, little-endian: its length without this header, and its length when decompressed.
const blockHeaderSize = 8

// A Compressor compresses the contents of data buffers, each by itself. It keeps about as much memory as a content has, and the tables of its
// codec (LZ4: 136 KiB, zstd: 1.4 MiB). Not for several goroutines at once: one per partition. After Flink's BufferCompressor.
type Compressor struct {
	pack    func(dst, src []byte) int // the length of the block in dst, or 0: it does not fit, or is not worth it
	scratch []byte
}

// NewCompressor makes the compressor of a codec that Check accepts. For NoCodec it is nil, and leaves everything as it is.
func NewCompressor(c Codec) *Compressor {
	switch c {
	case DefaultCodec, LZ4:
		return &Compressor{pack: packLZ4(new(lz4.Compressor))}
	case Zstd:
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(true), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(fmt.Sprintf("buffer: a zstd encoder: %v", err))
		}
		return &Compressor{pack: packZstd(e)}
	case NoCodec:
		return nil
	}
	panic(fmt.Sprintf("buffer: a compressor for %v", c))
}

func packLZ4(c *lz4.Compressor) func(dst, src []byte) int {
	return func(dst, src []byte) int {
		n, err := c.CompressBlock(src, dst)
		if err != nil {
			return 0 // it does not fit
		}
		return n
	}
}

func packZstd(e *zstd.Encoder) func(dst, src []byte) int {
	return func(dst, src []byte) int {
		if n := len(e.EncodeAll(src, dst[:0])); n <= len(dst) {
			return n
		}
		return 0 // it is longer, and somewhere else
	}
}

// packSlack is room behind the largest block that is worth sending: with it, an encoder that finds out too late that a block is not need not
// allocate. A zstd frame that compresses nothing is 18 bytes longer than its content.
const packSlack = 32

// Compress makes b's content a compressed block, in place, and returns b with its new length. It returns b as it is when it is no data, compressed
// already, or would not become smaller. The reference is the same; panics when it is not the only one: others would see their content change.
func (c *Compressor) Compress(b Buffer) Buffer {
	if c == nil || !b.typ.IsBuffer() || b.compressed || b.n <= blockHeaderSize {
		return b
	}
	b.alone()
	content := b.Bytes()
	if need := len(content) + packSlack; len(c.scratch) < need {
		c.scratch = make([]byte, need)
	}
	n := c.pack(c.scratch[blockHeaderSize:len(content)-1], content)
	if n == 0 {
		return b
	}
	binary.LittleEndian.PutUint32(c.scratch, uint32(n))
	binary.LittleEndian.PutUint32(c.scratch[4:], uint32(len(content)))
	return b.With(copy(content, c.scratch[:blockHeaderSize+n]), b.typ, true)
}

// alone panics unless b is the only reference to its segment.
func (b Buffer) alone() {
	b.seg.check(b.turn)
	if old := b.seg.state.Load(); refsOf(old) != 1 {
		panic("buffer: rewriting a content that others read: " + b.seg.describe(old))
	}
}
