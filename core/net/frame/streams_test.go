// streams_test.go: what each channel of a recorded conversation carried: its records, its events, its credit.

package frame_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"

	"github.com/pierrec/lz4/v4"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/serde"
)

// Per channel, the records that the frames' contents hold, whatever way they are cut, and the events between them are those that
// the producer emitted, in order; also where contents are compressed.
func TestChannelsOfRecordings(t *testing.T) {
	for _, r := range recordings(t) {
		for i, want := range r.want.Channels {
			if want.Records == nil {
				continue // the consumer left, or the partition was not there: see below
			}
			t.Run(fmt.Sprintf("%s/%d", r.name, i), func(t *testing.T) {
				got := readChannel(t, r.s2c, want.ID, itemOf(r.want.RecordPayload))
				if got.records != want.Records.Count || got.payloadBytes != want.Records.PayloadBytes {
					t.Errorf("%d records of %d bytes, want %d of %d", got.records, got.payloadBytes, want.Records.Count, want.Records.PayloadBytes)
				}
				if crc := fmt.Sprintf("%08x", got.crc); crc != want.Records.PayloadCRC32 {
					t.Errorf("CRC-32 of the payloads is %s, want %s", crc, want.Records.PayloadCRC32)
				}
				checkItems(t, "event", got.events, want.Events)
				if len(want.Stream) > len(want.Events) {
					checkItems(t, "item", got.stream, want.Stream)
				}
			})
		}
	}
}

// In the recordings in which the consumer leaves early, payload k is the number k.
func TestChannelsThatWereLeft(t *testing.T) {
	for _, r := range recordings(t) {
		if r.name != "cancel" && r.name != "close" {
			continue
		}
		for i, want := range r.want.Channels {
			t.Run(fmt.Sprintf("%s/%d", r.name, i), func(t *testing.T) {
				got := readChannel(t, r.s2c, want.ID, longItem)
				if got.records < want.Read {
					t.Errorf("%d records, the consumer had read %d", got.records, want.Read)
				}
				for k, item := range got.stream {
					if item != int64(k) {
						t.Fatalf("record %d is %v", k, item)
					}
				}
			})
		}
	}
}

// The initial credit and the AddCredits of a channel add up to what Flink's own account says, and pay for every data frame.
func TestCreditOfRecordings(t *testing.T) {
	for _, r := range recordings(t) {
		if len(r.want.Credits) == 0 {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			granted, data, events := map[string]int{}, map[string]int{}, map[string]int{}
			forEachFrame(t, r.c2s, func(f frame.Frame) {
				granted[f.Request.Channel.String()] += int(f.Request.Credit)
			})
			forEachFrame(t, r.s2c, func(f frame.Frame) {
				if b := f.Response.Buffer; f.ID == frame.IDBufferResponse && b.Type.IsBuffer() {
					data[b.Channel.String()]++
				} else if f.ID == frame.IDBufferResponse {
					events[b.Channel.String()]++
				}
			})
			for id, want := range r.want.Credits {
				if data[id] > granted[id] || granted[id] != want.Total || data[id] != want.DataFrames || events[id] != want.EventFrames {
					t.Errorf("channel %s: credit %d, %d data and %d event frames, want %+v", id, granted[id], data[id], events[id], want)
				}
			}
		})
	}
}

// channelContent is what one channel carried.
type channelContent struct {
	records, payloadBytes int
	crc                   uint32
	events, stream        []any
}

// readChannel is a consumer of one channel: it checks the sequence numbers, unpacks, and reads records and events.
func readChannel(t *testing.T, s2c []byte, id string, item func(*testing.T, []byte) any) (c channelContent) {
	d := serde.NewDeserializer(serde.Options{})
	next := int32(0)
	forEachFrame(t, s2c, func(f frame.Frame) {
		b := &f.Response.Buffer
		if f.ID != frame.IDBufferResponse || b.Channel.String() != id {
			return
		}
		if b.Sequence != next {
			t.Fatalf("frame %d has sequence number %d, want %d", f.N, b.Sequence, next)
		}
		next++
		if b.Type.IsEvent() {
			e := describedEvent(t, b)
			c.events, c.stream = append(c.events, e), append(c.stream, e)
			return
		}
		d.SetBuffer(unpacked(t, b))
		for {
			payload, ok, err := d.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			c.records++
			c.payloadBytes += len(payload)
			c.crc = crc32.Update(c.crc, crc32.IEEETable, payload)
			c.stream = append(c.stream, item(t, payload))
		}
	})
	if left := d.Unconsumed(); left > 0 && !t.Failed() && len(c.events) > 0 {
		t.Errorf("%d bytes are left over", left)
	}
	return c
}

func describedEvent(t *testing.T, b *frame.BufferResponse) frame.Description {
	e, err := frame.ParseEvent(b.Content)
	if err != nil {
		t.Fatal(err)
	}
	priority := b.Type == buffer.PrioritizedEvent
	if got := frame.DataTypeOf(e, priority); got != b.Type {
		t.Errorf("%+v is sent as %v, want %v", e, got, b.Type)
	}
	// The same bytes again, but for the padding.
	again := frame.AppendEvent(nil, e)
	if rest := strings.TrimPrefix(string(b.Content), string(again)); strings.Trim(rest, "\x00") != "" {
		t.Errorf("%x appended again is %x", b.Content, again)
	}
	if other, ok := e.(frame.Other); ok { // the expectation knows where the body ends, the wire does not
		other.Body = []byte(strings.TrimRight(string(other.Body), "\x00"))
		e = other
	}
	d := frame.DescribeEvent(e)
	if priority {
		d = append(d, frame.Field{Name: "priority", Value: true})
	}
	return d
}

// unpacked is a data buffer's content as it was before compression.
func unpacked(t *testing.T, b *frame.BufferResponse) []byte {
	if !b.Compressed {
		return b.Content
	}
	packed, original := binary.LittleEndian.Uint32(b.Content), binary.LittleEndian.Uint32(b.Content[4:])
	if int(packed) != len(b.Content)-8 || original > 32<<10 {
		t.Fatalf("%d bytes compressed to %d in a content of %d", original, packed, len(b.Content))
	}
	out := make([]byte, original)
	if n, err := lz4.UncompressBlock(b.Content[8:], out); err != nil || n != len(out) {
		t.Fatalf("%d bytes, %v, want %d", n, err, len(out))
	}
	return out
}

// itemOf is how the expectations show a record, by what they say about its serializer.
func itemOf(recordPayload string) func(*testing.T, []byte) any {
	switch {
	case strings.HasPrefix(recordPayload, "LongValue"):
		return longItem
	case strings.Contains(recordPayload, "StreamElementSerializer<String>"):
		return func(t *testing.T, payload []byte) any {
			return elementItem(t, payload, func(b []byte) any {
				var r serde.Reader
				v, err := serde.NullableString.Decode(&r, b)
				if err != nil {
					t.Fatal(err)
				}
				if !v.Present {
					return nil
				}
				return v.Value
			})
		}
	case strings.Contains(recordPayload, "StreamElementSerializer<Long"):
		return func(t *testing.T, payload []byte) any {
			return elementItem(t, payload, func(b []byte) any { return longItem(t, b) })
		}
	case strings.HasPrefix(recordPayload, "BytePrimitiveArraySerializer"):
		return func(t *testing.T, payload []byte) any {
			r := serde.NewReader(payload)
			b := r.Bytes()
			if err := r.Finish(); err != nil {
				t.Fatal(err)
			}
			return frame.Description{{Name: "array_length", Value: len(b)}, {Name: "array_crc32", Value: fmt.Sprintf("%08x", crc32.ChecksumIEEE(b))}}
		}
	}
	return func(t *testing.T, _ []byte) any { t.Fatalf("records are %q", recordPayload); return nil }
}

func longItem(t *testing.T, payload []byte) any {
	var r serde.Reader
	v, err := serde.Long.Decode(&r, payload)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func elementItem(t *testing.T, payload []byte, value func([]byte) any) any {
	e, err := serde.ParseElement(payload)
	if err != nil {
		t.Fatal(err)
	}
	if again := e.AppendTo(nil); string(again) != string(payload) {
		t.Errorf("%x appended again is %x", payload, again)
	}
	named := func(name string, fields ...frame.Field) any {
		return append(frame.Description{{Name: "element", Value: name}}, fields...)
	}
	switch e.Tag {
	case serde.TagTimestamped:
		return named("record", frame.Field{Name: "timestamp", Value: e.TimestampMs}, frame.Field{Name: "value", Value: value(e.Value)})
	case serde.TagRecord:
		return named("record", frame.Field{Name: "timestamp", Value: nil}, frame.Field{Name: "value", Value: value(e.Value)})
	case serde.TagWatermark:
		return named("watermark", frame.Field{Name: "timestamp", Value: e.TimestampMs})
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
	return named("internal_watermark", frame.Field{Name: "subpartition", Value: e.Subpartition}, frame.Field{Name: "timestamp", Value: e.TimestampMs})
}

func checkItems(t *testing.T, what string, got, want []any) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d %ss, want %d", len(got), what, len(want))
	}
	for i := range min(len(got), len(want)) {
		if got := asJSON(t, got[i]); !reflect.DeepEqual(got, want[i]) {
			t.Fatalf("%s %d\n got %v\nwant %v", what, i, got, want[i])
		}
	}
}

func forEachFrame(t *testing.T, stream []byte, each func(frame.Frame)) {
	t.Helper()
	var d frame.Decoder
	d.Feed(stream)
	for {
		f, ok, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		each(f)
	}
	if err := d.Finish(); err != nil {
		t.Fatal(err)
	}
}
