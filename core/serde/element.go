// element.go: what a streaming job sends: records, watermarks and their like, told apart by the first byte.

package serde

import (
	"encoding/binary"
	"fmt"
)

// Tag is the first byte of a stream element.
type Tag uint8

// The stream elements, by their numbers on the wire.
const (
	TagTimestamped       Tag = iota // record with a timestamp
	TagRecord                       // record without
	TagWatermark                    // no record before this timestamp follows
	TagLatencyMarker                // travels like a record to measure how long that takes
	TagWatermarkStatus              // idle or active
	TagRecordAttributes             // whether records are of a backlog
	TagInternalWatermark            // watermark of one subpartition

	tags // how many there are
)

// StreamElement is any stream element: a union. Tag says which fields are meant; the others are zero. It is a Record.
type StreamElement struct {
	Tag          Tag
	TimestampMs  int64    // Timestamped, Watermark, InternalWatermark; LatencyMarker: when it was made
	Value        []byte   // Timestamped, Record: the serialized value; of a parsed element, a piece of the payload
	Operator     [16]byte // LatencyMarker
	Subtask      int32    // LatencyMarker
	Subpartition int32    // InternalWatermark
	Idle         bool     // WatermarkStatus
	Backlog      bool     // RecordAttributes
}

// elementSizes are the sizes with the tag; of records, without the value.
var elementSizes = [tags]int{
	TagTimestamped: 1 + 8, TagRecord: 1, TagWatermark: 1 + 8, TagLatencyMarker: 1 + 8 + 16 + 4, TagWatermarkStatus: 1 + 4,
	TagRecordAttributes: 1 + 1, TagInternalWatermark: 1 + 4 + 8,
}

// IsRecord reports whether e is a record rather than something about records.
func (e *StreamElement) IsRecord() bool { return e.Tag <= TagRecord }

// Size is the number of bytes that AppendTo appends.
func (e *StreamElement) Size() int {
	if e.IsRecord() {
		return elementSizes[e.Tag] + len(e.Value)
	}
	return elementSizes[e.Tag]
}

// AppendTo appends the element as a payload.
func (e *StreamElement) AppendTo(dst []byte) []byte {
	dst = append(dst, byte(e.Tag))
	switch e.Tag {
	case TagTimestamped:
		dst = binary.BigEndian.AppendUint64(dst, uint64(e.TimestampMs))
		dst = append(dst, e.Value...)
	case TagRecord:
		dst = append(dst, e.Value...)
	case TagWatermark:
		dst = binary.BigEndian.AppendUint64(dst, uint64(e.TimestampMs))
	case TagLatencyMarker:
		dst = binary.BigEndian.AppendUint64(dst, uint64(e.TimestampMs))
		dst = append(dst, e.Operator[:]...)
		dst = binary.BigEndian.AppendUint32(dst, uint32(e.Subtask))
	case TagWatermarkStatus:
		status := uint32(0)
		if e.Idle {
			status = idleStatus
		}
		dst = binary.BigEndian.AppendUint32(dst, status)
	case TagRecordAttributes:
		dst = appendBool(dst, e.Backlog)
	case TagInternalWatermark:
		dst = binary.BigEndian.AppendUint32(dst, uint32(e.Subpartition))
		dst = binary.BigEndian.AppendUint64(dst, uint64(e.TimestampMs))
	default:
		panic(fmt.Sprintf("serde: a stream element with tag %d", e.Tag))
	}
	return dst
}

const idleStatus = 0xFFFFFFFF // -1; active is 0

// ParseElement reads a payload. The value of a record is left as bytes: its serializer's Decode reads it. It allocates nothing; a
// fault is a *RecordError.
func ParseElement(payload []byte) (StreamElement, error) {
	if len(payload) == 0 {
		return StreamElement{}, &RecordError{Reason: reasonOverread}
	}
	e := StreamElement{Tag: Tag(payload[0])}
	if e.Tag >= tags { // Flink's words; its bytes have a sign
		return StreamElement{}, &RecordError{Reason: fmt.Sprintf("Corrupt stream, found tag: %d", int8(e.Tag)), Size: len(payload)}
	}
	r := Reader{payload: payload, at: 1}
	switch e.Tag {
	case TagTimestamped:
		e.TimestampMs = r.Int64()
		e.Value = r.Rest()
	case TagRecord:
		e.Value = r.Rest()
	case TagWatermark:
		e.TimestampMs = r.Int64()
	case TagLatencyMarker:
		e.TimestampMs = r.Int64()
		copy(e.Operator[:], r.take(len(e.Operator)))
		e.Subtask = r.Int32()
	case TagWatermarkStatus:
		status := uint32(r.Int32())
		if e.Idle = status == idleStatus; !e.Idle && status != 0 {
			r.fail(fmt.Sprintf("a watermark status of %d", int32(status)))
		}
	case TagRecordAttributes:
		e.Backlog = r.Bool()
	case TagInternalWatermark:
		e.Subpartition = r.Int32()
		e.TimestampMs = r.Int64()
	}
	if err := r.Finish(); err != nil {
		return StreamElement{}, err
	}
	return e, nil
}

// StreamRecord is a typed value to be sent as a record of a streaming job. It is a Record.
type StreamRecord[T any] struct {
	Serializer   *Serializer[T]
	Value        T
	HasTimestamp bool
	TimestampMs  int64
}

// Size is the number of bytes that AppendTo appends.
func (s *StreamRecord[T]) Size() int {
	if s.HasTimestamp {
		return elementSizes[TagTimestamped] + s.Serializer.Size(s.Value)
	}
	return elementSizes[TagRecord] + s.Serializer.Size(s.Value)
}

// AppendTo appends tag, timestamp and value.
func (s *StreamRecord[T]) AppendTo(dst []byte) []byte {
	if s.HasTimestamp {
		dst = append(dst, byte(TagTimestamped))
		dst = binary.BigEndian.AppendUint64(dst, uint64(s.TimestampMs))
	} else {
		dst = append(dst, byte(TagRecord))
	}
	return s.Serializer.Append(dst, s.Value)
}

// BareRecord is a typed value to be sent with nothing around it, as plain record writers do. It is a Record.
type BareRecord[T any] struct {
	Serializer *Serializer[T]
	Value      T
}

// Size is the number of bytes that AppendTo appends.
func (s *BareRecord[T]) Size() int { return s.Serializer.Size(s.Value) }

// AppendTo appends the value.
func (s *BareRecord[T]) AppendTo(dst []byte) []byte { return s.Serializer.Append(dst, s.Value) }
