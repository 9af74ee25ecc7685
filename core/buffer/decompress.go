// decompress.go: compressed contents back to what they were, in place. What they claim about themselves comes from a peer and is not believed.

package buffer

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// A CompressionError says that a compressed content cannot be decompressed: it is broken, would not fit, or was compressed by another codec. Whoever
// sent it is at fault, or whoever configured the two ends.
type CompressionError struct {
	Codec Codec  // of this end
	Size  int    // of the content in bytes
	Why   string // with the numbers
	Cause error  // what the codec said, or nil
}

func (e *CompressionError) Error() string {
	s := fmt.Sprintf("a compressed buffer of %d bytes cannot be decompressed (%v): %s", e.Size, e.Codec, e.Why)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *CompressionError) Unwrap() error { return e.Cause }

// A Decompressor is the other end of a Compressor. It keeps about as much memory as the longest compressed content that it has seen, and the
// tables of its codec. Not for several goroutines at once: one per gate. After Flink's BufferDecompressor.
type Decompressor struct {
	codec   Codec
	unpack  func(dst, src []byte) (int, error) // fills dst, and never grows it
	scratch []byte
}

// NewDecompressor makes the decompressor of a codec that Check accepts. That of NoCodec decompresses nothing: a compressed buffer is an error.
func NewDecompressor(c Codec) *Decompressor {
	d := &Decompressor{codec: c}
	switch c {
	case DefaultCodec, LZ4:
		d.unpack = func(dst, src []byte) (int, error) { return lz4.UncompressBlock(src, dst) }
	case Zstd:
		r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			panic(fmt.Sprintf("buffer: a zstd decoder: %v", err))
		}
		d.unpack = unpackZstd(r)
	case NoCodec:
	default:
		panic(fmt.Sprintf("buffer: a decompressor for %v", c))
	}
	return d
}

func unpackZstd(r *zstd.Decoder) func(dst, src []byte) (int, error) {
	return func(dst, src []byte) (int, error) {
		out, err := r.DecodeAll(src, dst[:0:len(dst)])
		return len(out), err
	}
}

// Decompress makes b's content what it was before it was compressed, in place, and returns b with its new length; or b as it is if it is not
// compressed. So memory is that of b's segment, which has to be as large as the one that was compressed. The reference is the same, also when there is
// an error (*CompressionError): then its content is lost. Panics when it is not the only reference.
func (d *Decompressor) Decompress(b Buffer) (Buffer, error) {
	if !b.compressed {
		return b, nil
	}
	b.alone()
	content := b.Bytes()
	original, why := d.claim(content, b.Cap())
	if why != "" {
		return b, &CompressionError{Codec: d.codec, Size: len(content), Why: why}
	}
	d.scratch = append(d.scratch[:0], content[blockHeaderSize:]...)
	b = b.With(original, b.typ, false)
	n, err := d.unpack(b.Bytes(), d.scratch)
	if err != nil {
		return b, &CompressionError{Codec: d.codec, Size: len(content), Why: "its block is broken", Cause: err}
	}
	if n != original {
		why = fmt.Sprintf("it claims %d bytes of content, and has %d", original, n)
		return b, &CompressionError{Codec: d.codec, Size: len(content), Why: why}
	}
	return b, nil
}

// claim is the original length that a content claims, or why that cannot be.
func (d *Decompressor) claim(content []byte, room int) (original int, why string) {
	if d.unpack == nil {
		return 0, "compression is off at this end"
	}
	if len(content) <= blockHeaderSize {
		return 0, fmt.Sprintf("its header and at least one byte need %d", blockHeaderSize+1)
	}
	packed, unpacked := binary.LittleEndian.Uint32(content), binary.LittleEndian.Uint32(content[4:])
	if int64(packed) != int64(len(content)-blockHeaderSize) {
		return 0, fmt.Sprintf("it claims a block of %d bytes, but has %d", packed, len(content)-blockHeaderSize)
	}
	if unpacked == 0 || int64(unpacked) > int64(room) {
		return 0, fmt.Sprintf("it claims %d bytes of content, and may have 1 to %d", unpacked, room)
	}
	return int(unpacked), ""
}
