package serde

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// inRuns is Next in runs, each given back after a number of records, so that it ends anywhere.
func inRuns(most int) func(d *Deserializer) ([]byte, bool, error) {
	var run Run
	taken := 0
	return func(d *Deserializer) ([]byte, bool, error) {
		payload, rest := run.Next()
		if taken++; payload == nil || taken > most {
			var err error
			if payload, rest, err = d.NextRun(run); payload == nil {
				run, taken = Run{}, 0
				return nil, false, err
			}
			taken = 1
		}
		run = rest
		return payload, true, nil
	}
}

// Records come in runs as they come one by one, however the buffers cut them and wherever a run is given back; and they are counted alike.
func TestRunsAreTheSameRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Of all sizes, or mostly of one: what a run expects of the next record is sometimes right.
		payload := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 8, 8), rapid.SliceOfN(rapid.Byte(), 0, 40))
		payloads := rapid.SliceOf(payload).Draw(t, "payloads")
		stream := framed(payloads)
		most := rapid.IntRange(1, 5).Draw(t, "most of a run")
		limit := rapid.SampledFrom([]int{0, 40}).Draw(t, "MaxRecord")
		d := NewDeserializer(Options{MaxRecord: limit})
		var got []string
		var counted uint64
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "buffer")
			d.SetBuffer(stream[:n])
			stream = stream[n:]
			next := inRuns(most)
			for {
				payload, ok, err := next(d)
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				got = append(got, string(payload))
			}
			if d.Remaining() != 0 {
				t.Fatalf("%d bytes of a buffer were not looked at", d.Remaining())
			}
			counted += d.Records()
		}
		var want []string
		for _, p := range payloads {
			want = append(want, string(p))
		}
		if !reflect.DeepEqual(got, want) || counted != uint64(len(want)) {
			t.Fatalf("%d records, counted %d: %q, want %q", len(got), counted, got, want)
		}
	})
}

// A record above the limit is refused in a run as anywhere: the run ends ahead of it.
func TestRunRefusesWhatNextRefuses(t *testing.T) {
	d := NewDeserializer(Options{MaxRecord: 10})
	d.SetBuffer(framed([][]byte{make([]byte, 10), make([]byte, 11)}))
	next := inRuns(100)
	if p, ok, err := next(d); !ok || len(p) != 10 {
		t.Fatalf("%d bytes, %v, %v", len(p), ok, err)
	}
	want := fmt.Sprint(&LengthError{Length: 11, Max: 10, Offset: 14})
	if _, ok, err := next(d); ok || fmt.Sprint(err) != want {
		t.Errorf("%v, %v, want %s", ok, err, want)
	}
}

// The zero Run, and what is left of one at its end, have no record.
func TestRunEnds(t *testing.T) {
	if p, _ := (Run{}).Next(); p != nil {
		t.Errorf("a record of %d bytes out of nothing", len(p))
	}
	run := Run{rest: framed([][]byte{{}})}
	p, rest := run.Next()
	if p == nil || len(p) != 0 {
		t.Errorf("an empty record came as %v", p)
	}
	if p, _ := rest.Next(); p != nil {
		t.Errorf("a record of %d bytes behind the last", len(p))
	}
}

func BenchmarkRun(b *testing.B) {
	buffer := framed(make([][]byte, 1000))
	d := NewDeserializer(Options{})
	b.ReportAllocs()
	for left := b.N; left > 0; left -= 1000 {
		d.SetBuffer(buffer)
		var run Run
		for {
			p, rest := run.Next()
			if p == nil {
				if p, rest, _ = d.NextRun(run); p == nil {
					break
				}
			}
			run = rest
		}
	}
}
