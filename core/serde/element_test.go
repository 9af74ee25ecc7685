// element_test.go: stream elements against the bytes of a real Flink.

package serde

import (
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestElements(t *testing.T) {
	text := func(s string) []byte { return AppendText(nil, s) }
	operator := [16]byte{0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F}
	for _, c := range []struct {
		name string
		e    StreamElement
		want string
	}{
		{"record with timestamp", StreamElement{Tag: TagTimestamped, TimestampMs: 1234567890123, Value: text("hello")}, "00 0000011f71fb04cb 0668656c6c6f"},
		{"record", StreamElement{Tag: TagRecord, Value: text("hello")}, "01 0668656c6c6f"},
		{"null record", StreamElement{Tag: TagTimestamped, TimestampMs: 5, Value: AppendNullText(nil)}, "00 0000000000000005 00"},
		{"before 1970", StreamElement{Tag: TagTimestamped, TimestampMs: -1, Value: text("x")}, "00 ffffffffffffffff 0278"},
		{"record without bytes", StreamElement{Tag: TagRecord, Value: []byte{}}, "01"},
		{"watermark", StreamElement{Tag: TagWatermark, TimestampMs: 1700000000000}, "02 0000018bcfe56800"},
		{"last watermark", StreamElement{Tag: TagWatermark, TimestampMs: math.MaxInt64}, "02 7fffffffffffffff"},
		{"latency marker", StreamElement{Tag: TagLatencyMarker, TimestampMs: 1700000000123, Operator: operator, Subtask: 3},
			"03 0000018bcfe5687b 404142434445464748494a4b4c4d4e4f 00000003"},
		{"idle", StreamElement{Tag: TagWatermarkStatus, Idle: true}, "04 ffffffff"},
		{"active", StreamElement{Tag: TagWatermarkStatus}, "04 00000000"},
		{"backlog", StreamElement{Tag: TagRecordAttributes, Backlog: true}, "05 01"},
		{"no backlog", StreamElement{Tag: TagRecordAttributes}, "05 00"},
		{"internal watermark", StreamElement{Tag: TagInternalWatermark, Subpartition: 9, TimestampMs: 1700000000456}, "06 00000009 0000018bcfe569c8"},
	} {
		want := strings.ReplaceAll(c.want, " ", "")
		b := c.e.AppendTo(nil)
		if got := hex.EncodeToString(b); got != want || c.e.Size() != len(b) {
			t.Errorf("%s: %s, Size %d, want %s", c.name, got, c.e.Size(), want)
		}
		if got, err := ParseElement(b); err != nil || !reflect.DeepEqual(got, c.e) {
			t.Errorf("%s: read as %+v (%v)", c.name, got, err)
		}
		if c.e.IsRecord() {
			continue // what belongs to the value is its serializer's to know
		}
		for n := range b {
			if _, err := ParseElement(b[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for it", c.name, n, len(b))
			}
		}
		if _, err := ParseElement(append(b, 0)); err == nil {
			t.Errorf("%s: a byte too many is not noticed", c.name)
		}
	}
}

func TestHostileElements(t *testing.T) {
	for payload, reason := range map[string]string{
		"":           "Serializer consumed more bytes than the record had.",
		"07":         "Corrupt stream, found tag: 7",
		"ff00":       "Corrupt stream, found tag: -1",
		"0400000001": "a watermark status of 1",
		"04fffffffe": "a watermark status of -2",
	} {
		b, err := hex.DecodeString(payload)
		if err != nil {
			t.Fatal(err)
		}
		var fault *RecordError
		if _, err = ParseElement(b); !errors.As(err, &fault) || !strings.HasPrefix(fault.Reason, reason) {
			t.Errorf("%s: %v, want %q", payload, err, reason)
		}
	}
}

// Typed records are written like elements that hold the same value.
func TestTypedRecords(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Record
		want string
	}{
		{"with timestamp", &StreamRecord[string]{Serializer: &String, Value: "hello", HasTimestamp: true, TimestampMs: 1234567890123}, "0000000f000000011f71fb04cb0668656c6c6f"},
		{"without", &StreamRecord[string]{Serializer: &String, Value: "hello"}, "00000007010668656c6c6f"},
		{"bare", &BareRecord[int64]{Serializer: &Long, Value: -400000000}, "00000008ffffffffe8287c00"},
		{"element", &StreamElement{Tag: TagRecordAttributes}, "000000020500"},
	} {
		if got := hex.EncodeToString(AppendFramed(nil, c.r)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A record's way in costs no allocation: framing, element, value.
func TestElementsAllocateNothing(t *testing.T) {
	record := StreamRecord[int64]{Serializer: &Long, HasTimestamp: true}
	stream := make([]byte, 0, 4096)
	d := NewDeserializer(Options{})
	var r Reader
	if n := testing.AllocsPerRun(100, func() {
		stream = stream[:0]
		for i := range 10 {
			record.Value = int64(i)
			stream = AppendFramed(stream, &record)
		}
		d.SetBuffer(stream)
		for i := range 10 {
			payload, _, err := d.Next()
			if err != nil {
				t.Fatal(err)
			}
			e, err := ParseElement(payload)
			if err != nil {
				t.Fatal(err)
			}
			if v, err := Long.Decode(&r, e.Value); v != int64(i) || err != nil {
				t.Fatal(v, err)
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
