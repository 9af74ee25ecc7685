// import_test.go: events from files of every form, and the places of what is wrong with them.

package trace

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// imported is what an import makes of a file.
func imported(t *testing.T, src io.Reader, o ImportOptions) ([]Event, int64, error) {
	t.Helper()
	var file bytes.Buffer
	n, err := Import(&file, src, o)
	if err != nil {
		return nil, 0, err
	}
	r, err := NewReader(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	events, err := read(&file)
	if err != nil || int(n) != len(events) {
		t.Fatalf("%d of %d events can be read: %v", len(events), n, err)
	}
	return events, r.Start(), nil
}

// The same two flights in all forms.
var forms = map[Form]string{
	Array: ` [ {"at": "2001/01/01 00:47", "from": "DTW", "miles" : 1750} ,` + "\n" + `{"at":"2001/01/01 01:10","from":"HNL","miles":2399} ]` + "\n",
	Lines: `{"at": "2001/01/01 00:47", "from": "DTW", "miles" : 1750}` + "\n\n" + `{"at":"2001/01/01 01:10","from":"HNL","miles":2399}`,
	CSV:   "from,at,miles\r\nDTW,2001/01/01 00:47,1750\r\n\r\nHNL,2001/01/01 01:10,\"2399\"\r\n",
}

// Each form is recognised, plain and packed, and the whole object is kept byte by byte.
func TestImportForms(t *testing.T) {
	gz := func(s string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
		return b.Bytes()
	}
	zs := func(s string) []byte {
		w, _ := zstd.NewWriter(nil)
		return w.EncodeAll([]byte(s), nil)
	}
	objects := map[Form][2]string{
		Array: {`{"at": "2001/01/01 00:47", "from": "DTW", "miles" : 1750}`, `{"at":"2001/01/01 01:10","from":"HNL","miles":2399}`},
		Lines: {`{"at": "2001/01/01 00:47", "from": "DTW", "miles" : 1750}`, `{"at":"2001/01/01 01:10","from":"HNL","miles":2399}`},
		CSV:   {"DTW,2001/01/01 00:47,1750", `HNL,2001/01/01 01:10,"2399"`},
	}
	for form, content := range forms {
		for packing, file := range map[string][]byte{"plain": []byte(content), "gzip": gz(content), "zstd": zs(content)} {
			for _, named := range []Form{Auto, form} {
				t.Run(fmt.Sprintf("%s/%s/form=%s", form, packing, named), func(t *testing.T) {
					got, start, err := imported(t, bytes.NewReader(file), ImportOptions{Form: named, Time: "at", Key: "from", Payload: WholeObject})
					if err != nil {
						t.Fatal(err)
					}
					want := objects[form]
					if len(got) != 2 || start != time.Date(2001, 1, 1, 0, 47, 0, 0, time.UTC).UnixNano() ||
						!equal(got[0], Event{Time: 0, Key: "DTW", Size: int64(len(want[0])), Payload: []byte(want[0])}) ||
						!equal(got[1], Event{Time: 23 * time.Minute, Key: "HNL", Size: int64(len(want[1])), Payload: []byte(want[1])}) {
						t.Fatalf("from %d: %+v", start, got)
					}
				})
			}
		}
	}
}

// Which field is what: sizes from a field, payloads from a field or none, fields inside objects, no key.
func TestImportFields(t *testing.T) {
	const file = `{"at":1000,"user":{"id":7,"name":"a\"b"},"n":12,"body":"h\u0069","list":[1, 2]}`
	for _, c := range []struct {
		o    ImportOptions
		want Event
	}{
		{ImportOptions{}, Event{Size: int64(len(file))}},
		{ImportOptions{Size: "n"}, Event{Size: 12}},
		{ImportOptions{Payload: "body"}, Event{Size: 2, Payload: []byte("hi")}},
		{ImportOptions{Payload: "list", Size: "n"}, Event{Size: 12, Payload: []byte("[1, 2]")}},
		{ImportOptions{Payload: "user", Key: "user.name"}, Event{Key: `a"b`, Size: 24, Payload: []byte(`{"id":7,"name":"a\"b"}`)}},
		{ImportOptions{Key: "user.id"}, Event{Key: "7", Size: int64(len(file))}},
	} {
		c.o.Time = "at"
		got, _, err := imported(t, strings.NewReader(file), c.o)
		if c.want.Payload != nil && c.o.Size == "" {
			c.want.Size = int64(len(c.want.Payload))
		}
		if err != nil || len(got) != 1 || !equal(got[0], c.want) {
			t.Errorf("%+v: %+v, %v; want %+v", c.o, got, err, c.want)
		}
	}
}

// What is wrong with a record is said with its number, line and place.
func TestImportErrors(t *testing.T) {
	o := ImportOptions{Time: "t", Key: "k"}
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "import: the file is empty"},
		{"no record", "[]", "import: the file holds no record"},
		{"no record", "t,k\n", "import: the file holds no record"},
		{"not an object", "[1]", `record 1 (line 1, byte 1): an object was expected, not '1'`},
		{"comma at the end", `[{"t":1,"k":""},]`, `record 2 (line 1, byte 16): an object was expected, not ']'`},
		{"no comma", `[{"t":1,"k":""}` + "\n" + `{"t":1,"k":""}]`, `record 2 (line 2, byte 16): ',' or ']' was expected, not '{'`},
		{"after the array", "[{\"t\":1,\"k\":\"\"}]\nx", `record 2 (line 2, byte 17): 'x' follows the array`},
		{"array ends early", `[{"t":1,"k":""}`, `record 2 (line 1, byte 15): the file ends in the middle`},
		{"object ends early", `{"t":1,"k":"}`, `record 1 (line 1, byte 0): the file ends in the middle`},
		{"not JSON", "{\"t\":1,\"k\":\"\"}\n {\"t\":1 \"k\":\"\"}", `record 2 (line 2, byte 16): invalid character '"' after object key:value pair`},
		{"no time", `{"k":"a"}`, `record 1 (line 1, byte 0): it has no field "t"`},
		{"no key", "{\"t\":1,\"k\":\"\"}\n{\"t\":1}", `record 2 (line 2, byte 15): it has no field "k"`},
		{"null", `{"t":null,"k":""}`, `record 1 (line 1, byte 0): field "t" is null`},
		{"object as key", `{"t":1,"k":{}}`, `record 1 (line 1, byte 0): field "k" is neither a string nor a number`},
		{"no time that is known", `{"t":"noon","k":""}`, `record 1 (line 1, byte 0): field "t": "noon" is not a time of a form that is recognised: name its layout`},
		{"layout changes", "{\"t\":\"2001-01-01 00:00:00\",\"k\":\"\"}\n{\"t\":1,\"k\":\"\"}",
			`record 2 (line 2, byte 35): field "t": "1" is not a time of the form "2006-01-02 15:04:05"`},
		{"order", "{\"t\":2,\"k\":\"\"}\n{\"t\":1,\"k\":\"\"}",
			`record 2 (line 2, byte 15): its time, 1970-01-01T00:00:01Z, is before that of the record before, 1970-01-01T00:00:02Z: events are not in the order of their times`},
		{"csv fields", "t,k\n1,a\n2\n", `record 2 (line 3, byte 8): wrong number of fields`},
		{"csv quote", "t,k\n1,a\n\n2,\"b\n", `record 2 (line 4, byte 9): extraneous or missing " in quoted-field`},
		{"csv name", "time,k\n1,a\n", `record 1 (line 2, byte 7): it has no field "t"`},
		{"byte order mark", "\ufefft,k\n1,a\n", "import: the file begins with a byte order mark"},
		{"torn gzip", "\x1f\x8b\x08\x00", "import: gzip: unexpected EOF"},
	} {
		_, _, err := imported(t, strings.NewReader(c.file), o)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwant: %s", c.name, err, c.want)
		}
	}
}

// Size fields that are none are errors, and sizes that a trace cannot hold.
func TestImportBadSizes(t *testing.T) {
	for _, size := range []string{`"x"`, `1.5`, `-1`, `99999999999999999999`, `2199023255552`} {
		_, _, err := imported(t, strings.NewReader(`{"t":1,"n":`+size+`}`), ImportOptions{Time: "t", Size: "n"})
		var at *ImportError
		if !errors.As(err, &at) || at.Record != 1 {
			t.Errorf("size %s: %v", size, err)
		}
	}
}

// Events in any order are sorted by their times when that is asked for; those of one instant keep their order.
func TestImportSort(t *testing.T) {
	file := "t,k\n3,a\n1,b\n3,c\n1,d\n2,e\n"
	if _, _, err := imported(t, strings.NewReader(file), ImportOptions{Time: "t", Key: "k"}); !errors.Is(err, ErrOrder) {
		t.Fatal(err)
	}
	got, start, err := imported(t, strings.NewReader(file), ImportOptions{Time: "t", Key: "k", Payload: "k", Sort: true})
	if err != nil || start != 1e9 {
		t.Fatal(start, err)
	}
	order := ""
	for _, e := range got {
		order += fmt.Sprint(e.Key, string(e.Payload), int64(e.Time/time.Second), " ")
	}
	if order != "bb0 dd0 ee1 aa2 cc2 " {
		t.Fatal(order)
	}
}

// endless is a file that never ends, and never ends a record either.
type endless struct{ begin string }

var manyX = strings.Repeat("x", 64<<10)

func (e *endless) Read(p []byte) (int, error) {
	if e.begin != "" {
		n := copy(p, e.begin)
		e.begin = e.begin[n:]
		return n, nil
	}
	return copy(p, manyX), nil
}

// A record without an end is refused when it is longer than a payload may be, whatever the form.
func TestImportEndlessRecord(t *testing.T) {
	for _, begin := range []string{`[{"t":"`, `{"t":"`, "t,k\n1,\""} {
		_, _, err := imported(t, &endless{begin}, ImportOptions{Time: "t"})
		if !errors.Is(err, errRecordSize) {
			t.Errorf("%q: %v", begin, err)
		}
	}
}

// Times of all layouts, and what is not one.
func TestMoments(t *testing.T) {
	const day = 978307200 // 2001-01-01
	for _, c := range []struct {
		layout, text string
		want         int64
	}{
		{"", "2001/01/01 00:01", (day + 60) * 1e9},
		{"", "2001-01-01 00:00:01", (day + 1) * 1e9},
		{"", "2001-01-01 00:00:01.000000002", (day+1)*1e9 + 2},
		{"", "2001-01-01T00:00:01Z", (day + 1) * 1e9},
		{"", "2001-01-01T01:00:01.5+01:00", (day+1)*1e9 + 5e8},
		{"", "978307200", day * 1e9},
		{"", "978307200.000000001", day*1e9 + 1},
		{"", "978307200123", day*1e9 + 123e6},
		{"", "978307200123.25", day*1e9 + 123_250_000},
		{"", "978307200123456", day*1e9 + 123_456_000},
		{"", "978307200123456789", day*1e9 + 123_456_789},
		{"", "9.783072e+08", day * 1e9},
		{"ms", "0", 0},
		{"s", "-1.5", -15e8},
		{"ns", "12", 12},
		{"02.01.2006", "01.01.2001", day * 1e9},
	} {
		m := moments{layout: c.layout}
		if got, err := m.parse(c.text); err != nil || got != c.want {
			t.Errorf("%q as %q: %d, %v; want %d", c.text, c.layout, got, err, c.want)
		}
	}
	for _, c := range []struct{ layout, text string }{
		{"", ""}, {"", "NaN"}, {"", "Inf"}, {"", "0x10"}, {"", "1e999"}, {"s", "1e300"}, {"s", "1..2"}, {"s", "1.x"},
		{"s", "99999999999"}, {"ms", "9223372036854775807"}, {"ns", "9223372036854775808"}, {"2006", "1500"}, {"2006", "3000"}, {"2006", "noon"},
	} {
		m := moments{layout: c.layout}
		if got, err := m.parse(c.text); err == nil {
			t.Errorf("%q as %q: %d, which is not an error", c.text, c.layout, got)
		}
	}
}

// A summary says of a trace, whole or torn, what is good of it.
func TestSummarize(t *testing.T) {
	file, _, _ := small(t)
	s, err := Summarize(bytes.NewReader(file))
	want := Summary{
		Start: time.Unix(978307620, 0).UTC(), Events: 7, First: 0, Last: 6 * time.Second, Keys: 3,
		Sizes: 21, SizeMin: 0, SizeMax: 6, Payloads: 3, PayloadBytes: 15, Bytes: int64(len(file)),
	}
	if err != nil || s != want {
		t.Fatalf("%+v, %v\nwant %+v", s, err, want)
	}
	s, err = Summarize(bytes.NewReader(file[:len(file)/2]))
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || s.Events != corrupt.Events || s.Events == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
}

// Whatever a file holds, importing it ends, with a trace that can be read or an error.
func FuzzImport(f *testing.F) {
	for _, file := range forms {
		f.Add([]byte(file), true)
		f.Add([]byte(file), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, sort bool) {
		var file bytes.Buffer
		n, err := Import(&file, bytes.NewReader(data), ImportOptions{Time: "at", Key: "from", Payload: WholeObject, Sort: sort})
		if err != nil {
			return
		}
		events, err := read(&file)
		if err != nil || uint64(len(events)) != n {
			t.Fatalf("%d of %d events: %v", len(events), n, err)
		}
		for _, e := range events {
			if !bytes.Contains(data, e.Payload) && !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) && !bytes.HasPrefix(data, []byte{0x28, 0xb5}) {
				t.Fatalf("payload %q is not in the file", e.Payload)
			}
		}
	})
}
