// reader.go: reads a trace from its beginning to its end, or to where it is torn.

package trace

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Reader reads the events of one trace in their order, from any stream. It keeps one block in memory. A block is
// verified as a whole before its first event is handed out, and the first error ends it:
//
//	for r.Next() {
//		use(r.Event())
//	}
//	if err := r.Err(); err != nil { ... } // *CorruptError: everything before was good
//
// It belongs to one goroutine.
type Reader struct {
	src      io.Reader
	unpacker *zstd.Decoder
	start    int64
	offset   int64 // of what is read next
	events   uint64
	rebuilt  index // of what was read, to be compared with the one in the file
	block    block
	stored   []byte // scratch
	raw      []byte // the block's columns: payloads lie in it
	last     int64  // time of the last event of the block before
	event    Event
	err      error // io.EOF: the trace is whole
}

// NewReader reads the header of a trace.
func NewReader(src io.Reader) (*Reader, error) {
	r := &Reader{src: src}
	header := make([]byte, headerBytes)
	if err := r.fill(header, "header"); err != nil {
		return nil, err
	}
	start, err := parseHeader(header)
	if err != nil {
		return nil, err
	}
	r.start = start
	// Blocks are small frames of known length: no window of the decoder's own, no goroutine.
	r.unpacker, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(blockRawMax), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("trace: zstd: %w", err)
	}
	return r, nil
}

// Start is the instant of time 0 in nanoseconds since 1970 UTC, 0 when it is not known.
func (r *Reader) Start() int64 { return r.start }

// Events is how many events have been read, all of them good.
func (r *Reader) Events() uint64 { return r.events }

// Err is why Next said false: nil at the end of a whole trace.
func (r *Reader) Err() error {
	if r.err == io.EOF {
		return nil
	}
	return r.err
}

// Event is the event that Next found. Its payload is valid until the next call of Next.
func (r *Reader) Event() Event { return r.event }

// Next finds the next event.
func (r *Reader) Next() bool {
	if r.block.left == 0 && !r.open() {
		return false
	}
	r.event, r.err = r.block.next()
	if r.err != nil {
		panic("trace: an event of a verified block: " + r.err.Error())
	}
	r.events++
	return true
}

// open reads the next block, or the end of the trace.
func (r *Reader) open() bool {
	if r.err != nil {
		return false
	}
	if r.err = r.openBlock(); r.err == nil {
		return true
	}
	r.event = Event{}
	r.unpacker.Close()
	return false
}

func (r *Reader) openBlock() error {
	at := r.offset
	head := make([]byte, blockHeadBytes)
	if err := r.fill(head[:indexHeadBytes], "block or index"); err != nil {
		return err
	}
	switch string(head[:4]) {
	case magicBlock:
	case magicIndex:
		return r.readEnd(at, head[:indexHeadBytes])
	default:
		return r.corrupt(at, "neither a block nor the index begins here")
	}
	if err := r.fillAt(at, head[indexHeadBytes:], "block"); err != nil {
		return err
	}
	h, err := parseBlockHead(head)
	if err != nil {
		return r.corrupt(at, err.Error())
	}
	if h.first != r.events {
		return r.corrupt(at, fmt.Sprintf("block begins with event %d, and %d came before it", h.first, r.events))
	}
	r.stored = resize(r.stored, int(h.stored))
	if err := r.fillAt(at, r.stored, "block"); err != nil {
		return err
	}
	if crc32.Checksum(r.stored, castagnoli) != h.checksum {
		return r.corrupt(at, "checksum of the block does not match")
	}
	r.raw = resize(r.raw, int(h.raw))
	raw, err := r.unpacker.DecodeAll(r.stored, r.raw[:0:h.raw])
	if err != nil {
		return r.corrupt(at, "block does not unpack: "+err.Error())
	}
	if len(raw) != int(h.raw) {
		return r.corrupt(at, fmt.Sprintf("block unpacks to %d bytes, %d were announced", len(raw), h.raw))
	}
	if err := r.verify(int(h.events)); err != nil {
		return r.corrupt(at, err.Error())
	}
	r.rebuilt.add(indexEntry{bytes: uint64(r.offset - at), events: uint64(h.events), first: r.block.time, last: r.last})
	return nil
}

// verify reads the block once up to its end, so that a block is good as a whole or not at
// all, and leaves it before its first event.
func (r *Reader) verify(events int) error {
	if err := r.block.parse(r.raw, events, r.last); err != nil {
		return err
	}
	trial := r.block
	for trial.left > 0 {
		if _, err := trial.next(); err != nil {
			return fmt.Errorf("event %d: %w", r.events+uint64(events-trial.left), err)
		}
	}
	if err := trial.done(); err != nil {
		return err
	}
	r.last = trial.time
	return nil
}

// readEnd compares the index and the trailer with what was read. It says io.EOF when all is well.
func (r *Reader) readEnd(at int64, head []byte) error {
	want := r.rebuilt.appendTo(nil)
	if !bytes.Equal(head, want[:indexHeadBytes]) { // with it, the length: no more is read than the blocks were worth
		return r.corrupt(at, "the index does not fit the blocks")
	}
	rest := make([]byte, len(want)-indexHeadBytes)
	if err := r.fillAt(at, rest, "index"); err != nil {
		return err
	}
	if !bytes.Equal(rest, want[indexHeadBytes:]) {
		return r.corrupt(at, "the index does not fit the blocks")
	}
	end := r.offset
	trailer := make([]byte, trailerBytes)
	if err := r.fill(trailer, "trailer"); err != nil {
		return err
	}
	offset, events, err := parseTrailer(trailer)
	if err == nil && (offset != at || events != r.events) {
		err = fmt.Errorf("trailer of %d events with an index at byte %d", events, offset)
	}
	if err != nil {
		return r.corrupt(end, err.Error())
	}
	switch n, err := io.ReadFull(r.src, trailer[:1]); {
	case err == io.EOF:
		return io.EOF
	case n > 0:
		return r.corrupt(r.offset, "something follows the trace")
	default:
		return fmt.Errorf("trace: read: %w", err)
	}
}

// fill reads a part that begins at the reader's offset.
func (r *Reader) fill(p []byte, part string) error { return r.fillAt(r.offset, p, part) }

// fillAt reads p, a piece of a part that begins at the offset at.
func (r *Reader) fillAt(at int64, p []byte, part string) error {
	n, err := io.ReadFull(r.src, p)
	r.offset += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &CorruptError{Offset: at, Events: r.events, Torn: true, Reason: fmt.Sprintf("the file ends after %d bytes, in or before the %s", r.offset, part)}
	}
	if err != nil {
		return fmt.Errorf("trace: read: %w", err)
	}
	return nil
}

func (r *Reader) corrupt(at int64, reason string) error {
	return &CorruptError{Offset: at, Events: r.events, Reason: reason}
}

// resize makes b n bytes long. Its content is lost.
func resize(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
