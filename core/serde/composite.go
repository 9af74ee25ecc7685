// composite.go: the types made of other types: arrays, lists, maps, tuples.

package serde

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The serializers of arrays of primitives, and of the array of strings. A null array is an error in Flink; here nil is empty.
var (
	ByteArray    = Serializer[[]byte]{func(v []byte) int { return 4 + len(v) }, appendByteArray, readByteArray}
	BooleanArray = primitives(1, Boolean)
	ShortArray   = primitives(2, Short)
	IntArray     = primitives(4, Int)
	LongArray    = primitives(8, Long)
	FloatArray   = primitives(4, Float)
	DoubleArray  = primitives(8, Double)
	CharArray    = primitives(2, Char)
	StringArray  = List(NullableString)
)

func appendByteArray(dst, v []byte) []byte { return append(appendCount(dst, len(v)), v...) }

func readByteArray(r *Reader) []byte { return append([]byte(nil), r.Bytes()...) }

// primitives is an array of elements of one size.
func primitives[T any](size int, element Serializer[T]) Serializer[[]T] {
	s := List(element)
	s.Size = func(v []T) int { return 4 + size*len(v) }
	s.Read = func(r *Reader) []T { return readMany(r, size, element.Read) }
	return s
}

// List is a java.util.List whose elements are not null: their number, then the elements.
func List[T any](element Serializer[T]) Serializer[[]T] {
	return Serializer[[]T]{
		Size: func(v []T) int {
			n := 4
			for _, e := range v {
				n += element.Size(e)
			}
			return n
		},
		Append: func(dst []byte, v []T) []byte {
			dst = appendCount(dst, len(v))
			for _, e := range v {
				dst = element.Append(dst, e)
			}
			return dst
		},
		Read: func(r *Reader) []T { return readMany(r, 1, element.Read) },
	}
}

// ObjectArray is a Java array of objects: their number, then for each whether it is there, and itself if it is.
func ObjectArray[T any](element Serializer[T]) Serializer[[]Optional[T]] {
	return List(Serializer[Optional[T]]{
		Size: func(v Optional[T]) int {
			if !v.Present {
				return 1
			}
			return 1 + element.Size(v.Value)
		},
		Append: func(dst []byte, v Optional[T]) []byte {
			dst = appendBool(dst, v.Present)
			if v.Present {
				dst = element.Append(dst, v.Value)
			}
			return dst
		},
		Read: func(r *Reader) (v Optional[T]) {
			if v.Present = r.Bool(); v.Present {
				v.Value = element.Read(r)
			}
			return v
		},
	})
}

// Entry is one entry of a map.
type Entry[K, V any] struct {
	Key   K
	Value Optional[V]
}

// Map is a java.util.Map: the number of entries, then for each the key, whether the value is null, and the value unless it is. The
// entries stay in the order in which they came, which in Java is the map's own.
func Map[K, V any](key Serializer[K], value Serializer[V]) Serializer[[]Entry[K, V]] {
	return List(Serializer[Entry[K, V]]{
		Size: func(e Entry[K, V]) int {
			n := key.Size(e.Key) + 1
			if e.Value.Present {
				n += value.Size(e.Value.Value)
			}
			return n
		},
		Append: func(dst []byte, e Entry[K, V]) []byte {
			dst = appendBool(key.Append(dst, e.Key), !e.Value.Present)
			if e.Value.Present {
				dst = value.Append(dst, e.Value.Value)
			}
			return dst
		},
		Read: func(r *Reader) (e Entry[K, V]) {
			e.Key = key.Read(r)
			if e.Value.Present = !r.Bool(); e.Value.Present {
				e.Value.Value = value.Read(r)
			}
			return e
		},
	})
}

// Pair is Flink's Tuple2.
type Pair[A, B any] struct {
	F0 A
	F1 B
}

// Tuple2 is two fields, one behind the other.
func Tuple2[A, B any](f0 Serializer[A], f1 Serializer[B]) Serializer[Pair[A, B]] {
	return Serializer[Pair[A, B]]{
		Size:   func(v Pair[A, B]) int { return f0.Size(v.F0) + f1.Size(v.F1) },
		Append: func(dst []byte, v Pair[A, B]) []byte { return f1.Append(f0.Append(dst, v.F0), v.F1) },
		Read:   func(r *Reader) Pair[A, B] { return Pair[A, B]{f0.Read(r), f1.Read(r)} },
	}
}

// Tuple is a tuple of one field or more, known only at run time. It panics on a value with another number of fields or of other
// types than it was made for; a null field is one of another type.
func Tuple(fields ...Serializer[any]) Serializer[[]any] {
	if len(fields) == 0 {
		panic("serde: a tuple without fields")
	}
	check := func(v []any) {
		if len(v) != len(fields) {
			panic(fmt.Sprintf("serde: a tuple of %d fields, made for %d", len(v), len(fields)))
		}
	}
	return Serializer[[]any]{
		Size: func(v []any) (n int) {
			check(v)
			for i, f := range fields {
				n += f.Size(v[i])
			}
			return n
		},
		Append: func(dst []byte, v []any) []byte {
			check(v)
			for i, f := range fields {
				dst = f.Append(dst, v[i])
			}
			return dst
		},
		Read: func(r *Reader) []any {
			v := make([]any, len(fields))
			for i, f := range fields {
				v[i] = f.Read(r)
			}
			return v
		},
	}
}

// Any is s for values whose type is known only at run time. It panics on a value that is no T.
func Any[T any](s Serializer[T]) Serializer[any] {
	return Serializer[any]{
		Size:   func(v any) int { return s.Size(v.(T)) },
		Append: func(dst []byte, v any) []byte { return s.Append(dst, v.(T)) },
		Read:   func(r *Reader) any { return s.Read(r) },
	}
}

// readMany reads a count and that many elements of at least size bytes each.
func readMany[T any](r *Reader, size int, read func(*Reader) T) []T {
	n := r.count(size)
	v := make([]T, 0, min(n, 1+r.Remaining()/size))
	for ; n > 0 && r.err == nil; n-- {
		v = append(v, read(r))
	}
	return v
}

func appendCount(dst []byte, n int) []byte {
	if n > math.MaxInt32 {
		panic(fmt.Sprintf("serde: %d elements, allowed are %d", n, math.MaxInt32))
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}
