// serializer.go: how one type of value becomes bytes; the types without parts.

package serde

import (
	"encoding/binary"
	"math"
)

// Serializer is Flink's way of writing one type of value. Composite ones are made of others; see List, Map and so on.
type Serializer[T any] struct {
	Size   func(v T) int                // bytes that Append appends
	Append func(dst []byte, v T) []byte // the value, nothing around it
	Read   func(r *Reader) T            // what Append wrote; r remembers what is wrong with it
}

// Decode reads a payload that is one value, with a Reader of the caller's that it resets.
func (s *Serializer[T]) Decode(r *Reader, payload []byte) (T, error) {
	r.Reset(payload)
	v := s.Read(r)
	return v, r.Finish()
}

// The serializers of single values, under Java's names of the types; Moment is java.time.Instant's.
var (
	Long    = fixed(8, func(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }, (*Reader).Int64)
	Int     = fixed(4, func(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }, (*Reader).Int32)
	Short   = fixed(2, func(b []byte, v int16) []byte { return binary.BigEndian.AppendUint16(b, uint16(v)) }, (*Reader).Int16)
	Byte    = fixed(1, func(b []byte, v int8) []byte { return append(b, byte(v)) }, (*Reader).Int8)
	Boolean = fixed(1, appendBool, (*Reader).Bool)
	Double  = fixed(8, func(b []byte, v float64) []byte { return binary.BigEndian.AppendUint64(b, math.Float64bits(v)) }, (*Reader).Float64)
	Float   = fixed(4, func(b []byte, v float32) []byte { return binary.BigEndian.AppendUint32(b, math.Float32bits(v)) }, (*Reader).Float32)
	Char    = fixed(2, binary.BigEndian.AppendUint16, (*Reader).Char)
	Moment  = fixed(12, appendInstant, readInstant)

	// String is a string that is never null.
	String = Serializer[string]{TextSize, AppendText, readText}

	// NullableString is a string that may be null.
	NullableString = Serializer[Optional[string]]{nullableTextSize, appendNullableText, readNullableText}
)

func fixed[T any](size int, appendTo func([]byte, T) []byte, read func(*Reader) T) Serializer[T] {
	return Serializer[T]{func(T) int { return size }, appendTo, read}
}

// Optional is a value that may be null; the zero value is null.
type Optional[T any] struct {
	Value   T
	Present bool
}

// Some is a value that is not null.
func Some[T any](v T) Optional[T] { return Optional[T]{v, true} }

// Instant is a point in time as Java counts it. Flink writes a null one as the least seconds and the least nanos.
type Instant struct {
	Seconds int64 // since 1970-01-01 UTC
	Nanos   int32
}

func appendInstant(dst []byte, v Instant) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(v.Seconds))
	return binary.BigEndian.AppendUint32(dst, uint32(v.Nanos))
}

func readInstant(r *Reader) Instant { return Instant{Seconds: r.Int64(), Nanos: r.Int32()} }

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func readText(r *Reader) string {
	s, ok := r.Text()
	if !ok {
		r.fail("a null string where a string must be")
	}
	return s
}

func nullableTextSize(v Optional[string]) int {
	if !v.Present {
		return 1
	}
	return TextSize(v.Value)
}

func appendNullableText(dst []byte, v Optional[string]) []byte {
	if !v.Present {
		return AppendNullText(dst)
	}
	return AppendText(dst, v.Value)
}

func readNullableText(r *Reader) (v Optional[string]) {
	v.Value, v.Present = r.Text()
	return v
}
