// index.go: the index at the end of a trace: which block lies where.

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"
)

// index is an index in its written form, which grows by each block.
type index struct {
	blocks uint32
	last   int64
	body   []byte
}

// indexEntry is what the index says of one block.
type indexEntry struct {
	bytes  uint64 // in the file, with its head
	events uint64
	first  int64 // time of its first event
	last   int64 // time of its last event
}

func (x *index) add(e indexEntry) {
	x.body = binary.AppendUvarint(x.body, e.bytes)
	x.body = binary.AppendUvarint(x.body, e.events)
	x.body = binary.AppendUvarint(x.body, uint64(e.first-x.last))
	x.body = binary.AppendUvarint(x.body, uint64(e.last-e.first))
	x.last = e.last
	x.blocks++
}

func (x *index) appendTo(dst []byte) []byte {
	from := len(dst)
	dst = append(dst, magicIndex...)
	dst = binary.LittleEndian.AppendUint32(dst, x.blocks)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(x.body)))
	dst = append(dst, x.body...)
	return appendChecksum(dst, dst[from:])
}

// Position is where a block lies, and what is in it.
type Position struct {
	Offset int64         // of the block in the file, in bytes
	Bytes  int64         // with its head
	First  uint64        // number of its first event, from 0
	Events int           // in it
	Begin  time.Duration // time of its first event
	End    time.Duration // time of its last event
}

// Index is what the end of a whole trace tells without reading its blocks.
type Index struct {
	Start  int64 // as in NewWriter
	Events uint64
	Blocks []Position
}

// indexMaxBytes bounds what ReadIndex allocates: some 10 million blocks.
const indexMaxBytes = 128 << 20

// ReadIndex reads the index of a trace of size bytes. A trace without an end has none: that is a *CorruptError, and a Reader
// tells how much of it is good.
func ReadIndex(r io.ReaderAt, size int64) (Index, error) {
	if size < headerBytes+indexHeadBytes+4+trailerBytes {
		return Index{}, &CorruptError{Torn: true, Reason: fmt.Sprintf("%d bytes are too few for a trace", size)}
	}
	header := make([]byte, headerBytes)
	if _, err := r.ReadAt(header, 0); err != nil {
		return Index{}, fmt.Errorf("trace: read header: %w", err)
	}
	start, err := parseHeader(header)
	if err != nil {
		return Index{}, err
	}
	at := size - trailerBytes
	trailer := make([]byte, trailerBytes)
	if _, err := r.ReadAt(trailer, at); err != nil {
		return Index{}, fmt.Errorf("trace: read trailer: %w", err)
	}
	offset, events, err := parseTrailer(trailer)
	if err != nil {
		return Index{}, &CorruptError{Offset: at, Torn: true, Reason: err.Error()}
	}
	if offset < headerBytes || offset > at-indexHeadBytes-4 || at-offset > indexMaxBytes {
		return Index{}, &CorruptError{Offset: at, Reason: fmt.Sprintf("index at byte %d of %d", offset, size)}
	}
	raw := make([]byte, at-offset)
	if _, err := r.ReadAt(raw, offset); err != nil {
		return Index{}, fmt.Errorf("trace: read index: %w", err)
	}
	x := Index{Start: start, Events: events}
	if x.Blocks, err = parseIndex(raw, offset, events); err != nil {
		return Index{}, &CorruptError{Offset: offset, Reason: err.Error()}
	}
	return x, nil
}

// parseIndex reads an index that begins at the offset, up to its end, and compares it with the number of events.
func parseIndex(raw []byte, offset int64, events uint64) ([]Position, error) {
	body := raw[indexHeadBytes : len(raw)-4]
	count := binary.LittleEndian.Uint32(raw[4:])
	if string(raw[:4]) != magicIndex || crc32.Checksum(raw[:len(raw)-4], castagnoli) != binary.LittleEndian.Uint32(raw[len(raw)-4:]) ||
		int64(binary.LittleEndian.Uint32(raw[8:])) != int64(len(body)) || int64(count)*4 > int64(len(body)) {
		return nil, errors.New("checksum of the index does not match")
	}
	blocks := make([]Position, 0, count)
	at, first, moment := int64(headerBytes), uint64(0), time.Duration(0)
	for range count {
		var v [4]uint64
		for i := range v {
			n := 0
			if v[i], n = binary.Uvarint(body); n <= 0 {
				return nil, fmt.Errorf("entry %d of the index is cut off", len(blocks))
			}
			body = body[n:]
		}
		inFile, inBlock, gap, length := v[0], v[1], v[2], v[3]
		if inFile > blockHeadBytes+blockStoredMax || inBlock > blockMaxEvents ||
			gap > uint64(math.MaxInt64-moment) || length > uint64(math.MaxInt64-moment)-gap {
			return nil, fmt.Errorf("entry %d of the index makes no sense", len(blocks))
		}
		b := Position{Offset: at, Bytes: int64(inFile), First: first, Events: int(inBlock), Begin: moment + time.Duration(gap)}
		b.End = b.Begin + time.Duration(length)
		blocks = append(blocks, b)
		at, first, moment = at+b.Bytes, first+inBlock, b.End
	}
	if len(body) != 0 || at != offset || first != events {
		return nil, fmt.Errorf("index of %d events up to byte %d, of %d up to byte %d in the file", first, at, events, offset)
	}
	return blocks, nil
}

// parseHeader reads the header of a file.
func parseHeader(b []byte) (start int64, err error) {
	if string(b[:8]) != magicFile {
		return 0, &CorruptError{Reason: "it does not begin like a trace"}
	}
	if crc32.Checksum(b[:20], castagnoli) != binary.LittleEndian.Uint32(b[20:]) {
		return 0, &CorruptError{Reason: "checksum of the header does not match"}
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return 0, fmt.Errorf("trace: version %d, known is %d: %w", v, version, ErrVersion)
	}
	return int64(binary.LittleEndian.Uint64(b[12:])), nil
}

// parseTrailer reads the last bytes of a file.
func parseTrailer(b []byte) (indexOffset int64, events uint64, err error) {
	if string(b[20:]) != magicEnd || crc32.Checksum(b[:16], castagnoli) != binary.LittleEndian.Uint32(b[16:]) {
		return 0, 0, errors.New("it does not end like a trace")
	}
	offset := binary.LittleEndian.Uint64(b)
	if offset > math.MaxInt64 {
		return 0, 0, fmt.Errorf("index at byte %d", offset)
	}
	return int64(offset), binary.LittleEndian.Uint64(b[8:]), nil
}
