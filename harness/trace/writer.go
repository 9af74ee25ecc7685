// writer.go: writes a trace as its events come.

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	version    = 1
	magicFile  = "XTRACE\r\n" // the line end shows a file that went through a text filter
	magicBlock = "xblk"
	magicIndex = "xidx"
	magicEnd   = "XTRACE\x1a\n"

	headerBytes    = 24
	blockHeadBytes = 32
	indexHeadBytes = 12
	trailerBytes   = 28
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Writer writes one trace. It keeps one block in memory, and 40 bytes at most for each block
// that it has written. It belongs to one goroutine.
type Writer struct {
	dst    io.Writer
	packer *zstd.Encoder
	block  builder
	raw    []byte // scratch: a block's columns
	out    []byte // scratch: a block as it is written
	index  index
	offset int64 // in the file
	events uint64
	last   time.Duration // time of the event added last
	err    error         // of dst, or closed: nothing can be written any more
}

var errClosed = errors.New("trace: writer is closed")

// NewWriter writes the header of a trace to dst. start is the instant of time 0 in
// nanoseconds since 1970 UTC, 0 when it is not known.
func NewWriter(dst io.Writer, start int64) (*Writer, error) {
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return nil, fmt.Errorf("trace: zstd: %w", err)
	}
	w := &Writer{dst: dst, packer: packer}
	header := append(make([]byte, 0, headerBytes), magicFile...)
	header = binary.LittleEndian.AppendUint32(header, version)
	header = binary.LittleEndian.AppendUint64(header, uint64(start))
	header = appendChecksum(header, header)
	if err := w.write(header); err != nil {
		return nil, err
	}
	return w, nil
}

// Write adds an event. The writer keeps nothing of e. An event that breaks a limit or the order of times is
// refused, and the writer stays usable; after an error of the destination it does not.
func (w *Writer) Write(e Event) error {
	if w.err != nil {
		return w.err
	}
	if err := e.check(w.last); err != nil {
		return err
	}
	w.block.add(e)
	w.last = e.Time
	w.events++
	if w.block.full() {
		return w.Flush()
	}
	return nil
}

// Flush closes the block, so that a reader gets all events written so far even when
// nothing follows. Small blocks pack badly: flush for safety, not per event.
func (w *Writer) Flush() error {
	n := len(w.block.times)
	if w.err != nil || n == 0 {
		return w.err
	}
	w.raw = w.block.appendTo(w.raw[:0])
	head := append(w.out[:0], make([]byte, blockHeadBytes)...)
	out := w.packer.EncodeAll(w.raw, head)
	stored := len(out) - blockHeadBytes
	if len(w.raw) > blockRawMax || stored > blockStoredMax || n > blockMaxEvents {
		panic(fmt.Sprintf("trace: block of %d events, %d bytes, packed %d: its limits do not hold", n, len(w.raw), stored))
	}
	w.out = out
	blockHead{stored: uint32(stored), raw: uint32(len(w.raw)), events: uint32(n), first: w.events - uint64(n)}.put(out)

	w.index.add(indexEntry{bytes: uint64(len(out)), events: uint64(n), first: w.block.times[0], last: int64(w.last)})
	w.block.reset()
	return w.write(out)
}

// Close writes the last block, the index and the trailer. It does not close the
// destination. Without it the trace reads as torn. Close may be called again, without effect.
func (w *Writer) Close() error {
	if errors.Is(w.err, errClosed) {
		return nil
	}
	if err := w.Flush(); err != nil {
		return err
	}
	tail := w.index.appendTo(nil)
	trailer := binary.LittleEndian.AppendUint64(nil, uint64(w.offset))
	trailer = binary.LittleEndian.AppendUint64(trailer, w.events)
	trailer = appendChecksum(trailer, trailer)
	trailer = append(trailer, magicEnd...)
	if err := w.write(append(tail, trailer...)); err != nil {
		return err
	}
	w.err = errClosed
	return w.packer.Close()
}

// Events is how many events have been written.
func (w *Writer) Events() uint64 { return w.events }

func (w *Writer) write(p []byte) error {
	n, err := w.dst.Write(p)
	w.offset += int64(n)
	if err != nil {
		w.err = fmt.Errorf("trace: write: %w", err)
	}
	return w.err
}

func appendChecksum(dst, of []byte) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(of, castagnoli))
}

// blockHead is the fixed part of a block in front of its content.
type blockHead struct {
	stored, raw, events uint32
	first               uint64
	checksum            uint32 // of the content
}

// put writes the head into a block that has its content already.
func (h blockHead) put(block []byte) {
	b := append(block[:0], magicBlock...)
	b = binary.LittleEndian.AppendUint32(b, h.stored)
	b = binary.LittleEndian.AppendUint32(b, h.raw)
	b = binary.LittleEndian.AppendUint32(b, h.events)
	b = binary.LittleEndian.AppendUint64(b, h.first)
	b = appendChecksum(b, block[blockHeadBytes:])
	appendChecksum(b, b)
}

// parseBlockHead reads a head, of which the magic number has been recognised.
func parseBlockHead(b []byte) (h blockHead, err error) {
	if crc32.Checksum(b[:28], castagnoli) != binary.LittleEndian.Uint32(b[28:]) {
		return h, fmt.Errorf("checksum of the block's head does not match")
	}
	h = blockHead{
		stored: binary.LittleEndian.Uint32(b[4:]), raw: binary.LittleEndian.Uint32(b[8:]),
		events: binary.LittleEndian.Uint32(b[12:]), first: binary.LittleEndian.Uint64(b[16:]),
		checksum: binary.LittleEndian.Uint32(b[24:]),
	}
	if h.stored > blockStoredMax || h.raw > blockRawMax || h.events > blockMaxEvents || h.events == 0 {
		return h, fmt.Errorf("block of %d events, %d bytes, packed %d", h.events, h.raw, h.stored)
	}
	return h, nil
}
