// flights_test.go: the embedded trace of flights is the file that it was made from.

package workloads

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"xbench/harness/trace"
)

var update = flag.Bool("update", false, "make traces/flights.xtrace anew")

const (
	flightsSource = "testdata/flights-20k.json.gz"
	flightsTrace  = "traces/flights.xtrace"
)

// importFlights imports the source with or without its payloads.
func importFlights(t *testing.T, payload string) []byte {
	t.Helper()
	src, err := os.Open(flightsSource)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var file bytes.Buffer
	if _, err := trace.Import(&file, src, trace.ImportOptions{Time: "date", Key: "origin", Payload: payload}); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// The trace holds every flight at its time and under its origin, with the object's bytes as they stand in the source.
func TestFlights(t *testing.T) {
	if *update {
		if err := os.WriteFile(flightsTrace, importFlights(t, trace.WholeObject), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Skip("written; run again without -update")
	}
	z, err := os.Open(flightsSource)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	unpacked, err := gzip.NewReader(z)
	if err != nil {
		t.Fatal(err)
	}
	source, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}

	f, _, err := openTrace("flights")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := trace.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	origins := map[string]int{}
	joined := []byte("[")
	var first, last trace.Event
	for r.Next() {
		e := r.Event()
		if r.Events() == 1 {
			first = e
			first.Payload = slices.Clone(e.Payload)
		}
		last = e
		origins[e.Key]++
		joined = append(append(joined, e.Payload...), ',')
		if int(e.Size) != len(e.Payload) {
			t.Fatalf("event %d: size %d with a payload of %d bytes", r.Events(), e.Size, len(e.Payload))
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	joined[len(joined)-1] = ']'

	if r.Events() != 20_000 || len(origins) != 220 {
		t.Errorf("%d events of %d origins, want 20000 of 220", r.Events(), len(origins))
	}
	for key, want := range map[string]int{"DFW": 1103, "ORD": 1095, "ATL": 846, "LAX": 777} {
		if origins[key] != want {
			t.Errorf("%d flights from %s, want %d", origins[key], key, want)
		}
	}
	start := time.Unix(0, r.Start()).UTC()
	if want := time.Date(2001, 1, 1, 0, 47, 0, 0, time.UTC); !start.Equal(want) || first.Time != 0 {
		t.Errorf("it begins at %v + %v, want %v", start, first.Time, want)
	}
	if want := time.Date(2001, 3, 31, 22, 27, 0, 0, time.UTC); !start.Add(last.Time).Equal(want) {
		t.Errorf("it ends at %v, want %v", start.Add(last.Time), want)
	}
	if !bytes.Equal(joined, bytes.TrimSpace(source)) {
		t.Error("the payloads are not the objects of the source, one after the other")
	}
	// The numbers of the source itself: without it, the payloads still have to be these.
	if sum := sha256.Sum256(joined); hex.EncodeToString(sum[:]) != "52f0ddd892d4569284b845e17323abc9afb7d303ec8f63251634a20327a610bb" {
		t.Errorf("SHA-256 of the payloads as one array: %x", sum)
	}
	if crc := crc32.Checksum(joined, crc32.MakeTable(crc32.Castagnoli)); crc != 0x3c037660 {
		t.Errorf("CRC-32C of the payloads as one array: %08x", crc)
	}
}

// Without payloads, an event takes at most 3 bytes of a file.
func TestFlightsWithoutPayload(t *testing.T) {
	file := importFlights(t, "")
	perEvent := float64(len(file)) / 20_000
	t.Logf("%d bytes, %.2f per event", len(file), perEvent)
	if perEvent > 3 {
		t.Errorf("%.2f bytes per event, at most 3 are wanted", perEvent)
	}
}
