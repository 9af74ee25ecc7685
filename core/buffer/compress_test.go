// compress_test.go: every codec there and back, what is not compressed, what hostile peers may claim, and what it costs.

package buffer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

var codecs = []Codec{LZ4, Zstd}

// nobody is the recycler of segments that nothing else is done with.
type nobody struct{}

func (nobody) Recycle(*Segment) {}

// filled is a data buffer with a content, in a segment of so many bytes.
func filled(size int, content []byte) Buffer {
	b := NewSegment(size).Lend(nobody{}, -1)
	b = b.With(len(content), DataBuffer, false)
	copy(b.Bytes(), content)
	return b
}

// text is n bytes that compress well, noise n bytes that do not.
func text(n int) []byte {
	var out []byte
	for i := 0; len(out) < n; i++ {
		out = fmt.Appendf(out, "record %d of many, ", i%97)
	}
	return out[:n]
}

func noise(n int) []byte {
	rng := rand.NewChaCha8([32]byte{1})
	out := make([]byte, n)
	_, _ = rng.Read(out)
	return out
}

func TestCompressionThereAndBack(t *testing.T) {
	for _, codec := range codecs {
		for _, size := range []int{1 << 10, 4 << 10, 32 << 10, 64 << 10, 1 << 20} {
			t.Run(fmt.Sprintf("%v/%d", codec, size), func(t *testing.T) {
				c, d := NewCompressor(codec), NewDecompressor(codec)
				half := append(text(size/2), noise(size/2)...)
				for i, content := range [][]byte{text(size), make([]byte, size), text(size / 3), half, text(100), text(size)} {
					b := filled(size, content)
					packed := c.Compress(b)
					if !packed.Compressed() || packed.Len() >= len(content) || packed.Type() != DataBuffer {
						t.Fatalf("content %d: %d bytes became %v, compressed %v", i, len(content), packed, packed.Compressed())
					}
					again, err := d.Decompress(packed)
					if err != nil {
						t.Fatal(err)
					}
					if again.Compressed() || again.Type() != DataBuffer || !bytes.Equal(again.Bytes(), content) {
						t.Fatalf("content %d: %v differs from the %d bytes that were compressed", i, again, len(content))
					}
					again.Recycle()
				}
			})
		}
	}
}

// The header of a compressed content: two little-endian lengths in front of one block of the bare format (wire.md 7).
func TestCompressedContentsAreFlinks(t *testing.T) {
	content := text(4 << 10)
	for _, codec := range codecs {
		b := NewCompressor(codec).Compress(filled(4<<10, content))
		block := b.Bytes()
		if n := int(binary.LittleEndian.Uint32(block)); n != len(block)-8 {
			t.Errorf("%v: compressed length %d of %d bytes", codec, n, len(block)-8)
		}
		if n := int(binary.LittleEndian.Uint32(block[4:])); n != len(content) {
			t.Errorf("%v: original length %d, want %d", codec, n, len(content))
		}
		out := make([]byte, len(content))
		var err error
		if codec == LZ4 {
			_, err = lz4.UncompressBlock(block[8:], out)
		} else {
			var r *zstd.Decoder
			if r, err = zstd.NewReader(nil); err == nil {
				out, err = r.DecodeAll(block[8:], out[:0])
				r.Close()
			}
		}
		if err != nil || !bytes.Equal(out, content) {
			t.Errorf("%v: the block is not the content: %v", codec, err)
		}
		b.Recycle()
	}
}

// What would not become smaller, is no data, or is compressed already, stays as it is; so does everything without a codec.
func TestWhatIsNotCompressed(t *testing.T) {
	for _, codec := range append(codecs, NoCodec) {
		c := NewCompressor(codec)
		for name, b := range map[string]Buffer{
			"noise":      filled(4096, noise(4096)),
			"less noise": filled(4096, noise(100)),
			"nothing":    filled(4096, nil),
			"a few":      filled(4096, make([]byte, 8)),
			"an event":   Unpooled(make([]byte, 4096), EventBuffer),
			"compressed": filled(4096, text(4096)).With(4096, DataBuffer, true),
		} {
			before := bytes.Clone(b.Bytes())
			if after := c.Compress(b); after != b || !bytes.Equal(after.Bytes(), before) {
				t.Errorf("%v: %s became %v", codec, name, after)
			}
		}
	}
	plain := filled(64, text(10))
	if again, err := NewDecompressor(LZ4).Decompress(plain); err != nil || again != plain {
		t.Errorf("decompressing what is not compressed gives %v, %v", again, err)
	}
}

// R: the result is never as long as the content. One byte less is what is sent, the same length is not.
func TestCompressionMustPay(t *testing.T) {
	for _, codec := range codecs {
		c := NewCompressor(codec)
		for n := 9; n < 200; n++ {
			content := append(noise(n/2), text(n-n/2)...)
			if b := c.Compress(filled(n, content)); b.Len() > n || b.Len() == n && b.Compressed() {
				t.Errorf("%v: %d bytes became %v, compressed %v", codec, n, b, b.Compressed())
			}
		}
	}
}

// A slice is compressed where it lies; its room is not more than its own bytes, so that it cannot come back there.
func TestCompressingASlice(t *testing.T) {
	content := text(4096)
	b := NewCompressor(LZ4).Compress(filled(4096, content).Slice(0, 3000))
	if _, err := NewDecompressor(LZ4).Decompress(b); err == nil {
		t.Error("a slice grew")
	}
	b = NewCompressor(LZ4).Compress(filled(4096, content).Slice(96, 4096))
	var e *CompressionError
	if _, err := NewDecompressor(LZ4).Decompress(b); !errors.As(err, &e) {
		t.Errorf("decompressing it without room gives %v", err)
	}
}

func TestRewritingNeedsTheOnlyReference(t *testing.T) {
	b := filled(4096, text(4096))
	other := b.Retain()
	panics(t, "others read", func() { NewCompressor(LZ4).Compress(b) })
	other.Recycle()
	b = NewCompressor(LZ4).Compress(b)
	other = b.Retain()
	panics(t, "others read", func() { _, _ = NewDecompressor(LZ4).Decompress(b) })
	other.Recycle()
	b.Recycle()
}

// hostile is a compressed content with claims of a peer's choice.
func hostile(size int, packed, original uint32, block []byte) Buffer {
	content := binary.LittleEndian.AppendUint32(nil, packed)
	content = append(binary.LittleEndian.AppendUint32(content, original), block...)
	return filled(size, content).With(len(content), DataBuffer, true)
}

// Claims are checked before anything is done with them.
func TestHostileClaims(t *testing.T) {
	block := func(codec Codec) []byte {
		b := NewCompressor(codec).Compress(filled(4096, text(4096)))
		return bytes.Clone(b.Bytes()[8:])
	}
	for _, codec := range codecs {
		good := block(codec)
		n := uint32(len(good))
		for _, c := range []struct {
			name string
			b    Buffer
			why  string
		}{
			{"nothing at all", filled(4096, nil).With(0, DataBuffer, true), "need 9"},
			{"half a header", filled(4096, good[:5]).With(5, DataBuffer, true), "need 9"},
			{"a header alone", hostile(4096, 0, 4096, nil), "need 9"},
			{"a longer block", hostile(4096, n+1, 4096, good), "claims a block of"},
			{"a shorter block", hostile(4096, n-1, 4096, good), "claims a block of"},
			{"a negative block", hostile(4096, 1<<31, 4096, good), "claims a block of"},
			{"an empty content", hostile(4096, n, 0, good), "may have 1 to 4096"},
			{"more than the segment", hostile(4096, n, 4097, good), "may have 1 to 4096"},
			{"4 GiB", hostile(4096, n, 1<<32-1, good), "may have 1 to 4096"},
			{"a content too long", hostile(4096, n, 4095, good), "its block is broken"},
			{"a content too short", hostile(8192, n, 4097, good), "claims 4097 bytes of content, and has 4096"},
			{"a torn block", hostile(4096, n-5, 4096, good[:n-5]), ""},
			{"zeroes", hostile(4096, 64, 4096, make([]byte, 64)), ""},
			{"noise", hostile(4096, 512, 4096, noise(512)), ""},
		} {
			t.Run(fmt.Sprintf("%v/%s", codec, c.name), func(t *testing.T) {
				b, err := NewDecompressor(codec).Decompress(c.b)
				var e *CompressionError
				if !errors.As(err, &e) || !strings.Contains(err.Error(), c.why) {
					t.Fatalf("got %v, %v; want a CompressionError with %q", b, err, c.why)
				}
				if b.Segment() != c.b.Segment() || e.Size != c.b.Len() || e.Codec != codec {
					t.Errorf("got %v of %+v", b, e)
				}
				b.Recycle()
			})
		}
	}
	t.Run("no codec", func(t *testing.T) {
		good := block(LZ4)
		_, err := NewDecompressor(NoCodec).Decompress(hostile(4096, uint32(len(good)), 4096, good))
		if err == nil || !strings.Contains(err.Error(), "compression is off") {
			t.Error(err)
		}
	})
	t.Run("another codec", func(t *testing.T) {
		good := block(Zstd)
		if _, err := NewDecompressor(LZ4).Decompress(hostile(4096, uint32(len(good)), 4096, good)); err == nil {
			t.Error("LZ4 decompressed zstd")
		}
	})
}

// A frame of zstd may ask for any window, and may hide zeroes without end behind a few bytes: neither costs memory.
func TestZstdBombs(t *testing.T) {
	window := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x01, 0x00, 0x00} // a window of 3.75 TiB, and an empty block
	zeroes := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58}                   // a window of 2 MiB, no content size
	for range 500 {
		zeroes = append(zeroes, 0x02, 0x00, 0x10, 0x00) // run-length, 128 KiB, not the last
	}
	d := NewDecompressor(Zstd)
	for name, block := range map[string][]byte{"window": window, "zeroes": zeroes} {
		t.Run(name, func(t *testing.T) {
			warm := hostile(4096, uint32(len(block)), 4096, block)
			if _, err := d.Decompress(warm); err == nil {
				t.Fatal("it was decompressed")
			}
			b := hostile(4096, uint32(len(block)), 4096, block)
			before := allocatedBytes()
			_, err := d.Decompress(b)
			if grown := allocatedBytes() - before; grown > 1<<20 {
				t.Errorf("%v took %d bytes", err, grown)
			}
		})
	}
}

func allocatedBytes() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Once its memory is there, a compressor allocates nothing for a buffer, and neither does a decompressor.
func TestCompressionAllocatesNothing(t *testing.T) {
	for _, codec := range codecs {
		c, d := NewCompressor(codec), NewDecompressor(codec)
		b := filled(32<<10, text(32<<10))
		again := func() {
			b = c.Compress(b)
			var err error
			if b, err = d.Decompress(b); err != nil {
				t.Fatal(err)
			}
		}
		again()
		if n := testing.AllocsPerRun(100, again); n > 0 && !owned {
			t.Errorf("%v: %v allocations a buffer", codec, n)
		}
	}
}

func TestCodecs(t *testing.T) {
	if err := Codec(9).Check(); err == nil || !strings.Contains(err.Error(), "Codec(9)") {
		t.Errorf("codec 9: %v", err)
	}
	for c, name := range map[Codec]string{DefaultCodec: "LZ4", LZ4: "LZ4", Zstd: "ZSTD", NoCodec: "NONE"} {
		if err := c.Check(); err != nil || c.String() != name {
			t.Errorf("%v (%v), want %s", c, err, name)
		}
	}
	panics(t, "Codec(9)", func() { NewCompressor(9) })
	panics(t, "Codec(9)", func() { NewDecompressor(9) })
}

// FuzzDecompressor: whatever is in a compressed buffer, it becomes an error, or a content that fits its segment.
func FuzzDecompressor(f *testing.F) {
	const size = 4096
	for _, codec := range codecs {
		c := NewCompressor(codec)
		for _, content := range [][]byte{text(size), make([]byte, 300), append(noise(200), text(200)...)} {
			b := c.Compress(filled(size, content))
			f.Add(uint8(codec), bytes.Clone(b.Bytes()))
		}
	}
	f.Add(uint8(LZ4), []byte{1, 0, 0, 0, 1, 0, 0, 0, 0})
	f.Add(uint8(Zstd), []byte("\x09\x00\x00\x00\x00\x10\x00\x00\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00"))
	decompressors := map[Codec]*Decompressor{DefaultCodec: NewDecompressor(DefaultCodec), LZ4: NewDecompressor(LZ4), Zstd: NewDecompressor(Zstd), NoCodec: NewDecompressor(NoCodec)}
	f.Fuzz(func(t *testing.T, codec uint8, content []byte) {
		if len(content) > size {
			return
		}
		of := Codec(codec % 4)
		s := NewSegment(size)
		s.block = append(s.block, "the end"...)
		s.block = s.block[:HeaderRoom+size]
		b := s.Lend(nobody{}, -1).With(len(content), DataBuffer, true)
		copy(b.Bytes(), content)
		out, err := decompressors[of].Decompress(b)
		var e *CompressionError
		switch {
		case err != nil && !errors.As(err, &e):
			t.Fatalf("%T: %v", err, err)
		case err == nil && (out.Len() < 1 || out.Len() > size || out.Compressed()):
			t.Fatalf("%d bytes became %v", len(content), out)
		}
		if got := string(s.block[HeaderRoom+size : HeaderRoom+size+7]); got != "the end" {
			t.Fatalf("written behind the segment: %q", got)
		}
		if err == nil {
			was := bytes.Clone(out.Bytes())
			again, err := decompressors[of].Decompress(NewCompressor(of).Compress(out))
			if err != nil || !bytes.Equal(again.Bytes(), was) {
				t.Fatalf("there and back again differs: %v", err)
			}
		}
	})
}

func BenchmarkCompression(b *testing.B) {
	for _, codec := range codecs {
		for name, content := range map[string][]byte{"text": text(32 << 10), "noise": noise(32 << 10)} {
			b.Run(fmt.Sprintf("%v/%s", codec, name), func(b *testing.B) {
				c, d := NewCompressor(codec), NewDecompressor(codec)
				x := filled(32<<10, content)
				b.SetBytes(int64(len(content)))
				b.ReportAllocs()
				for b.Loop() {
					x = c.Compress(x)
					var err error
					if x, err = d.Decompress(x); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
