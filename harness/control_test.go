// control_test.go: the control protocol, with friendly and with hostile bytes.

package harness

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"xbench/harness/wait"
)

// conversation is one message of each kind, with every key in use.
func conversation() []message {
	return []message{
		{Hello: &hello{Version: controlVersion, PID: 17}},
		{Plan: &Plan{
			Case: "flights", Trial: 2, Worker: 1, Workers: 2, Roles: []string{RoleSink}, Driver: "exchange",
			Params: json.RawMessage(`{"a":[1,2]}`), Seed: 1<<64 - 1, Loop: Open, Warmup: time.Second, Duration: time.Minute,
		}},
		{Opened: &opened{Addr: "127.0.0.1:4000"}},
		{Peers: &peers{Addrs: []string{"", "127.0.0.1:4000"}}},
		{Connected: &connected{Sources: []sourceName{{Name: "writer[0]", Index: 0, Channels: 4}}, Sinks: []string{"gate[0]"}}},
		{Start: &Window{Begin: 1, Measure: 2, End: 3}},
		{Progress: &progress{Sent: 10, Received: 9}},
		{Stop: nothing},
		{Finished: &finished{
			End: 3,
			Sources: []sourceReport{{
				Index: 0, Ledger: []entryLine{{3, 5, 1<<64 - 1}}, Sent: 5, Planned: 6, Behind: 7,
				Lag: &recording{Histogram: "x", Min: 1, Max: 2, Refused: 1, Refusal: -5},
			}},
			Sinks: []sinkReport{{
				Name: "gate[0]", Received: 5, Ledgers: []sinkLedger{{Source: 0, Entries: []entryLine{{3, 5, 7}}}},
				Span: span{First: 1, Last: 2, Records: 3, After: 2}, Latency: &recording{Histogram: "y"},
			}},
		}},
		{Bye: nothing},
		{Closed: &closed{
			Stats: Stats{BytesOnWire: 1, Connections: 2, Segments: 3, SegmentSize: 4, Exclusive: 5, Floating: 6, Waits: []wait.Wait{{Role: "sink", Reason: "input", Count: 1, Ns: 2}}},
			CPU:   cpu{Ns: 1, Wall: 2}, Error: "1 segment is not home",
		}},
		{Failed: &failed{Message: "no"}},
		{Dump: nothing},
		{Dumped: &dumped{Stacks: []byte("goroutine 1 [running]:\n")}},
	}
}

func TestControlCarriesEveryMessage(t *testing.T) {
	said := conversation()
	if n := reflect.TypeFor[message]().NumField(); len(said) != n {
		t.Fatalf("%d messages are tested, there are %d", len(said), n)
	}
	var wire bytes.Buffer
	c := conn{r: iotest.OneByteReader(&wire), w: &wire}
	for _, m := range said {
		if err := c.send(m); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range said {
		got, err := c.receive()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("sent %s %+v, received %s %+v", m.kind(), m, got.kind(), got)
		}
	}
	if _, err := c.receive(); err != io.EOF {
		t.Errorf("at the end: %v, want EOF", err)
	}
}

func framed(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

func TestControlRefusesHostileBytes(t *testing.T) {
	for name, c := range map[string]struct {
		bytes []byte
		want  string
	}{
		"no length":          {[]byte{0, 0}, "unexpected EOF"},
		"length of nothing":  {[]byte{0, 0, 0, 0}, "a message of 0 bytes"},
		"length over limit":  {[]byte{1, 0, 0, 1}, "a message of 16777217 bytes, the limit is 16777216"},
		"longest length":     {[]byte{0xFF, 0xFF, 0xFF, 0xFF}, "a message of 4294967295 bytes"},
		"half a message":     {framed(`{"bye":{}}`)[:9], "message of 10 bytes ended after 5: unexpected EOF"},
		"length and no more": {framed(`{"bye":{}}`)[:4], "message of 10 bytes ended after 0: unexpected EOF"},
		"no JSON":            {framed("GET / HTTP/1.1"), "invalid character"},
		"no message":         {framed(`{}`), "a message of 0 parts"},
		"null":               {framed(`null`), "a message of 0 parts"},
		"a null part":        {framed(`{"bye":null}`), "a message of 0 parts"},
		"two messages":       {framed(`{"bye":{},"stop":{}}`), "a message of 2 parts"},
		"one and a half":     {framed(`{"bye":{}} {`), "2 bytes after the message"},
		"unknown message":    {framed(`{"exec":"sh"}`), `unknown field "exec"`},
		"unknown key":        {framed(`{"opened":{"addr":"x","port":1}}`), `unknown field "port"`},
		"wrong type":         {framed(`{"opened":{"addr":7}}`), "cannot unmarshal number"},
		"too large a number": {framed(`{"start":{"begin_ns":1e30}}`), "cannot unmarshal number"},
		"negative count":     {framed(`{"progress":{"sent":-1}}`), "cannot unmarshal number"},
		"deep nesting":       {framed(`{"plan":{"params":` + strings.Repeat("[", 100_000)), "exceeded max depth"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := (&conn{r: bytes.NewReader(c.bytes)}).receive()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			whole := !errors.Is(err, io.ErrUnexpectedEOF)
			if errors.Is(err, errProtocol) != whole {
				t.Errorf("%v: is a broken protocol: %v, want %v", err, !whole, whole)
			}
		})
	}
}

// A length alone allocates nothing: memory comes with the bytes.
func TestControlAllocatesWhatArrives(t *testing.T) {
	hostile := binary.BigEndian.AppendUint32(nil, messageBytesMax)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		if _, err := (&conn{r: bytes.NewReader(hostile)}).receive(); err == nil {
			t.Fatal("half a message is accepted")
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > messageBytesMax {
		t.Errorf("100 lengths without a message allocate %d bytes", grown)
	}
}

func TestControlDoesNotSendWhatTheOtherEndRefuses(t *testing.T) {
	var wire bytes.Buffer
	err := (&conn{w: &wire}).send(message{Dumped: &dumped{Stacks: make([]byte, messageBytesMax)}})
	if err == nil || !strings.Contains(err.Error(), "sending dumped: 22369648 bytes, the limit is 16777216") || wire.Len() != 0 {
		t.Errorf("%v, %d bytes written", err, wire.Len())
	}
	// What stacks may tell fits, as base64 and all.
	if err := (&conn{w: &wire}).send(message{Dumped: &dumped{Stacks: make([]byte, stacksBytesMax)}}); err != nil {
		t.Error(err)
	}
}

// A worker of another version is refused by its version, whatever else it says.
func TestHelloOfAnotherVersion(t *testing.T) {
	m, err := (&conn{r: bytes.NewReader(framed(`{"hello":{"version":99,"pid":1,"colour":"green"}}`))}).receive()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Hello.check(); err == nil || !strings.Contains(err.Error(), "the worker speaks version 99, this coordinator 1") {
		t.Error(err)
	}
}

func FuzzControl(f *testing.F) {
	for _, m := range conversation() {
		var wire bytes.Buffer
		if err := (&conn{w: &wire}).send(m); err != nil {
			f.Fatal(err)
		}
		f.Add(wire.Bytes())
	}
	f.Add(framed(`{"bye":{},"stop":{}}`))
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, hostile []byte) {
		c := conn{r: bytes.NewReader(hostile)}
		for {
			m, err := c.receive()
			if err != nil {
				return
			}
			// What is accepted is one message, and survives being told on.
			if m.kind() == "nothing" {
				t.Fatalf("accepted %q as a message", hostile)
			}
			var wire bytes.Buffer
			if err := (&conn{w: &wire}).send(m); err != nil {
				t.Fatalf("%+v: %v", m, err)
			}
			again, err := (&conn{r: &wire}).receive()
			if err != nil || again.kind() != m.kind() {
				t.Fatalf("%+v told on: %+v, %v", m, again, err)
			}
		}
	})
}
