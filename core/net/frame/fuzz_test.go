// fuzz_test.go: whatever a peer sends, nothing breaks, and what is accepted can be sent on.

package frame_test

import (
	"bytes"
	"reflect"
	"testing"

	"xbench/core/net/frame"
)

// Any stream, in any pieces: the same frames and the same fault however it is cut; what is found can be described, and appended
// again to the same length.
func FuzzDecoder(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(r.c2s[:min(len(r.c2s), 600)], uint8(50))
		f.Add(r.s2c[:min(len(r.s2c), 600)], uint8(7))
	}
	f.Add(frame.ErrorResponse{Cause: frame.PartitionNotFound(somePartition)}.AppendTo(nil), uint8(100))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		whole, err := decode(stream, func(left int) int { return left })
		pieces, err2 := decode(stream, func(int) int { return 1 + int(size) })
		checkSame(t, "in pieces", pieces, whole)
		if (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Fatalf("whole %v, in pieces %v", err, err2)
		}
		var d frame.Decoder
		d.Feed(stream)
		for {
			f, ok, err := d.Next()
			if err != nil || !ok {
				return
			}
			if _, err := frame.Describe(&f).MarshalJSON(); err != nil {
				t.Fatal(err)
			}
			again := f.AppendTo(nil)
			canonical := append(f.Header.AppendTo(nil), f.Body...)
			if f.ID == frame.IDBufferResponse && f.Response.Buffer.Compressed {
				canonical[38] = 1 // any number is true
			}
			if f.ID == frame.IDErrorResponse && !f.Response.Error.Fatal {
				canonical[len(canonical)-17] = 1
			}
			if !bytes.Equal(again, canonical) {
				t.Fatalf("%x came back as %x", canonical, again)
			}
		}
	})
}

// Any content as an event: what is found is found again in what it is appended as.
func FuzzEvent(f *testing.F) {
	for _, r := range recordings(f) {
		var d frame.Decoder
		d.Feed(r.s2c)
		for {
			one, ok, err := d.Next()
			if err != nil || !ok {
				break
			}
			if b := one.Response.Buffer; one.ID == frame.IDBufferResponse && b.Type.IsEvent() {
				f.Add(b.Content)
			}
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		e, err := frame.ParseEvent(content)
		if err != nil {
			return
		}
		frame.DescribeEvent(e)
		for _, priority := range []bool{false, true} {
			if carried := frame.DataTypeOf(e, priority); !carried.IsEvent() || carried.HasPriority() != priority {
				t.Fatalf("%+v is carried as %v", e, carried)
			}
		}
		again := frame.AppendEvent(nil, e)
		if got, err := frame.ParseEvent(again); err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("%+v came back as %+v, %v", e, got, err)
		}
		if _, class := e.(frame.Other); class {
			return // a class name may be written in more ways than one
		}
		if a, ok := e.(frame.Announcement); ok {
			if _, class := a.Announced.(frame.Other); class {
				return
			}
		}
		if !bytes.HasPrefix(content, again) {
			t.Fatalf("%x came back as %x", content, again)
		}
	})
}

// Any body of an ErrorResponse: read without harm, and the same once more.
func FuzzErrorResponse(f *testing.F) {
	for _, name := range []string{"not-found", "task-event", "err-bad-magic", "err-double-request"} {
		var d frame.Decoder
		d.Feed(read(f, "testdata/captures/"+name+".s2c.bin"))
		for {
			one, ok, err := d.Next()
			if err != nil || !ok {
				break
			}
			if one.ID == frame.IDErrorResponse {
				f.Add(one.Body)
			}
		}
	}
	f.Add(append(javaOf(frame.NewThrowable(frame.ClassIOException, "x")), 0))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseError(t, body)
		if err != nil {
			return
		}
		if m.Cause.Class == "" {
			t.Fatal("an exception without a class")
		}
		b := m.AppendTo(nil)
		again, err := parseError(t, b[frame.HeaderSize:])
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v came back as %+v, %v", m, again, err)
		}
	})
}
