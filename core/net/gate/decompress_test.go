// decompress_test.go: compressed buffers through a gate, and what a gate does about those that are none.

package gate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// compressed is a content as it comes over the wire.
func compressed(t testing.TB, codec buffer.Codec, content []byte) []byte {
	t.Helper()
	b := buffer.NewSegment(len(content)).Lend(nobody{}, -1).With(len(content), buffer.DataBuffer, false)
	copy(b.Bytes(), content)
	b = buffer.NewCompressor(codec).Compress(b)
	if !b.Compressed() {
		t.Fatalf("%v did not compress %d bytes", codec, len(content))
	}
	return bytes.Clone(b.Bytes())
}

type nobody struct{}

func (nobody) Recycle(*buffer.Segment) {}

// arriveAs brings a data buffer with a content of its own.
func (f *fixture) arriveAs(c *RemoteChannel, content []byte, compressed bool, sequence int32) {
	f.t.Helper()
	b, err := c.TakeBuffer(len(content))
	if err != nil {
		f.t.Fatal(err)
	}
	b = b.With(len(content), buffer.DataBuffer, compressed)
	copy(b.Bytes(), content)
	c.OnBuffer(b, sequence, 0)
}

// Compressed and other buffers come out of the gate as they went in, in order, in the memory that they came in: credit bounds it.
func TestGateDecompresses(t *testing.T) {
	content := []byte(strings.Repeat("compressible ", 300))[:3900]
	for _, codec := range []buffer.Codec{buffer.DefaultCodec, buffer.LZ4, buffer.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			f := newFixture(t, Options{Pool: memory(t, 8, 4096), Channels: 1, Exclusive: 4, Floating: 1, Codec: codec})
			c := f.remote(0)
			packed := compressed(t, codec, content)
			f.arriveAs(c, packed, true, 0)
			f.arriveAs(c, content[:100], false, 1)
			f.arriveAs(c, packed, true, 2)
			f.arrive(c, buffer.EventBuffer, 4, 3, 0)
			f.arriveAs(c, packed, true, 4)
			var held []buffer.Buffer // all at once: none may lie in the memory of another
			for i, want := range []int{3900, 100, 3900, 4, 3900} {
				item, ok, err := f.Poll()
				if !ok || err != nil {
					t.Fatalf("item %d: %v", i, err)
				}
				if item.Buffer.Len() != want || item.Buffer.Compressed() {
					t.Fatalf("item %d is %v, want %d bytes", i, item.Buffer, want)
				}
				held = append(held, item.Buffer)
			}
			for i, b := range held {
				if b.Type().IsBuffer() && !bytes.Equal(b.Bytes(), content[:b.Len()]) {
					t.Errorf("item %d differs", i)
				}
				b.Recycle()
			}
			f.wantPosts("0 credit")
		})
	}
}

// What cannot be decompressed is the peer's fault and the end of its channel, and of no other.
func TestGateRefusesWhatCannotBeDecompressed(t *testing.T) {
	content := make([]byte, 4096)
	good := compressed(t, buffer.LZ4, content)
	tooLong := bytes.Clone(good)
	binary.LittleEndian.PutUint32(tooLong[4:], 4097)
	for _, c := range []struct {
		name    string
		codec   buffer.Codec
		content []byte
	}{
		{"no block", buffer.LZ4, make([]byte, 100)},
		{"more than a segment", buffer.LZ4, tooLong},
		{"another codec", buffer.Zstd, good},
		{"no codec here", buffer.NoCodec, good},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, Options{Pool: memory(t, 8, 4096), Channels: 2, Exclusive: 3, Floating: 1, Codec: c.codec})
			bad, other := f.remote(0), f.remote(1)
			f.arriveAs(bad, c.content, true, 0)
			f.arriveAs(bad, content, false, 1)
			f.arriveAs(other, content, false, 0)
			var of *buffer.CompressionError
			wantChannelError(t, f, 0, &of)
			poll(t, f)
			f.arriveAs(bad, content, false, 2)
			for range 2 {
				if item, ok, err := f.Poll(); ok {
					t.Errorf("polled %v behind a hole", item)
				} else if err != nil && !errors.Is(err, frame.ErrPeer) {
					t.Errorf("the channel's error is now %v", err)
				}
			}
		})
	}
}

func TestGateRefusesAnUnknownCodec(t *testing.T) {
	if _, err := New(t.Context(), Options{Pool: memory(t, 1, 64), Channels: 1, Codec: 77}); err == nil {
		t.Error("codec 77 was accepted")
	}
}
