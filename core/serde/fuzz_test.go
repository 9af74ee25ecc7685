// fuzz_test.go: whatever arrives, nothing breaks, and what is accepted survives the way back.

package serde

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// Any bytes, cut anywhere: the same records and the same fault, however they are cut and wherever they are gathered, and nothing lost.
func FuzzDeserializer(f *testing.F) {
	f.Add([]byte{}, uint8(1))
	f.Add(framed([][]byte{{}, {1}, []byte("hello"), make([]byte, 100)}), uint8(7))
	f.Add([]byte{0, 0, 0, 3, 1, 2, 3, 0xFF, 0xFF, 0xFF, 0xFF}, uint8(2))
	f.Add([]byte{0, 0, 1, 2}, uint8(3))
	f.Add([]byte{0, 0, 0, 3, 1, 2, 3, 0xFF, 0xFF, 0xFF, 0xFF}, uint8(86)) // behind a whole record, in one buffer
	f.Add(make([]byte, 12), uint8(10))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		const limit = 200
		type outcome struct {
			payloads []string
			rest     string
			err      error
		}
		read := func(size, threshold int, next func(*Deserializer) ([]byte, bool, error)) (o outcome) {
			d := NewDeserializer(Options{MaxRecord: limit})
			d.o.SpillThreshold = threshold // lower than a user may ask for
			defer d.Reset()
			for at := 0; at < len(stream); at += size {
				d.SetBuffer(stream[at:min(at+size, len(stream))])
				for {
					payload, ok, err := next(d)
					if err != nil {
						o.err = err
						return o
					}
					if !ok {
						break
					}
					o.payloads = append(o.payloads, string(payload))
				}
			}
			o.rest = string(unconsumed(t, d))
			return o
		}
		whole := read(max(1, len(stream)), limit, (*Deserializer).Next)
		for _, threshold := range []int{limit, limit / 4} {
			for i, next := range []func(*Deserializer) ([]byte, bool, error){(*Deserializer).Next, inRuns(1), inRuns(3)} {
				if pieces := read(max(1, int(size)), threshold, next); !reflect.DeepEqual(whole, pieces) {
					t.Fatalf("in one buffer %+v, in pieces of %d, %d in memory, way %d: %+v", whole, size, threshold, i, pieces)
				}
			}
		}
		var again []byte
		for _, payload := range whole.payloads {
			again = AppendFramed(again, Bytes(payload))
		}
		var fault *LengthError
		if errors.As(whole.err, &fault) {
			if fault.Offset != int64(len(again)) || fault.Length >= 0 && fault.Length <= limit {
				t.Fatalf("%v, after %d bytes of records", fault, len(again))
			}
			stream = stream[:len(again)]
		}
		if again = append(again, whole.rest...); !bytes.Equal(again, stream) {
			t.Fatalf("%x came out as %x", stream, again)
		}
	})
}

// Any payload as a stream element.
func FuzzElement(f *testing.F) {
	rng := seeded(f)
	for range 30 {
		e := randomElement(rng)
		f.Add(e.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := ParseElement(payload)
		if err != nil {
			return
		}
		again := e.AppendTo(nil)
		if e.Tag == TagRecordAttributes && e.Backlog {
			payload = []byte{byte(e.Tag), 1} // any other number is true as well
		}
		if e.Size() != len(again) || !bytes.Equal(again, payload) {
			t.Fatalf("%x came back as %x, Size %d", payload, again, e.Size())
		}
	})
}

// Any payload as a value of any type: what can be read can be written and read again, to the same value.
func FuzzValue(f *testing.F) {
	rng := seeded(f)
	for range 30 {
		f.Add(AppendText(nil, randomText(rng)))
	}
	f.Add([]byte{0, 0, 0, 1, 2, 'k', 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{0xBD, 0xB0, 0x03, 0x80})
	types := []Serializer[any]{
		Any(String), Any(NullableString), Any(Long), Any(Boolean), Any(ByteArray), Any(LongArray), Any(CharArray), Any(StringArray), Any(Moment),
		Any(ObjectArray(Short)), Any(Map(String, Long)), Any(Tuple2(Int, String)), Any(List(Map(Byte, List(String)))),
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var r Reader
		for i, s := range types {
			v, err := s.Decode(&r, payload)
			if err != nil {
				continue
			}
			again := s.Append(nil, v)
			if s.Size(v) != len(again) {
				t.Fatalf("type %d: Size of %v is %d, its bytes are %x", i, v, s.Size(v), again)
			}
			if w, err := s.Decode(&r, again); err != nil || !reflect.DeepEqual(v, w) {
				t.Fatalf("type %d: %v came back as %v (%v)", i, v, w, err)
			}
		}
	})
}
