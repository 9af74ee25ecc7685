// conformance_test.go: every recorded conversation of a real Flink once more, with us at either end of it.

package core

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"xbench/core/net/frame"
)

var update = flag.Bool("update", false, "rewrite the expected results in testdata")

// recordingsFolder has the bytes of the conversations and what they mean; testdata/captures has, for each, the reads in which the bytes came:
// their order in time, across both directions.
const recordingsFolder = "net/frame/testdata/captures"

// TestConformance puts our producer, and then our consumer, in the place of Flink's in every recording. testdata/conformance.txt is the outcome,
// rewritten by -update.
//
// The producer is given what Flink's was given (expect.json says what that was) and hears what Flink's consumer said. Where it then says the same
// bytes, the verdict is "bytes equal". Two things that Flink's producer may do and ours does not are taken out first: zero padding behind an
// event, and the stack trace of an exception.
//
// The consumer is told what Flink's consumer was told. It must find the same records and events, and ask for, acknowledge, resume and cancel the
// same channels in the same bytes. Credit is its own affair: enough of it, and never more than it has buffers.
func TestConformance(t *testing.T) {
	var table strings.Builder
	fmt.Fprintf(&table, "%-21s %5s %5s  %-66s %s\n", "capture", "c2s", "s2c", "as producer", "as consumer")
	for _, r := range recordings(t) {
		var producer, consumer string
		t.Run(r.name+"/producer", func(t *testing.T) { producer = playProducer(t, r) })
		t.Run(r.name+"/consumer", func(t *testing.T) { consumer = playConsumer(t, r) })
		fmt.Fprintf(&table, "%-21s %5d %5d  %-66s %s\n", r.name, len(r.requests), len(r.responses), producer, consumer)
	}
	t.Logf("\n%s", table.String())
	golden(t, filepath.Join("testdata", "conformance.txt"), table.String())
}

// golden compares with a file, or rewrites it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if t.Failed() {
		return
	}
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s says\n%s", file, want)
	}
}

// recording is one conversation.
type recording struct {
	name                string
	c2s, s2c            []byte
	requests, responses []frame.Frame
	talk                []utterance
	want                expectation
}

// expectation is the part of NAME.expect.json that is used here.
type expectation struct {
	SegmentSize  int    `json:"segment_size"`
	Exclusive    int    `json:"exclusive_buffers_per_channel"`
	Floating     int    `json:"floating_buffers_per_gate"`
	Unparsed     int    `json:"c2s_unparsed_bytes"` // requests that are broken on purpose
	ServerCloses bool   `json:"server_closed_connection"`
	Records      string `json:"record_payload"` // which serializer
	ArrayLengths []int  `json:"array_lengths"`
	Keys         []struct {
		Key     int64 `json:"key"`
		Channel int   `json:"channel"`
	} `json:"keys"`
	Channels []channelExpectation `json:"channels"`
}

// channelExpectation is what one channel carried.
type channelExpectation struct {
	ID      string  `json:"input_channel_id"`
	Read    int     `json:"records_read_by_consumer_before_cancel"`
	Records *digest `json:"records"`
	Events  []any   `json:"events"`
	Stream  []any   `json:"stream"`
}

// digest is a channel's records in short.
type digest struct {
	Count        int    `json:"count"`
	PayloadBytes int    `json:"payload_bytes"`
	PayloadCRC32 string `json:"payload_crc32"`
}

// utterance is one frame of a conversation, in the order in which the last bytes of the frames came.
type utterance struct {
	frame  *frame.Frame
	bytes  []byte
	micros int64
}

func recordings(t testing.TB) []*recording {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(recordingsFolder, "*.expect.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var all []*recording
	for _, file := range files {
		all = append(all, readRecording(t, strings.TrimSuffix(filepath.Base(file), ".expect.json")))
	}
	return all
}

func readRecording(t testing.TB, name string) *recording {
	t.Helper()
	base := filepath.Join(recordingsFolder, name)
	r := &recording{name: name, c2s: readFile(t, base+".c2s.bin"), s2c: readFile(t, base+".s2c.bin")}
	d := json.NewDecoder(bytes.NewReader(readFile(t, base+".expect.json")))
	d.UseNumber() // some need all their 64 bits
	if err := d.Decode(&r.want); err != nil {
		t.Fatal(err)
	}
	if r.want.Unparsed == 0 {
		r.requests = frames(t, r.c2s)
	}
	r.responses = frames(t, r.s2c)
	reads := recordedReads(t, name)
	for _, direction := range []struct {
		name   string
		bytes  []byte
		frames []frame.Frame
	}{{"c2s", r.c2s, r.requests}, {"s2c", r.s2c, r.responses}} {
		for i := range direction.frames {
			f := &direction.frames[i]
			end := f.Offset + int64(f.Length)
			r.talk = append(r.talk, utterance{f, direction.bytes[f.Offset:end], cameAt(t, reads, direction.name, end)})
		}
	}
	slices.SortStableFunc(r.talk, func(a, b utterance) int { return int(a.micros - b.micros) })
	return r
}

// recordedRead is a line of NAME.index.jsonl: bytes that came at once.
type recordedRead struct {
	Dir         string
	Offset, Len int64
	Micros      int64 `json:"t_us"`
}

func recordedReads(t testing.TB, name string) (all []recordedRead) {
	t.Helper()
	for line := range bytes.Lines(readFile(t, filepath.Join("testdata", "captures", name+".index.jsonl"))) {
		var read recordedRead
		if err := json.Unmarshal(line, &read); err != nil {
			t.Fatal(err)
		}
		all = append(all, read)
	}
	return all
}

// cameAt is when the byte before end came.
func cameAt(t testing.TB, reads []recordedRead, direction string, end int64) int64 {
	t.Helper()
	for _, read := range reads {
		if read.Dir == direction && read.Offset+read.Len >= end {
			return read.Micros
		}
	}
	t.Fatalf("no read of byte %d", end)
	return 0
}

// readEnds are the places in s2c where reads ended.
func readEnds(t testing.TB, name string) (all []int64) {
	t.Helper()
	for _, read := range recordedReads(t, name) {
		if read.Dir == "s2c" {
			all = append(all, read.Offset+read.Len)
		}
	}
	return all
}

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func frames(t testing.TB, stream []byte) (all []frame.Frame) {
	t.Helper()
	var d frame.Decoder
	d.Feed(stream)
	for {
		f, ok, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		all = append(all, f)
	}
	if err := d.Finish(); err != nil {
		t.Fatal(err)
	}
	return all
}

// opened are the partition requests, one per channel, in the order in which they were made.
func (r *recording) opened() (all []*frame.Request) {
	for i := range r.requests {
		if r.requests[i].ID == frame.IDPartitionRequest {
			all = append(all, &r.requests[i].Request)
		}
	}
	return all
}

// channel is the expectation of a channel.
func (r *recording) channel(id frame.ChannelID) *channelExpectation {
	for i := range r.want.Channels {
		if r.want.Channels[i].ID == id.String() {
			return &r.want.Channels[i]
		}
	}
	return nil
}
