// captures_test.go: the recorded conversations of a real Flink, and what a correct decoder finds in them.

package frame_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"xbench/core/net/frame"
)

// expectation is the part of NAME.expect.json that these tests use.
type expectation struct {
	RecordPayload string `json:"record_payload"`
	Unparsed      int    `json:"c2s_unparsed_bytes"` // requests that are broken on purpose
	Channels      []struct {
		ID      string `json:"input_channel_id"`
		Read    int    `json:"records_read_by_consumer_before_cancel"`
		Records *struct {
			Count        int    `json:"count"`
			PayloadBytes int    `json:"payload_bytes"`
			PayloadCRC32 string `json:"payload_crc32"`
		} `json:"records"`
		Events []any `json:"events"`
		Stream []any `json:"stream"`
	} `json:"channels"`
	Credits map[string]struct {
		Total       int `json:"total"`
		DataFrames  int `json:"data_frames"`
		EventFrames int `json:"event_frames"`
	} `json:"credits_by_receiver"`
	Frames struct {
		C2S []any `json:"c2s"`
		S2C []any `json:"s2c"`
	} `json:"frames"`
}

// recording is one case: its bytes and its expectation.
type recording struct {
	name     string
	c2s, s2c []byte
	want     expectation
}

func recordings(t testing.TB) []recording {
	t.Helper()
	files, err := filepath.Glob("testdata/captures/*.expect.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var all []recording
	for _, file := range files {
		r := recording{name: strings.TrimSuffix(filepath.Base(file), ".expect.json")}
		base := strings.TrimSuffix(file, ".expect.json")
		r.c2s, r.s2c = read(t, base+".c2s.bin"), read(t, base+".s2c.bin")
		unmarshal(t, read(t, file), &r.want)
		all = append(all, r)
	}
	return all
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unmarshal keeps numbers as they are written: some need all their 64 bits.
func unmarshal(t testing.TB, b []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatal(err)
	}
}

// asJSON is v as it comes out of JSON: comparable with an expectation.
func asJSON(t testing.TB, v any) (out any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	unmarshal(t, b, &out)
	return out
}

// Every frame of every recording is found where it is, with the fields that it has, and appending it again gives the same bytes.
func TestRecordings(t *testing.T) {
	for _, r := range recordings(t) {
		t.Run(r.name+"/c2s", func(t *testing.T) {
			if r.want.Unparsed > 0 {
				t.Skip("broken on purpose, see TestBrokenRequests")
			}
			checkFrames(t, frame.FromConsumer, r.c2s, r.want.Frames.C2S)
		})
		t.Run(r.name+"/s2c", func(t *testing.T) { checkFrames(t, frame.FromProducer, r.s2c, r.want.Frames.S2C) })
	}
}

func checkFrames(t *testing.T, direction frame.Direction, stream []byte, want []any) {
	d := frame.Decoder{Direction: direction}
	d.Feed(stream)
	var again []byte
	for n := 0; ; n++ {
		f, ok, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			if n != len(want) {
				t.Errorf("%d frames, want %d", n, len(want))
			}
			break
		}
		if n < len(want) {
			if got := asJSON(t, frame.Describe(&f)); !reflect.DeepEqual(got, want[n]) {
				t.Fatalf("frame %d\n got %v\nwant %v", n, got, want[n])
			}
		}
		again = f.AppendTo(again)
		if int64(len(again)) != d.Offset() || !bytes.Equal(again[f.Offset:], stream[f.Offset:d.Offset()]) {
			t.Fatalf("frame %d appended again differs:\n got %x\nwant %x", n, again[f.Offset:], stream[f.Offset:d.Offset()])
		}
	}
	if err := d.Finish(); err != nil {
		t.Error(err)
	}
}
