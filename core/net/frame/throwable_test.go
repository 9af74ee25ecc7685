// throwable_test.go: Java exceptions, written so that a JVM reads them, and read without one.

package frame_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"xbench/core/net/frame"
)

// templates is error-templates.json: streams that a JVM made.
type templates struct {
	Patched struct {
		PartitionID, ProducerID, Message, Hex string
	}
	PartitionNotFound, IO, Runtime, IllegalState struct{ Class, Message, Hex string }
}

func loadTemplates(t *testing.T) (all templates) {
	t.Helper()
	var raw map[string]json.RawMessage
	unmarshal(t, read(t, "testdata/captures/error-templates.json"), &raw)
	unmarshal(t, raw["partition_not_found"], &all.PartitionNotFound)
	unmarshal(t, raw["IOException"], &all.IO)
	unmarshal(t, raw["RuntimeException"], &all.Runtime)
	unmarshal(t, raw["IllegalStateException"], &all.IllegalState)
	unmarshal(t, raw["partition_not_found_patched_example"], &all.Patched)
	var ids struct {
		Partition string `json:"partition_id_hex"`
		Producer  string `json:"producer_id_hex"`
	}
	unmarshal(t, raw["partition_not_found_patched_example"], &ids)
	all.Patched.PartitionID, all.Patched.ProducerID = ids.Partition, ids.Producer
	return all
}

// javaOf is the Java stream of a fatal error's frame.
func javaOf(cause frame.Throwable) []byte {
	b := frame.ErrorResponse{Cause: cause, Fatal: true}.AppendTo(nil)
	return b[frame.HeaderSize : len(b)-1]
}

func parseError(t testing.TB, body []byte) (frame.ErrorResponse, error) {
	t.Helper()
	m, err := frame.ParseResponse(frame.IDErrorResponse, body)
	return m.Error, err
}

// What is written is byte for byte what a JVM wrote, with another message in it.
func TestThrowablesAreThoseOfTheTemplates(t *testing.T) {
	all := loadTemplates(t)
	for _, want := range []struct{ Class, Message, Hex string }{all.PartitionNotFound, all.IO, all.Runtime, all.IllegalState} {
		java := unhex(t, want.Hex)
		if got := javaOf(frame.NewThrowable(want.Class, want.Message)); !bytes.Equal(got, java) {
			t.Errorf("%s\n got %x\nwant %x", want.Class, got, java)
		}
		for _, message := range []string{"", "short", "a much longer message than the one of the template", "grüß dich 😀"} {
			body := append(javaOf(frame.NewThrowable(want.Class, message)), 0)
			m, err := parseError(t, body)
			if err != nil || m.Cause.Class != want.Class || m.Cause.Message != message || !m.Fatal {
				t.Errorf("%s, %q is read as %v, %v", want.Class, message, m.Cause, err)
			}
		}
	}
}

// A JVM read this one back correctly: every id is where it belongs.
func TestPartitionNotFoundIsThePatchedExample(t *testing.T) {
	example := loadTemplates(t).Patched
	var id frame.ResultPartitionID
	var err error
	if id.Partition, err = frame.ParsePartitionID(example.PartitionID); err != nil {
		t.Fatal(err)
	}
	if id.Producer, err = frame.ParseProducerID(example.ProducerID); err != nil {
		t.Fatal(err)
	}
	cause := frame.PartitionNotFound(id)
	if cause.Message != example.Message || cause.Class != frame.ClassPartitionNotFound {
		t.Errorf("%v", cause)
	}
	if got := javaOf(cause); hex.EncodeToString(got) != example.Hex {
		t.Errorf("got %x\nwant %s", got, example.Hex)
	}
}

// Classes without a template of their own: two that differ from one only in name, and all the rest.
func TestOtherThrowables(t *testing.T) {
	for _, c := range []struct{ class, message, wantClass, wantMessage string }{
		{frame.ClassIllegalArgument, "Task event receiver not found.", frame.ClassIllegalArgument, "Task event receiver not found."},
		{frame.ClassIndexOutOfBounds, "Subpartition not found.", frame.ClassIndexOutOfBounds, "Subpartition not found."},
		{"com.example.Fault", "broken", frame.ClassRuntime, "com.example.Fault: broken"},
		{"com.example.Fault", "", frame.ClassRuntime, "com.example.Fault"},
	} {
		for _, cause := range []frame.Throwable{frame.NewThrowable(c.class, c.message), {Class: c.class, Message: c.message}} {
			m, err := parseError(t, append(javaOf(cause), 0))
			if err != nil || m.Cause.Class != c.wantClass || m.Cause.Message != c.wantMessage {
				t.Errorf("%v is read as %v, %v", cause, m.Cause, err)
			}
		}
	}
	// They begin as the real ones do, up to the superclass.
	for recording, class := range map[string]string{"task-event": frame.ClassIllegalArgument, "err-bad-subpartition": frame.ClassIndexOutOfBounds} {
		java := javaOf(frame.NewThrowable(class, "x"))
		head := java[:bytes.Index(java, []byte("java.lang.RuntimeException"))]
		if !bytes.Contains(read(t, "testdata/captures/"+recording+".s2c.bin"), head) {
			t.Errorf("%s begins with %x, in no recording", class, head)
		}
	}
}

// A message longer than a short Java string is cut, between two characters.
func TestLongMessagesAreCut(t *testing.T) {
	for _, message := range []string{strings.Repeat("x", 1<<16), strings.Repeat("é", 1<<15), "x" + strings.Repeat("😀", 1<<14)} {
		cause := frame.NewThrowable(frame.ClassIOException, message)
		m, err := parseError(t, append(javaOf(cause), 0))
		if err != nil || m.Cause.Message != cause.Message || !strings.HasPrefix(message, cause.Message) || len(cause.Message) < 40_000 {
			t.Errorf("%d bytes are cut to %d and read as %d, %v", len(message), len(cause.Message), len(m.Cause.Message), err)
		}
	}
}

// Whether a channel id follows is found although nothing says where the exception ends, whatever the id looks like.
func TestErrorsWithAndWithoutChannel(t *testing.T) {
	for _, id := range []frame.ChannelID{{}, {15: 1}, {0: 1}, {0: 1, 15: 1}, {14: 0x70, 15: 0}, channel(t, "41dc84fe87b6de8aea7b427d20a84c67")} {
		for _, cause := range []frame.Throwable{frame.PartitionNotFound(somePartition), frame.NewThrowable(frame.ClassIOException, "x\x01")} {
			for _, fatal := range []bool{false, true} {
				want := frame.ErrorResponse{Cause: cause, Fatal: fatal}
				if !fatal {
					want.Channel = id
				}
				b := want.AppendTo(nil)
				got, err := parseError(t, b[frame.HeaderSize:])
				if err != nil || got.Fatal != fatal || got.Channel != want.Channel || got.Cause.String() != cause.String() {
					t.Errorf("%v, fatal %t, is read as %v, fatal %t, of %v, %v", id, fatal, got.Channel, got.Fatal, got.Cause, err)
				}
				if !bytes.Equal(got.AppendTo(nil), b) {
					t.Errorf("%v, fatal %t: appended again it differs", id, fatal)
				}
			}
		}
	}
}

// An exception with something in it that cannot be walked through: the class is known, and the end is guessed.
func TestErrorsThatCannotBeWalked(t *testing.T) {
	java := javaOf(frame.NewThrowable(frame.ClassIOException, "lost"))
	at := bytes.Index(java, []byte("lost")) - 3
	java[at] = 0x79 // a reset of the stream, which no exception has
	id := channel(t, "41dc84fe87b6de8aea7b427d20a84c67")
	for _, c := range []struct {
		name    string
		tail    []byte
		fatal   bool
		channel frame.ChannelID
	}{
		{"fatal", []byte{0}, true, frame.ChannelID{}},
		{"of a channel", append([]byte{1}, id[:]...), false, id},
		{"of a channel whose id ends with 0", append([]byte{1}, make([]byte, 16)...), false, frame.ChannelID{}},
	} {
		m, err := parseError(t, append(bytes.Clone(java), c.tail...))
		if err != nil || m.Cause.Class != frame.ClassIOException || m.Fatal != c.fatal || m.Channel != c.channel {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
	}
	if _, err := parseError(t, append(bytes.Clone(java), 7)); err == nil {
		t.Error("a boolean of 7 at the end, and no channel: no fault")
	}
}

// Bytes behind the exception that are neither a boolean nor a boolean and a channel id.
func TestErrorsWithGarbageBehind(t *testing.T) {
	java := javaOf(frame.NewThrowable(frame.ClassIOException, "x"))
	for _, tail := range [][]byte{{1}, {0, 0}, append([]byte{0}, make([]byte, 16)...), append([]byte{1}, make([]byte, 15)...)} {
		_, err := parseError(t, append(bytes.Clone(java), tail...))
		var corrupt *frame.CorruptError
		if !errors.As(err, &corrupt) {
			t.Errorf("% x: %v", tail, err)
		}
	}
}

// An exception inside an exception inside an exception, as deep as it likes: walked or given up, but in bounded steps and depth.
func TestDeepExceptionsAreBounded(t *testing.T) {
	const head = "aced0005 7372 0001 41 0000000000000000 02 0001 4c 0001 62 740001 43 78 70" // class A with a field of class C
	for name, b := range map[string][]byte{
		"objects in objects": append(unhex(t, head), bytes.Repeat(unhex(t, "73 71 007e0000"), 1<<17)...),
		"classes of classes": append(unhex(t, "aced0005 7372 0001 41 0000000000000000 02 0000 78"), bytes.Repeat(unhex(t, "72 0000 0000000000000000 02 0000 78"), 1<<16)...),
		"its own superclass": unhex(t, "aced0005 7372 0001 41 0000000000000000 02 0000 78 71 007e0000"),
		"arrays of nulls":    append(unhex(t, "aced0005 7372 0001 41 0000000000000000 03 0000 78 70 75 72 0002 5b4c 0000000000000000 02 0000 78 70 7fffffff"), bytes.Repeat([]byte{0x70}, 1<<21)...),
		"many in a row":      append(unhex(t, "aced0005 7372 0001 41 0000000000000000 03 0000 78 70"), bytes.Repeat([]byte{0x70}, 1<<21)...),
	} {
		m, err := parseError(t, append(b, 0))
		if err != nil || m.Cause.Class != "A" || m.Cause.Message != "" {
			t.Errorf("%s: %v, %v", name, m.Cause, err)
		}
	}
}

// Everything that a Java stream can hold besides, in the fields of one exception.
func TestJavaStreamsOfEveryKind(t *testing.T) {
	utf := func(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
	class := func(name string, flags byte, fields ...string) []byte {
		b := append([]byte{0x72}, utf(name)...)
		b = append(append(b, make([]byte, 8)...), flags)
		b = binary.BigEndian.AppendUint16(b, uint16(len(fields)))
		for _, f := range fields { // "Lname" or "Iname"
			b = append(append(b, f[0]), utf(f[1:])...)
			if f[0] == 'L' || f[0] == '[' {
				b = append(append(b, 0x74), utf("Ljava/lang/Object;")...)
			}
		}
		return append(b, 0x78)
	}
	b := unhex(t, "aced0005 73")
	b = append(b, class("Sub", 0x02, "Bb", "Cc", "Dd", "Ff", "Ii", "Jj", "Ss", "Zz", "La", "Lb", "Lc", "Ld", "Le", "Lf", "[g")...)
	b = append(b, class("java.lang.Throwable", 0x03, "LdetailMessage")...)
	b = append(b, 0x70)                                                              // no superclass
	b = append(append(b, 0x7C, 0, 0, 0, 0, 0, 0, 0, 2), "hi"...)                     // detailMessage as a long string
	b = append(b, 0x77, 3, 1, 2, 3, 0x7A, 0, 0, 0, 1, 9, 0x70, 0x78)                 // what Throwable wrote of its own
	b = append(b, make([]byte, 1+2+8+4+4+8+2+1)...)                                  // the primitives
	b = append(append(append(b, 0x7E), class("E", 0x12)...), 0x70)                   // a: an enum,
	b = append(append(b, 0x74), utf("ONE")...)                                       // its constant
	b = append(append(append(b, 0x76), class("K", 0x02)...), 0x70)                   // b: a class
	b = append(append(b, class("L", 0x02)...), 0x70)                                 // c: a class description
	b = append(b, 0x73, 0x7D, 0, 0, 0, 1)                                            // d: a proxy
	b = append(append(b, utf("I")...), 0x78, 0x70)                                   //    of one interface
	b = append(append(append(b, 0x73), class("X", 0x0C)...), 0x70, 0x77, 1, 5, 0x78) // e: externalizable, in blocks
	b = append(b, 0x71, 0, 0x7E, 0, 2)                                               // f: a reference
	b = append(append(append(b, 0x75), class("[J", 0x02)...), 0x70, 0, 0, 0, 2)      // g: an array
	b = append(b, make([]byte, 16)...)
	m, err := parseError(t, append(b, 0))
	if err != nil || m.Cause.Class != "Sub" || m.Cause.Message != "hi" || !m.Fatal {
		t.Errorf("%+v, %v", m, err)
	}
	for n := 12; n < len(b); n++ { // nothing of it may be read beyond its end
		if m, err := parseError(t, append(bytes.Clone(b[:n]), 0)); err == nil && m.Cause.Class != "Sub" {
			t.Errorf("the first %d bytes: %+v", n, m)
		}
	}
}
