// trace_test.go: what is written is read again, whatever happens to the file in between is found out.

package trace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// written is a trace of the events, with a block's end wherever flush says so.
func written(t testing.TB, events []Event, flush func(i int) bool) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file, 978307620e9)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range events {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
		if flush(i) {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// read is what a reader gets out of a file.
func read(src io.Reader) (events []Event, err error) {
	r, err := NewReader(src)
	if err != nil {
		return nil, err
	}
	for r.Next() {
		e := r.Event()
		e.Payload = bytes.Clone(e.Payload)
		events = append(events, e)
	}
	return events, r.Err()
}

func never(int) bool { return false }

func equal(a, b Event) bool {
	return a.Time == b.Time && a.Key == b.Key && a.Size == b.Size && a.Kind == b.Kind &&
		(a.Payload == nil) == (b.Payload == nil) && bytes.Equal(a.Payload, b.Payload)
}

// drawn is any list of events that a writer accepts, of values that meet the limits too.
func drawn(t *rapid.T) []Event {
	steps := rapid.SampledFrom([]time.Duration{0, 1, time.Minute, 7 * time.Millisecond, 1 << 55})
	sizes := rapid.OneOf(rapid.Int64Range(0, 300), rapid.SampledFrom([]int64{0, SizeMaxBytes}))
	keys := rapid.OneOf(rapid.SampledFrom([]string{"", "DFW", "ORD", "\x00\xff"}), rapid.StringN(0, 8, -1))
	now := time.Duration(0)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Event {
		now += steps.Draw(t, "step")
		e := Event{Time: now, Key: keys.Draw(t, "key"), Size: sizes.Draw(t, "size"), Kind: Kind(rapid.Byte().Draw(t, "kind"))}
		if rapid.Bool().Draw(t, "kept") {
			e.Payload = rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "payload")
		}
		return e
	}), 0, 40).Draw(t, "events")
}

// Any events in any blocks come back as they were: from a Reader in order, and counted in the index.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawn(t)
		ends := rapid.SliceOfN(rapid.Bool(), len(events), len(events)).Draw(t, "ends")
		var file bytes.Buffer
		w, _ := NewWriter(&file, -5)
		for i, e := range events {
			if err := w.Write(e); err != nil {
				t.Fatal(err)
			}
			if ends[i] {
				_ = w.Flush()
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := read(bytes.NewReader(file.Bytes()))
		if err != nil || !slices.EqualFunc(got, events, equal) {
			t.Fatalf("read %v, %v\nwrote %v", got, err, events)
		}
		x, err := ReadIndex(bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil || x.Events != uint64(len(events)) || x.Start != -5 {
			t.Fatalf("index %+v, %v", x, err)
		}
		for _, b := range x.Blocks {
			if events[b.First].Time != b.Begin || events[b.First+uint64(b.Events)-1].Time != b.End || string(file.Bytes()[b.Offset:b.Offset+4]) != magicBlock {
				t.Fatalf("block %+v of %+v", b, x)
			}
		}
	})
}

// small is a file of three blocks, with and without payloads.
func small(t testing.TB) (file []byte, events []Event, ends []int) {
	for i := range 7 {
		e := Event{Time: time.Duration(i) * time.Second, Key: fmt.Sprint("key", i%3), Size: int64(i)}
		if i > 3 {
			e.Payload = []byte(strings.Repeat("x", i))
		}
		events = append(events, e)
	}
	ends = []int{2, 4, 7}
	return written(t, events, func(i int) bool { return slices.Contains(ends, i+1) }), events, ends
}

// A file that ends too early, at any byte, is readable up to its last whole block; the error
// says where that ended and how many events were good.
func TestTornAtEveryByte(t *testing.T) {
	file, events, ends := small(t)
	x, err := ReadIndex(bytes.NewReader(file), int64(len(file)))
	if err != nil || len(x.Blocks) != len(ends) {
		t.Fatalf("index %+v, %v", x, err)
	}
	for n := range len(file) {
		good, from := 0, int64(0)
		for i, b := range x.Blocks {
			if end := b.Offset + b.Bytes; int64(n) >= end {
				good, from = ends[i], end
			} else if int64(n) >= b.Offset {
				from = b.Offset
			}
		}
		got, err := read(bytes.NewReader(file[:n]))
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || !corrupt.Torn {
			t.Fatalf("%d of %d bytes: error %v", n, len(file), err)
		}
		if !slices.EqualFunc(got, events[:good], equal) || corrupt.Events != uint64(good) {
			t.Fatalf("%d of %d bytes: %d events and %v, %d are there", n, len(file), len(got), err, good)
		}
		if good < len(events) && corrupt.Offset != from {
			t.Fatalf("%d of %d bytes: %v, the part begins at byte %d", n, len(file), err, from)
		}
		if _, err := ReadIndex(bytes.NewReader(file[:n]), int64(n)); !errors.As(err, &corrupt) {
			t.Fatalf("%d of %d bytes: index: %v", n, len(file), err)
		}
	}
}

// No flipped bit, wherever it is, goes unnoticed, and none spoils an event of a block before it.
func TestEveryFlippedBit(t *testing.T) {
	file, events, _ := small(t)
	for at := range len(file) {
		for bit := range 8 {
			bad := bytes.Clone(file)
			bad[at] ^= 1 << bit
			got, err := read(bytes.NewReader(bad))
			if err == nil {
				t.Fatalf("bit %d of byte %d: no error", bit, at)
			}
			if len(got) > len(events) || !slices.EqualFunc(got, events[:len(got)], equal) {
				t.Fatalf("bit %d of byte %d: events %v", bit, at, got)
			}
			var corrupt *CorruptError
			if errors.As(err, &corrupt) && (corrupt.Events != uint64(len(got)) || corrupt.Offset > int64(at)) {
				t.Fatalf("bit %d of byte %d: %v after %d events", bit, at, err, len(got))
			}
		}
	}
}

// Blocks that are whole but in the wrong place, missing or there twice are found out.
func TestBlocksOutOfPlace(t *testing.T) {
	file, _, _ := small(t)
	x, _ := ReadIndex(bytes.NewReader(file), int64(len(file)))
	part := func(i int) []byte { b := x.Blocks[i]; return file[b.Offset : b.Offset+b.Bytes] }
	header, tail := file[:headerBytes], file[x.Blocks[2].Offset+x.Blocks[2].Bytes:]
	for name, parts := range map[string][][]byte{
		"missing": {header, part(0), part(2), tail},
		"last":    {header, part(0), part(1), tail},
		"swapped": {header, part(1), part(0), part(2), tail},
		"twice":   {header, part(0), part(0), part(1), part(2), tail},
		"more":    {file, part(0)},
		"double":  {file, file},
	} {
		if _, err := read(bytes.NewReader(slices.Concat(parts...))); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// crafted is a file of one block with good checksums whose content is not what a writer makes.
func crafted(events, rawBytes uint32, content []byte) []byte {
	file := append([]byte(nil), magicFile...)
	file = binary.LittleEndian.AppendUint32(file, version)
	file = binary.LittleEndian.AppendUint64(file, 0)
	file = appendChecksum(file, file)
	block := append(make([]byte, blockHeadBytes), content...)
	blockHead{stored: uint32(len(content)), raw: rawBytes, events: events, checksum: crc32.Checksum(content, castagnoli)}.put(block)
	return append(file, block...)
}

// packer is shared: making one costs milliseconds.
var packer, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))

func packed(raw []byte) []byte { return packer.EncodeAll(raw, nil) }

// Numbers that are under a good checksum and lie nonetheless are errors: no panic, and no memory beyond the limits.
func TestHostileBlocks(t *testing.T) {
	column := func(tag byte, values ...uint64) []byte {
		var c []byte
		for _, v := range values {
			c = binary.AppendUvarint(c, v)
		}
		return appendColumn(nil, tag, c)
	}
	times, names := column(columnTime, 0, 1, 0), appendColumn(nil, columnNames, []byte{1, 1, 'k'})
	bomb := make([]byte, 4<<20)
	for name, file := range map[string][]byte{
		"no events":       crafted(0, 10, packed(slices.Concat(times, names))),
		"too many events": crafted(blockMaxEvents+1, 10, packed(slices.Concat(times, names))),
		"raw over limit":  crafted(1, blockRawMax+1, packed(bomb)),
		"bomb":            crafted(1, 100, packed(bomb)),
		"not zstd":        crafted(1, 100, []byte("no frame at all")),
		"no columns":      crafted(1, 0, packed(nil)),
		"times only":      crafted(1, uint32(len(times)), packed(times)),
		"events missing":  crafted(2, uint32(len(times)+len(names)), packed(slices.Concat(times, names))),
	} {
		if _, err := read(bytes.NewReader(file)); err == nil || strings.Contains(err.Error(), "the file ends") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for name, raw := range map[string][]byte{
		"columns twice":      slices.Concat(times, times, names),
		"columns swapped":    slices.Concat(names, times),
		"column unknown":     slices.Concat(times, names, appendColumn(nil, columns, nil)),
		"column too long":    slices.Concat(times, names, []byte{columnKind, 5, 0}),
		"unit 0":             slices.Concat(column(columnTime, 0, 0, 0), names),
		"time overflows":     slices.Concat(column(columnTime, 1<<63-1, 1, 1), names),
		"unit overflows":     slices.Concat(column(columnTime, 0, 1<<63, 2), names),
		"time negative":      slices.Concat(column(columnTime, 1<<63, 1, 0), names),
		"time too many":      slices.Concat(column(columnTime, 0, 1, 0, 0), names),
		"two names, 1 event": slices.Concat(times, appendColumn(nil, columnNames, []byte{2, 1, 'k', 1, 'l'})),
		"name too long":      slices.Concat(times, appendColumn(nil, columnNames, []byte{1, 5, 'k'})),
		"names too many":     slices.Concat(times, appendColumn(nil, columnNames, []byte{1, 1, 'k', 0})),
		"key unknown":        slices.Concat(times, names, column(columnKey, 1)),
		"size negative":      slices.Concat(times, names, column(columnSize, 1<<63)),
		"kind missing":       slices.Concat(times, names, appendColumn(nil, columnKind, nil)),
		"payload missing":    slices.Concat(times, names, column(columnLength, 9)),
		"payload too many":   slices.Concat(times, names, appendColumn(nil, columnPayload, []byte("lost"))),
		"varint too long":    slices.Concat(times, names, appendColumn(nil, columnSize, bytes.Repeat([]byte{0xff}, 11))),
	} {
		var corrupt *CorruptError
		if _, err := read(bytes.NewReader(crafted(1, uint32(len(raw)), packed(raw)))); !errors.As(err, &corrupt) || corrupt.Torn {
			t.Errorf("%s: error %v", name, err)
		}
	}
	good := slices.Concat(times, names)
	if got, err := read(bytes.NewReader(crafted(1, uint32(len(good)), packed(good)))); len(got) != 1 || got[0].Key != "k" {
		t.Errorf("the block that they are variants of: %v, %v", got, err)
	}
}

// An index under a good checksum that lies is an error, and so is one that is not of this file.
func TestHostileIndexes(t *testing.T) {
	const offset, events = headerBytes + 100, 7
	good := indexEntry{bytes: 100, events: events, first: 5, last: 9}
	for name, c := range map[string]struct {
		entries []indexEntry
		spoil   func(x *index)
	}{
		"none":               {nil, nil},
		"another offset":     {[]indexEntry{{bytes: 99, events: events}}, nil},
		"other events":       {[]indexEntry{{bytes: 100, events: events + 1}}, nil},
		"too many events":    {[]indexEntry{{bytes: 100, events: blockMaxEvents + 1}}, nil},
		"block too long":     {[]indexEntry{{bytes: 1 << 40, events: events}}, nil},
		"times overflow":     {[]indexEntry{{bytes: 50, events: 3, first: 1<<63 - 1, last: 1<<63 - 1}, {bytes: 50, events: 4, first: 0, last: 0}}, nil},
		"fewer than it says": {[]indexEntry{good}, func(x *index) { x.blocks++ }},
		"more than it says":  {[]indexEntry{good}, func(x *index) { x.blocks-- }},
		"huge count":         {[]indexEntry{good}, func(x *index) { x.blocks = 1<<32 - 1 }},
		"cut off":            {[]indexEntry{good}, func(x *index) { x.body = append(x.body[:3], 0xff) }},
	} {
		var x index
		for _, e := range c.entries {
			x.add(e)
		}
		if c.spoil != nil {
			c.spoil(&x)
		}
		if blocks, err := parseIndex(x.appendTo(nil), offset, events); err == nil {
			t.Errorf("%s: %+v", name, blocks)
		}
	}
	var x index
	x.add(good)
	if blocks, err := parseIndex(x.appendTo(nil), offset, events); err != nil || len(blocks) != 1 || blocks[0].Begin != 5 || blocks[0].End != 9 {
		t.Errorf("the index that they are variants of: %+v, %v", blocks, err)
	}
}

// A version that is not known is said to be that, and not to be corrupt.
func TestUnknownVersion(t *testing.T) {
	header := append([]byte(nil), magicFile...)
	header = binary.LittleEndian.AppendUint32(header, 2)
	header = binary.LittleEndian.AppendUint64(header, 0)
	_, err := NewReader(bytes.NewReader(appendChecksum(header, header)))
	if !errors.Is(err, ErrVersion) {
		t.Fatal(err)
	}
}

// An event that breaks a limit or the order is refused, and those around it are kept.
func TestRefusedEvents(t *testing.T) {
	var file bytes.Buffer
	w, _ := NewWriter(&file, 0)
	must := func(e Event) {
		t.Helper()
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	must(Event{Time: 5, Key: strings.Repeat("k", KeyMaxBytes), Size: SizeMaxBytes, Payload: make([]byte, PayloadMaxBytes)})
	for _, e := range []Event{
		{Time: -1}, {Time: 4}, {Time: 5, Size: -1}, {Time: 5, Size: SizeMaxBytes + 1},
		{Time: 5, Key: strings.Repeat("k", KeyMaxBytes+1)}, {Time: 5, Payload: make([]byte, PayloadMaxBytes+1)},
	} {
		if err := w.Write(e); err == nil {
			t.Errorf("event at %v, key %d, size %d, payload %d was not refused", e.Time, len(e.Key), e.Size, len(e.Payload))
		}
	}
	if err := w.Write(Event{Time: 4}); !errors.Is(err, ErrOrder) {
		t.Error(err)
	}
	must(Event{Time: 5})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := read(&file); len(got) != 2 || err != nil {
		t.Fatalf("%d events, %v", len(got), err)
	}
	if err := w.Write(Event{Time: 6}); err == nil {
		t.Error("an event after Close was not refused")
	}
}

// full is a destination that takes only so many bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	if len(p) > int(*f) {
		return 0, errors.New("no space left")
	}
	*f -= full(len(p))
	return len(p), nil
}

// An error of the destination stays: no later call pretends that the trace is whole.
func TestDestinationFull(t *testing.T) {
	dst := full(headerBytes)
	w, err := NewWriter(&dst, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Write(Event{Time: 1})
	if err := w.Flush(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Fatal(err)
	}
}

// A trace of any length is written and read in the memory of a block.
func TestConstantMemory(t *testing.T) {
	in, out := io.Pipe()
	const events = 200_000
	go func() {
		w, err := NewWriter(out, 0)
		payload := make([]byte, 400)
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range events {
			for j := 0; j < len(payload); j += 8 {
				binary.LittleEndian.PutUint64(payload[j:], rng.Uint64())
			}
			if err = w.Write(Event{Time: time.Duration(i), Key: "key", Size: 400, Payload: payload}); err != nil {
				break
			}
		}
		if err == nil {
			err = w.Close()
		}
		out.CloseWithError(err)
	}()
	r, err := NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	var before, now runtime.MemStats
	highest := uint64(0)
	runtime.ReadMemStats(&before)
	for n := 0; r.Next(); n++ {
		if n%25_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			highest = max(highest, now.HeapAlloc)
		}
	}
	if r.Err() != nil || r.Events() != events {
		t.Fatal(r.Events(), r.Err())
	}
	if grown := int64(highest) - int64(before.HeapAlloc); grown > 24<<20 {
		t.Fatalf("memory grew by %d MiB for a trace of %d MiB", grown>>20, events*400>>20)
	}
}

func BenchmarkRead(b *testing.B) {
	var events []Event
	for i := range 100_000 {
		events = append(events, Event{Time: time.Duration(i) * time.Millisecond, Key: fmt.Sprint(i % 220), Size: 90})
	}
	file := written(b, events, never)
	for b.Loop() {
		r, _ := NewReader(bytes.NewReader(file))
		for r.Next() {
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/event")
}

// Whatever the bytes are, a reader ends with an error or a trace that is whole; what it
// reads could be written again.
func FuzzReader(f *testing.F) {
	file, _, _ := small(f)
	f.Add(file)
	f.Add(file[:len(file)-40])
	f.Add(written(f, nil, never))
	good := slices.Concat(appendColumn(nil, columnTime, []byte{0, 1, 0}), appendColumn(nil, columnNames, []byte{1, 1, 'k'}))
	f.Add(crafted(1, uint32(len(good)), packed(good)))
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		// Checksums keep a fuzzer out: the columns themselves are tried as well.
		events, err := read(bytes.NewReader(data))
		if err == nil && !bytes.Equal(data[:8], []byte(magicFile)) {
			t.Fatal("whole, without a beginning")
		}
		_, _ = ReadIndex(bytes.NewReader(data), int64(len(data)))
		if len(data) > 4 && len(data) < 1<<16 {
			n := uint32(data[0]) + 1
			columns, _ := read(bytes.NewReader(crafted(n, uint32(len(data)), packed(data))))
			if len(columns) != 0 && len(columns) != int(n) {
				t.Fatalf("%d events of a block of %d", len(columns), n)
			}
			events = columns
		}
		last := time.Duration(0)
		for _, e := range events {
			if err := e.check(last); err != nil {
				t.Fatalf("read, but no writer would accept it: %v", err)
			}
			last = e.Time
		}
	})
}
