// value_test.go: every serializer against bytes worked out by hand from the format's description, and there and back.

package serde

import (
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// check is one value and its bytes in hexadecimal.
func check[T any](t *testing.T, name string, s Serializer[T], v T, want string) {
	t.Helper()
	want = strings.ReplaceAll(want, " ", "")
	b := s.Append([]byte("before"), v)
	if got := hex.EncodeToString(b[len("before"):]); got != want {
		t.Errorf("%s: %v is %s, want %s", name, v, got, want)
		return
	}
	b = b[len("before"):]
	if s.Size(v) != len(b) {
		t.Errorf("%s: Size of %v is %d, want %d", name, v, s.Size(v), len(b))
	}
	var r Reader
	if got, err := s.Decode(&r, b); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("%s: %s is read as %v (%v), want %v", name, want, got, err, v)
	}
	for n := range b { // a record that ends early must not pass, whatever is missing
		if got, err := s.Decode(&r, b[:n]); err == nil {
			t.Errorf("%s: the first %d of %d bytes are read as %v", name, n, len(b), got)
		}
	}
	if _, err := s.Decode(&r, append(b, 0)); err == nil {
		t.Errorf("%s: a byte too many is not noticed", name)
	}
}

func TestValues(t *testing.T) {
	check(t, "Long", Long, -2, "fffffffffffffffe")
	check(t, "Long", Long, math.MaxInt64, "7fffffffffffffff")
	check(t, "Int", Int, 0x01020304, "01020304")
	check(t, "Short", Short, -2, "fffe")
	check(t, "Byte", Byte, -3, "fd")
	check(t, "Boolean", Boolean, true, "01")
	check(t, "Boolean", Boolean, false, "00")
	check(t, "Double", Double, 1.5, "3ff8000000000000")
	check(t, "Float", Float, 1.5, "3fc00000")
	check(t, "Char", Char, 'x', "0078")
	check(t, "Instant", Moment, Instant{Seconds: -1, Nanos: 999_999_999}, "ffffffffffffffff 3b9ac9ff")
	check(t, "byte[]", ByteArray, []byte{1, 2, 3}, "00000003 010203")
	check(t, "boolean[]", BooleanArray, []bool{true, false}, "00000002 0100")
	check(t, "short[]", ShortArray, []int16{1, -1}, "00000002 0001 ffff")
	check(t, "int[]", IntArray, []int32{1}, "00000001 00000001")
	check(t, "long[]", LongArray, []int64{1}, "00000001 0000000000000001")
	check(t, "float[]", FloatArray, []float32{1.5}, "00000001 3fc00000")
	check(t, "double[]", DoubleArray, []float64{1.5}, "00000001 3ff8000000000000")
	check(t, "char[]", CharArray, []uint16{'a', 0xD83D}, "00000002 0061 d83d")
	check(t, "char[]", CharArray, []uint16{}, "00000000")
	check(t, "String[]", StringArray, []Optional[string]{Some("a"), {}, Some("")}, "00000003 0261 00 01")
	check(t, "Object[]", ObjectArray(Int), []Optional[int32]{Some[int32](7), {}}, "00000002 01 00000007 00")
	check(t, "List", List(String), []string{"a", "bc"}, "00000002 0261 036263")
	check(t, "Map", Map(String, Long), []Entry[string, int64]{{"k", Some[int64](1)}, {"n", Optional[int64]{}}},
		"00000002 026b 00 0000000000000001 026e 01")
	check(t, "Tuple2", Tuple2(String, Int), Pair[string, int32]{"a", 1}, "0261 00000001")
	check(t, "Tuple", Tuple(Any(Long), Any(NullableString), Any(Boolean)), []any{int64(1), Optional[string]{}, true}, "0000000000000001 00 01")
	check(t, "nested", List(Tuple2(Int, ObjectArray(String))), []Pair[int32, []Optional[string]]{{1, []Optional[string]{Some("x")}}},
		"00000001 00000001 00000001 01 0278")
}

func TestStrings(t *testing.T) {
	check(t, "null", NullableString, Optional[string]{}, "00")
	check(t, "not null", NullableString, Some("x"), "0278")
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "01"},
		{"ASCII", "hello", "0668656c6c6f"},
		{"beyond the basic plane", "grüß dich € 日本語 😀", "136772fc01df01206469636820ac4120e5cb01acce019e950220bdb00380bc03"},
		{"ends of the lengths", "\x00\x7f\u0080\u07ff\u3fff\u4000\uffff", "08007f8001ff0fff7f808001ffff03"},
		{"lone first surrogate", "a\xED\xA0\xBDb", "0461bdb00362"},
		{"lone second surrogate", "\xED\xB8\x80", "0280bc03"},
		{"two first surrogates", "\xED\xA0\xBD\xED\xA0\xBD", "03bdb003bdb003"},
		{"surrogates in the wrong order", "\xED\xB8\x80\xED\xA0\xBD", "0380bc03bdb003"},
		{"lone, then a pair", "\xED\xA0\xBD😀", "04bdb003bdb00380bc03"},
		{"lone at the end", "é\xED\xA0\xBD", "03e901bdb003"},
	} {
		check(t, c.name, String, c.text, c.want)
	}
	for _, c := range []struct {
		units  int
		prefix string
	}{{126, "7f"}, {127, "8001"}, {128, "8101"}, {255, "8002"}, {16382, "ff7f"}, {16383, "808001"}} {
		s := strings.Repeat("x", c.units)
		check(t, "long", String, s, c.prefix+hex.EncodeToString([]byte(s)))
	}
	if got, want := AppendText(nil, "a\xFFb\xC0\x80\xED\xA0"), AppendText(nil, "a\uFFFDb\uFFFD\uFFFD\uFFFD\uFFFD"); string(got) != string(want) {
		t.Errorf("bytes that are no text: %x, want %x", got, want)
	}
	if got, want := AppendText(nil, "\xED\xA0\xBD\xED\xB8\x80"), AppendText(nil, "😀"); string(got) != string(want) {
		t.Errorf("two surrogates that fit: %x, want %x", got, want)
	}
}

// Values that cannot be, in records long enough for them.
func TestHostileValues(t *testing.T) {
	for _, c := range []struct{ name, payload, reason string }{
		{"negative array", "ffffffff0000", "-1 elements"},
		{"array longer than its record", "7fffffff0000", "Serializer consumed more bytes than the record had."},
	} {
		for kind, read := range map[string]func(*Reader){
			"byte[]": func(r *Reader) { ByteArray.Read(r) }, "long[]": func(r *Reader) { LongArray.Read(r) },
			"List": func(r *Reader) { List(String).Read(r) }, "Map": func(r *Reader) { Map(Long, List(Long)).Read(r) },
		} {
			checkFault(t, c.name+"/"+kind, c.payload, c.reason, read)
		}
	}
	text := func(r *Reader) { r.Text() }
	checkFault(t, "string longer than its record", "ffffffff07 6161", "Serializer consumed more", text)
	checkFault(t, "length without end", "ffffffffffff", "a number that does not end", text)
	checkFault(t, "length too large", "ffffffff0f 61", "a number that does not end, or too large", text)
	checkFault(t, "unit without end", "02 808080808001", "a number that does not end", text)
	checkFault(t, "unit too large", "02 ffff04", "a UTF-16 code unit of 0x13fff", text)
	checkFault(t, "null in a list of strings", "00000001 00", "a null string", func(r *Reader) { List(String).Read(r) })
	checkFault(t, "bytes left over", "01 61", "Serializer did not consume all bytes of the record.", text)
	checkFault(t, "only the first fault counts", "ffffffff", "-1 elements", func(r *Reader) { r.Bytes(); r.Int64(); r.Text() })
}

func checkFault(t *testing.T, name, payload, reason string, read func(*Reader)) {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(payload, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(b)
	read(&r)
	var fault *RecordError
	if err := r.Finish(); !errors.As(err, &fault) || !strings.HasPrefix(fault.Reason, reason) {
		t.Errorf("%s: %v, want %q", name, err, reason)
	}
}

// A tuple that is not what it was made for is an own bug.
func TestTuplePanics(t *testing.T) {
	pair := Tuple(Any(Long), Any(String))
	for name, v := range map[string][]any{"fields missing": {int64(1)}, "null field": {int64(1), nil}, "other type": {int64(1), 2}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			pair.Append(nil, v)
		}()
	}
}

// Values without parts are read without allocation, given a Reader that is kept.
func TestDecodeAllocatesNothing(t *testing.T) {
	var r Reader
	payload := Long.Append(nil, 42)
	if n := testing.AllocsPerRun(100, func() {
		if v, err := Long.Decode(&r, payload); v != 42 || err != nil {
			t.Fatal(v, err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
