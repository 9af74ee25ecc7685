package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"xbench/core/net/frame"
	"xbench/core/serde"
	"xbench/results"
)

// captured is a conversation of a real Flink: its bytes, and what is in them according to Flink.
type captured struct {
	name, c2s, s2c string // the last two: files
	want           struct {
		Payload  string `json:"record_payload"`
		Unparsed int    `json:"c2s_unparsed_bytes"` // requests that are broken on purpose
		Channels []struct {
			ID     string `json:"input_channel_id"`
			Events []any  `json:"events"`
			Stream []any  `json:"stream"`
		} `json:"channels"`
		Frames struct {
			C2S []any `json:"c2s"`
			S2C []any `json:"s2c"`
		} `json:"frames"`
	}
}

func captures(t *testing.T) (all []captured) {
	t.Helper()
	files, err := filepath.Glob("../../core/net/frame/testdata/captures/*.expect.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		base := strings.TrimSuffix(file, ".expect.json")
		c := captured{name: filepath.Base(base), c2s: base + ".c2s.bin", s2c: base + ".s2c.bin"}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		exact(t, content, &c.want)
		all = append(all, c)
	}
	return all
}

// exact reads JSON and keeps numbers as they are written: some need all of their 64 bits.
func exact(t *testing.T, text []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatal(err)
	}
}

// decoded is what wire decode prints as JSON, an object per line.
func decoded(t *testing.T, stdout string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		var object map[string]any
		exact(t, []byte(line), &object)
		all = append(all, object)
	}
	return all
}

// Every frame of every recording is printed, with every field that Flink's own observer found in it, and no other.
func TestDecodeRecordings(t *testing.T) {
	for _, c := range captures(t) {
		for _, side := range []struct {
			direction, file string
			want            []any
			broken          int
		}{{"c2s", c.c2s, c.want.Frames.C2S, c.want.Unparsed}, {"s2c", c.s2c, c.want.Frames.S2C, 0}} {
			t.Run(c.name+"/"+side.direction, func(t *testing.T) {
				code, stdout, stderr := inShell("wire", "decode", "--direction", side.direction, "--format", "jsonl", side.file)
				got := decoded(t, stdout)
				if len(got) != len(side.want) {
					t.Errorf("%d frames, want %d", len(got), len(side.want))
				}
				for i := range min(len(got), len(side.want)) {
					if !reflect.DeepEqual(any(got[i]), side.want[i]) {
						t.Fatalf("frame %d\n got %v\nwant %v", i, got[i], side.want[i])
					}
				}
				if side.broken == 0 && (code != results.ExitPass || stderr != "") {
					t.Errorf("exit %d: %s", code, stderr)
				}
				if side.broken > 0 && (code != results.ExitUsage || !strings.Contains(stderr, "At offset 0.")) {
					t.Errorf("exit %d: %s", code, stderr)
				}
				_, text, _ := inShell("wire", "decode", "--direction", side.direction, side.file)
				if n := strings.Count(text, "\n"); n != len(side.want) {
					t.Errorf("%d lines of text, want %d", n, len(side.want))
				}
			})
		}
	}
}

// kindOf is the --kind of a recording.
func (c *captured) kindOf() string {
	switch {
	case strings.HasPrefix(c.want.Payload, "LongValue"):
		return "long"
	case strings.Contains(c.want.Payload, "StreamElementSerializer"):
		return "elements"
	case strings.HasPrefix(c.want.Payload, "BytePrimitiveArraySerializer"):
		return "bytes"
	}
	return ""
}

// With --kind, the records and events of each channel are those that the producer emitted, in order, however frames cut them and
// whether or not they are compressed.
func TestDecodeRecordsOfRecordings(t *testing.T) {
	channels := 0
	for _, c := range captures(t) {
		kind := c.kindOf()
		if kind == "" {
			continue
		}
		code, stdout, stderr := inShell("wire", "decode", "--direction", "s2c", "--kind", kind, "--format", "jsonl", c.s2c)
		if code != results.ExitPass || stderr != "" {
			t.Errorf("%s: exit %d: %s", c.name, code, stderr)
		}
		streams := map[string][]any{}
		for _, f := range decoded(t, stdout) {
			receiver, _ := f["receiver"].(string)
			records, data := f["records"].([]any)
			event, isEvent := f["event"].(map[string]any)
			if message := f["message"] == "BufferResponse"; message != (data || isEvent) {
				t.Fatalf("%s: %v", c.name, f)
			}
			streams[receiver] = append(streams[receiver], records...)
			if isEvent {
				if f["data_type"] == "PRIORITIZED_EVENT_BUFFER" {
					event["priority"] = true // where the recordings have it
				}
				if body, ok := event["body_hex"].(string); ok { // the wire does not tell the body from its padding
					event["body_hex"] = strings.TrimRight(body, "0") // none of the recorded ones ends with half a byte of 0
				}
				streams[receiver] = append(streams[receiver], event)
			}
		}
		for _, want := range c.want.Channels {
			if len(want.Stream) == 0 || len(want.Stream) == len(want.Events) {
				continue // the recording says less of it
			}
			channels++
			got := streams[want.ID]
			if len(got) != len(want.Stream) {
				t.Errorf("%s, channel %s: %d items, want %d", c.name, want.ID, len(got), len(want.Stream))
			}
			for i := range min(len(got), len(want.Stream)) {
				if !reflect.DeepEqual(got[i], want.Stream[i]) {
					t.Errorf("%s, channel %s, item %d\n got %v\nwant %v", c.name, want.ID, i, got[i], want.Stream[i])
					break
				}
			}
		}
	}
	if channels < 20 {
		t.Errorf("only %d channels were compared", channels)
	}
}

// Text is for people, and for grep: what a line says.
func TestDecodeAsText(t *testing.T) {
	const folder = "../../core/net/frame/testdata/captures/"
	for _, c := range []struct{ direction, kind, file, line string }{
		{"c2s", "", "ack.c2s.bin", "n=0 offset=0 length=97 id=2 message=PartitionRequest partition_id=101112131415161718191a1b1c1d1e1100000007 " +
			"producer_id=202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f0000000500000002 subpartition_start=0 subpartition_end=0 " +
			"receiver=a98f4f4dd7bd89bad2c68b9d9e426cc3 credit=2"},
		{"s2c", "long", "ack.s2c.bin", `size=120 content_crc32=140c47e9 records=[0,2,4,6,8,10,12,14,16,18]`},
		{"s2c", "long", "ack.s2c.bin", `content_hex=0000000800 event={"event":"EndOfData","mode":"DRAIN"}`},
		{"s2c", "", "err-bad-magic.s2c.bin", `message=ErrorResponse receiver=null fatal=true cause_class=io.netty.handler.codec.DecoderException ` +
			`cause_message="java.lang.IllegalStateException: Network stream corrupted: received incorrect magic number."`},
	} {
		args := []string{"wire", "decode", "--direction", c.direction, folder + c.file}
		if c.kind != "" {
			args = append(args, "--kind", c.kind)
		}
		if code, stdout, stderr := inShell(args...); code != results.ExitPass || !strings.Contains(stdout, c.line) {
			t.Errorf("%s: exit %d, stderr %q, no line with\n%s\nin\n%s", c.file, code, stderr, c.line, stdout)
		}
	}
}

// inShellOf is inShell with something on standard input.
func inShellOf(stdin io.Reader, stdout io.Writer, args ...string) (code results.ExitCode, stderr string) {
	var err bytes.Buffer
	sh := &shell{stdin: stdin, stdout: stdout, stderr: &err, columns: func() int { return 0 }, getenv: func(string) string { return "" }}
	return dispatch(sh, verbs(), args), err.String()
}

// Of bytes that end anywhere, every whole frame is printed; what is left of one is an error that says where it begins.
func TestDecodeTornRecordings(t *testing.T) {
	for _, c := range captures(t) {
		if c.name != "events" && c.name != "not-found" {
			continue
		}
		all, err := os.ReadFile(c.c2s)
		if err != nil {
			t.Fatal(err)
		}
		for n := range all {
			whole, offset := 0, int64(0)
			for _, f := range c.want.Frames.C2S {
				length, _ := f.(map[string]any)["length"].(json.Number).Int64()
				if offset+length > int64(n) {
					break
				}
				whole, offset = whole+1, offset+length
			}
			var out bytes.Buffer
			code, stderr := inShellOf(bytes.NewReader(all[:n]), &out, "wire", "decode", "--direction", "c2s", "-")
			if got := strings.Count(out.String(), "\n"); got != whole {
				t.Fatalf("%s, %d bytes: %d frames, want %d", c.name, n, got, whole)
			}
			switch {
			case offset == int64(n):
				if code != results.ExitPass || stderr != "" {
					t.Fatalf("%s, %d bytes: exit %d: %s", c.name, n, code, stderr)
				}
			case code != results.ExitUsage || !strings.Contains(stderr, "standard input: ") ||
				!strings.Contains(stderr, fmt.Sprintf("ends inside a frame. (%d bytes of ", n-int(offset))) || !strings.Contains(stderr, fmt.Sprintf("At offset %d.", offset)):
				t.Fatalf("%s, %d bytes: exit %d: %s", c.name, n, code, stderr)
			}
		}
	}
}

// aFrame is a data frame of channel 1.
func aFrame(sequence int32, content string) []byte {
	h := frame.BufferHeader{Channel: frame.ChannelID{1}, Sequence: sequence, Type: 1}
	return frame.BufferResponse{BufferHeader: h, Content: []byte(content)}.AppendTo(nil)
}

// What is wrong, with the bytes or with what they are taken for, is said with its offset; what came before it is printed.
func TestDecodeBrokenRecordings(t *testing.T) {
	good := aFrame(0, "\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00")
	at := fmt.Sprint(len(good))
	changed := func(b []byte, i int, v byte) []byte {
		b = bytes.Clone(b)
		b[i] = v
		return b
	}
	next := aFrame(1, "\x00\x08\x00\x00\x00\x00\x00\x00\x00\x08")
	end := frame.BufferResponse{BufferHeader: frame.BufferHeader{Channel: frame.ChannelID{1}, Sequence: 1, Type: 10}, Content: []byte{0, 0, 0, 0}}.AppendTo(nil)
	squeezed := frame.BufferResponse{BufferHeader: frame.BufferHeader{Channel: frame.ChannelID{2}, Type: 1, Compressed: true}, Content: []byte("\x04\x00\x00\x00\x00\x10\x00\x00abcd")}.AppendTo(nil)
	for _, c := range []struct {
		name, kind string
		second     []byte
		lines      int
		says       string
	}{
		{"magic", "", changed(next, 4, 0), 1, "incorrect magic number. (00dc0ffe instead of badc0ffe) At offset " + at},
		{"id", "", changed(next, 8, 77), 1, "unknown message from producer: (id 77) At offset " + at},
		{"length", "", changed(next, 0, 0x7f), 1, "At offset " + at},
		{"direction", "", frame.CloseRequest{}.AppendTo(nil), 1, "CloseRequest from the wrong side) At offset " + at},
		{"size", "", changed(next, 42, 3), 1, "At offset " + at},
		{"event", "", changed(end, 37, 99), 1, "At offset " + at},
		{"kind of event", "long", changed(end, 46, 99), 2, "frame 1 at offset " + at + ": channel 01"},
		{"length of a record", "long", aFrame(0, "\xff\xff\xff\xff"), 2, "frame 1 at offset " + at + ": channel 01"},
		{"ends within a record", "long", end, 2, "frame 1 at offset " + at + ": channel 01000000000000000000000000000000: the partition ends within a record"},
		{"no long", "long", aFrame(1, "\x00\x02ab"), 2, "frame 1 at offset " + at + ": channel 01000000000000000000000000000000: a record of 2 bytes is no long"},
		{"compressed", "long", squeezed, 2, "frame 1 at offset " + at + ": channel 02"},
		{"compressed, lengths", "long", changed(squeezed, 43, 5), 2, "frame 1 at offset " + at + ": channel 02"},
		{"compressed, without a kind", "", squeezed, 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"wire", "decode", "--direction", "s2c", "-"}
			if c.kind != "" {
				args = append(args, "--kind", c.kind)
			}
			var out bytes.Buffer
			code, stderr := inShellOf(bytes.NewReader(append(bytes.Clone(good), c.second...)), &out, args...)
			if n := strings.Count(out.String(), "\n"); n != c.lines {
				t.Errorf("%d lines, want %d", n, c.lines)
			}
			if c.says == "" && code != results.ExitPass || c.says != "" && code != results.ExitUsage || !strings.Contains(stderr, c.says) {
				t.Errorf("exit %d: %s", code, stderr)
			}
		})
	}
	t.Run("elements", func(t *testing.T) {
		code, stderr := inShellOf(bytes.NewReader(aFrame(0, "\x00\x00\x00\x01\x63")), io.Discard, "wire", "decode", "--direction", "s2c", "--kind", "elements", "-")
		if code != results.ExitUsage || !strings.Contains(stderr, "found tag: 99") {
			t.Errorf("exit %d: %s", code, stderr)
		}
	})
}

// Standard input is printed as it comes, not at its end.
func TestDecodeWhileItIsWritten(t *testing.T) {
	in, requests := io.Pipe()
	lines, out := io.Pipe()
	done := make(chan results.ExitCode)
	go func() {
		code, _ := inShellOf(in, out, "wire", "decode", "--direction", "c2s", "-")
		out.Close()
		done <- code
	}()
	var line [1 << 10]byte
	for n := range 3 {
		request := frame.AddCredit{Credit: uint32(n + 1)}.AppendTo(nil)
		requests.Write(request[:5])
		requests.Write(request[5:])
		k, err := lines.Read(line[:])
		if want := fmt.Sprintf("n=%d offset=%d length=29 id=6 message=AddCredit credit=%d ", n, 29*n, n+1); err != nil || !strings.HasPrefix(string(line[:k]), want) {
			t.Errorf("%q, %v", line[:k], err)
		}
	}
	requests.Close()
	if code := <-done; code != results.ExitPass {
		t.Errorf("exit %d", code)
	}
}

// endless repeats a recording.
type endless struct {
	recording []byte
	left      int // bytes
	at        int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), e.left)], e.recording[e.at:])
	e.at, e.left = (e.at+n)%len(e.recording), e.left-n
	return n, nil
}

// A recording may be larger than memory.
func TestDecodeInBoundedMemory(t *testing.T) {
	recording, err := os.ReadFile("../../core/net/frame/testdata/captures/spanning-32k.s2c.bin")
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	in := &endless{recording: recording, left: 400 * len(recording)} // 64 MB
	if code, stderr := inShellOf(in, io.Discard, "wire", "decode", "--direction", "s2c", "--kind", "bytes", "-"); code != results.ExitPass {
		t.Errorf("exit %d: %s", code, stderr)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// A channel that was refused asks again under its old name: what it gets begins anew.
func TestDecodeAChannelThatBeginsAnew(t *testing.T) {
	var out bytes.Buffer
	both := append(aFrame(0, "\x00\x00\x00\x08half"), aFrame(0, "\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x09")...)
	if code, stderr := inShellOf(bytes.NewReader(both), &out, "wire", "decode", "--direction", "s2c", "--kind", "long", "-"); code != results.ExitPass ||
		!strings.HasSuffix(out.String(), " records=[9]\n") {
		t.Errorf("exit %d: %s%s", code, stderr, &out)
	}
}

// Java's strings survive as JSON, halves of surrogate pairs included; a value that is neither long nor string is shown by its bytes.
func TestDecodeValuesOfElements(t *testing.T) {
	for want, value := range map[string][]byte{
		`"value":"a\ud83d\u003c€😀"`: serde.AppendText(nil, "a\xed\xa0\xbd<€😀"),
		`"value":"\udc00\ud800"`:    serde.AppendText(nil, "\xed\xb0\x80\xed\xa0\x80"),
		`"value":""`:                serde.AppendText(nil, ""),
		`"value":null`:              serde.AppendNullText(nil),
		`"value":-2`:                []byte("\xff\xff\xff\xff\xff\xff\xff\xfe"),
		`"value_hex":"ff"`:          {0xff},
		`"value_hex":""`:            {},
	} {
		e := serde.StreamElement{Tag: serde.TagRecord, Value: value}
		item, err := elementItem(e.AppendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(item); err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s, want %s (%v)", got, want, err)
		}
	}
}

func TestDecodeUsage(t *testing.T) {
	for _, c := range []struct{ line, says string }{
		{"wire", "decode"},
		{"wire decode", "--direction"},
		{"wire decode --direction up x", "--direction"},
		{"wire decode --direction c2s", "one file"},
		{"wire decode --direction c2s a b", "one file"},
		{"wire decode --direction c2s --format json x", "--format"},
		{"wire decode --direction c2s --kind string x", "--kind"},
		{"wire decode --direction c2s no-such-file", "no-such-file"},
	} {
		code, stdout, stderr := inShell(strings.Fields(c.line)...)
		if code != results.ExitUsage || stdout != "" || !strings.Contains(stderr, c.says) || !strings.Contains(stderr, "--help") {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", c.line, code, stdout, stderr)
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	if code, stderr := inShellOf(bytes.NewReader(aFrame(0, "")), full, "wire", "decode", "--direction", "s2c", "-"); code != results.ExitFailed || !strings.Contains(stderr, "stdout: ") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
