// block.go: events <-> the columns of one block.

package trace

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Tags of the columns.
const (
	columnTime = 1 + iota
	columnNames
	columnKey
	columnSize
	columnKind
	columnLength
	columnPayload
	columns // how many tags there are, and one
)

// builder collects the events of one block, column by column.
type builder struct {
	times    []int64
	unit     uint64 // greatest common divisor of the differences in times; 0: all are equal
	names    map[string]uint64
	namesCol []byte
	keys     []byte
	sizes    []byte
	kinds    []byte
	lengths  []byte
	payloads []byte
	nonZero  [columns]bool
}

// add takes an event that has been checked.
func (b *builder) add(e Event) {
	if n := len(b.times); n > 0 {
		b.unit = gcd(b.unit, uint64(int64(e.Time)-b.times[n-1]))
	}
	b.times = append(b.times, int64(e.Time))

	if b.names == nil {
		b.names = map[string]uint64{}
	}
	name, known := b.names[e.Key]
	if !known {
		name = uint64(len(b.names))
		b.names[e.Key] = name
		b.namesCol = binary.AppendUvarint(b.namesCol, uint64(len(e.Key)))
		b.namesCol = append(b.namesCol, e.Key...)
	}
	b.keys = binary.AppendUvarint(b.keys, name)
	b.sizes = binary.AppendUvarint(b.sizes, uint64(e.Size))
	b.kinds = append(b.kinds, byte(e.Kind))
	length := uint64(0)
	if e.Payload != nil {
		length = uint64(len(e.Payload)) + 1
	}
	b.lengths = binary.AppendUvarint(b.lengths, length)
	b.payloads = append(b.payloads, e.Payload...)

	b.nonZero[columnKey] = b.nonZero[columnKey] || name != 0
	b.nonZero[columnSize] = b.nonZero[columnSize] || e.Size != 0
	b.nonZero[columnKind] = b.nonZero[columnKind] || e.Kind != 0
	b.nonZero[columnLength] = b.nonZero[columnLength] || length != 0
	b.nonZero[columnPayload] = b.nonZero[columnPayload] || len(e.Payload) != 0
}

// full reports whether the block has reached a target and is to be written.
func (b *builder) full() bool {
	return len(b.times) >= blockTargetEvents || len(b.payloads)+len(b.namesCol) >= blockTargetBytes
}

// appendTo appends the columns.
func (b *builder) appendTo(dst []byte) []byte {
	unit := max(b.unit, 1)
	times := binary.AppendUvarint(nil, uint64(b.times[0]))
	times = binary.AppendUvarint(times, unit)
	before := b.times[0]
	for _, t := range b.times {
		times = binary.AppendUvarint(times, uint64(t-before)/unit)
		before = t
	}
	dst = appendColumn(dst, columnTime, times)
	dst = appendColumn(dst, columnNames, append(binary.AppendUvarint(nil, uint64(len(b.names))), b.namesCol...))
	for tag, column := range [columns][]byte{
		columnKey: b.keys, columnSize: b.sizes, columnKind: b.kinds, columnLength: b.lengths, columnPayload: b.payloads,
	} {
		if b.nonZero[tag] {
			dst = appendColumn(dst, byte(tag), column)
		}
	}
	return dst
}

func appendColumn(dst []byte, tag byte, column []byte) []byte {
	dst = append(dst, tag)
	dst = binary.AppendUvarint(dst, uint64(len(column)))
	return append(dst, column...)
}

// reset empties the block and keeps its memory.
func (b *builder) reset() {
	clear(b.names)
	*b = builder{
		times: b.times[:0], names: b.names, namesCol: b.namesCol[:0], keys: b.keys[:0],
		sizes: b.sizes[:0], kinds: b.kinds[:0], lengths: b.lengths[:0], payloads: b.payloads[:0],
	}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// block hands out the events of one unpacked block. Its columns are cut where the last event ended.
type block struct {
	left   int // events
	time   int64
	unit   uint64
	names  []string
	column [columns][]byte // what is left of each; nil: the column was left out
}

// parse takes over raw, the columns of a block of that many events, whose times may not be below after.
func (b *block) parse(raw []byte, events int, after int64) error {
	b.left = events
	b.names = b.names[:0]
	b.column = [columns][]byte{}
	for last := byte(0); len(raw) > 0; {
		tag := raw[0]
		length, n := binary.Uvarint(raw[1:])
		switch {
		case tag <= last || tag >= columns:
			return fmt.Errorf("column %d after column %d", tag, last)
		case n <= 0 || length > uint64(len(raw)-1-n):
			return fmt.Errorf("column %d is longer than its block", tag)
		}
		raw = raw[1+n:]
		b.column[tag] = raw[:length:length]
		raw = raw[length:]
		last = tag
	}

	first, ok1 := b.uvarint(columnTime)
	unit, ok2 := b.uvarint(columnTime)
	if !ok1 || !ok2 || first > math.MaxInt64 || int64(first) < after || unit == 0 {
		return fmt.Errorf("times begin with %d in units of %d, after %d", first, unit, after)
	}
	b.time, b.unit = int64(first), unit

	count, ok := b.uvarint(columnNames)
	if !ok || count == 0 || count > uint64(events) {
		return fmt.Errorf("%d names for %d events", count, events)
	}
	for range count {
		length, ok := b.uvarint(columnNames)
		column := b.column[columnNames]
		if !ok || length > KeyMaxBytes || length > uint64(len(column)) {
			return fmt.Errorf("name of %d bytes, of which %d are there", length, len(column))
		}
		b.names = append(b.names, string(column[:length]))
		b.column[columnNames] = column[length:]
	}
	return nil
}

// next is the next event; its payload lies in the block. No event may be left out: done
// says whether all columns came to their ends together.
func (b *block) next() (Event, error) {
	delta, ok := b.uvarint(columnTime)
	if !ok || delta > (math.MaxInt64-uint64(b.time))/b.unit {
		return Event{}, fmt.Errorf("time %d units of %d after %d", delta, b.unit, b.time)
	}
	b.time += int64(delta * b.unit)
	name, ok := b.uvarint(columnKey)
	if !ok || name >= uint64(len(b.names)) {
		return Event{}, fmt.Errorf("key %d of %d", name, len(b.names))
	}
	size, ok := b.uvarint(columnSize)
	if !ok || size > SizeMaxBytes {
		return Event{}, fmt.Errorf("size of %d bytes", size)
	}
	e := Event{Time: time.Duration(b.time), Key: b.names[name], Size: int64(size)}
	if kinds := b.column[columnKind]; kinds != nil {
		if len(kinds) == 0 {
			return Event{}, fmt.Errorf("no kind")
		}
		e.Kind = Kind(kinds[0])
		b.column[columnKind] = kinds[1:]
	}
	length, ok := b.uvarint(columnLength)
	if !ok {
		return Event{}, fmt.Errorf("no length of the payload")
	}
	if length > 0 {
		payloads := b.column[columnPayload]
		n := length - 1
		if n > PayloadMaxBytes || n > uint64(len(payloads)) {
			return Event{}, fmt.Errorf("payload of %d bytes, of which %d are there", n, len(payloads))
		}
		e.Payload = payloads[:n:n]
		if e.Payload == nil { // the column was left out: all payloads are empty, which is not none
			e.Payload = []byte{}
		}
		b.column[columnPayload] = payloads[n:]
	}
	b.left--
	return e, nil
}

// done says what is left of the columns after the last event.
func (b *block) done() error {
	for tag, column := range b.column {
		if len(column) != 0 {
			return fmt.Errorf("column %d has %d bytes too many", tag, len(column))
		}
	}
	return nil
}

// uvarint takes a number from a column; one that was left out holds zeros.
func (b *block) uvarint(tag int) (uint64, bool) {
	column := b.column[tag]
	if column == nil {
		return 0, tag > columnNames
	}
	v, n := binary.Uvarint(column)
	if n <= 0 {
		return 0, false
	}
	b.column[tag] = column[n:]
	return v, true
}
