// wire_records.go: what the frames of a recording carry: the records of each channel, and its events.

package main

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/pierrec/lz4/v4"

	"xbench/core/net/frame"
	"xbench/core/serde"
)

// recordKinds say how a record is shown, by what its bytes are taken for.
var recordKinds = map[string]func(payload []byte) (any, error){
	"long": longItem, "elements": elementItem, "bytes": byteArrayItem,
}

func recordKindNames() []string { return slices.Sorted(maps.Keys(recordKinds)) }

// recordReader puts the records of all channels together.
type recordReader struct {
	item     func(payload []byte) (any, error)
	channels map[frame.ChannelID]map[int]*serde.Deserializer // and subpartition, for a channel may ask for several
}

func newRecordReader(item func([]byte) (any, error)) *recordReader {
	return &recordReader{item: item, channels: map[frame.ChannelID]map[int]*serde.Deserializer{}}
}

// recordError says that what a channel carries is not what it is taken for: it is broken, or of another kind.
type recordError struct {
	channel frame.ChannelID
	err     error
}

func (e *recordError) Error() string { return fmt.Sprintf("channel %v: %v", e.channel, e.err) }
func (e *recordError) Unwrap() error { return e.err }

// read is what the frame adds to its channel: the records that end in it, or an event. Of what is broken, the part before comes
// too, with a *recordError.
func (r *recordReader) read(b *frame.BufferResponse) (shown frame.Field, err error) {
	if b.Sequence == 0 {
		delete(r.channels, b.Channel) // a channel that was refused before asks again under its old name
	}
	if b.Type.IsEvent() {
		shown, err = r.event(b)
	} else {
		shown, err = r.data(b)
	}
	if err != nil {
		err = &recordError{b.Channel, err}
	}
	return shown, err
}

func (r *recordReader) event(b *frame.BufferResponse) (frame.Field, error) {
	e, err := frame.ParseEvent(b.Content)
	if err != nil {
		return frame.Field{}, err
	}
	shown := frame.Field{Name: "event", Value: frame.DescribeEvent(e)}
	if _, end := e.(frame.EndOfPartition); end {
		d := r.channels[b.Channel][b.Subpartition]
		delete(r.channels[b.Channel], b.Subpartition)
		if len(r.channels[b.Channel]) == 0 {
			delete(r.channels, b.Channel)
		}
		if d != nil && d.Partial() {
			return shown, errors.New("the partition ends within a record")
		}
	}
	return shown, nil
}

func (r *recordReader) data(b *frame.BufferResponse) (frame.Field, error) {
	content, err := uncompressed(b)
	if err != nil {
		return frame.Field{}, err
	}
	d := r.deserializer(b)
	d.SetBuffer(content)
	items := []any{}
	for {
		payload, ok, err := d.Next()
		var item any
		if ok {
			item, err = r.item(payload)
		}
		if !ok || err != nil {
			return frame.Field{Name: "records", Value: items}, err
		}
		items = append(items, item)
	}
}

// deserializer is that of the frame's channel and subpartition.
func (r *recordReader) deserializer(b *frame.BufferResponse) *serde.Deserializer {
	of := r.channels[b.Channel]
	if of == nil {
		of = map[int]*serde.Deserializer{}
		r.channels[b.Channel] = of
	}
	if of[b.Subpartition] == nil {
		of[b.Subpartition] = serde.NewDeserializer(serde.Options{})
	}
	return of[b.Subpartition]
}

// uncompressedMax bounds what a content says it was before it was compressed, in bytes: no segment is larger.
const uncompressedMax = 64 << 20

// uncompressed is a data frame's content, unpacked if need be: a block of LZ4 behind its two lengths, as Flink writes it by default.
func uncompressed(b *frame.BufferResponse) ([]byte, error) {
	if !b.Compressed {
		return b.Content, nil
	}
	const lengths = 4 + 4
	if len(b.Content) < lengths {
		return nil, fmt.Errorf("compressed data of %d bytes", len(b.Content))
	}
	packed, original := binary.LittleEndian.Uint32(b.Content), binary.LittleEndian.Uint32(b.Content[4:])
	if int64(packed) != int64(len(b.Content)-lengths) || original > uncompressedMax {
		return nil, fmt.Errorf("compressed data of %d bytes that says %d, from %d", len(b.Content)-lengths, packed, original)
	}
	out := make([]byte, original)
	n, err := lz4.UncompressBlock(b.Content[lengths:], out)
	if err == nil && n != len(out) {
		err = fmt.Errorf("%d bytes, not %d", n, len(out))
	}
	if err != nil {
		return nil, fmt.Errorf("compressed data: %w", err)
	}
	return out, nil
}

func longItem(payload []byte) (any, error) {
	if len(payload) != 8 {
		return nil, fmt.Errorf("a record of %d bytes is no long", len(payload))
	}
	return int64(binary.BigEndian.Uint64(payload)), nil
}

func byteArrayItem(payload []byte) (any, error) {
	r := serde.NewReader(payload)
	array := r.Bytes()
	if err := r.Finish(); err != nil {
		return nil, err
	}
	return frame.Description{
		{Name: "array_length", Value: len(array)}, {Name: "array_crc32", Value: fmt.Sprintf("%08x", crc32.ChecksumIEEE(array))},
	}, nil
}

func elementItem(payload []byte) (any, error) {
	e, err := serde.ParseElement(payload)
	if err != nil {
		return nil, err
	}
	named := func(name string, fields ...frame.Field) (any, error) {
		return append(frame.Description{{Name: "element", Value: name}}, fields...), nil
	}
	timestamp := frame.Field{Name: "timestamp", Value: e.TimestampMs}
	switch e.Tag {
	case serde.TagTimestamped:
		return named("record", timestamp, elementValue(e.Value))
	case serde.TagRecord:
		return named("record", frame.Field{Name: "timestamp"}, elementValue(e.Value))
	case serde.TagWatermark:
		return named("watermark", timestamp)
	case serde.TagLatencyMarker:
		return named("latency_marker", frame.Field{Name: "marked_time", Value: e.TimestampMs},
			frame.Field{Name: "operator_id", Value: hex.EncodeToString(e.Operator[:])}, frame.Field{Name: "subtask", Value: e.Subtask})
	case serde.TagWatermarkStatus:
		status := 0
		if e.Idle {
			status = -1
		}
		return named("watermark_status", frame.Field{Name: "status", Value: status})
	case serde.TagRecordAttributes:
		return named("record_attributes", frame.Field{Name: "backlog", Value: e.Backlog})
	}
	return named("internal_watermark", frame.Field{Name: "subpartition", Value: e.Subpartition}, timestamp)
}

// elementValue shows a value, whose type the bytes do not tell: a long if it has a long's size, else a string, else its bytes.
func elementValue(value []byte) frame.Field {
	if v, err := longItem(value); err == nil {
		return frame.Field{Name: "value", Value: v}
	}
	var r serde.Reader
	switch text, err := serde.NullableString.Decode(&r, value); {
	case err != nil:
		return frame.Field{Name: "value_hex", Value: hex.EncodeToString(value)}
	case !text.Present:
		return frame.Field{Name: "value"}
	default:
		return frame.Field{Name: "value", Value: javaText(text.Value)}
	}
}
