package results

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What each format prints of one run is kept as text: a change is read there.
func TestFormatsPrintTheSameRun(t *testing.T) {
	for _, format := range Formats() {
		t.Run(format, func(t *testing.T) {
			var got bytes.Buffer
			if err := Write(&got, sampleRun(), format); err != nil {
				t.Fatal(err)
			}
			golden(t, "run."+format, got.Bytes())
		})
	}
}

func TestAnUnknownFormatIsAnErrorThatNamesTheKnownOnes(t *testing.T) {
	err := Write(&bytes.Buffer{}, sampleRun(), "xml")
	if err == nil || !strings.Contains(err.Error(), "jsonl") {
		t.Fatalf("error %v", err)
	}
}

// A run that never began a case still is a document with all its keys, and prints.
func TestARunWithoutCases(t *testing.T) {
	r := &Run{Schema: Schema, Suite: "quick", Outcome: Failed, ExitCode: ExitFailed, Reason: "disk full"}
	for _, format := range Formats() {
		var got bytes.Buffer
		if err := Write(&got, r, format); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		if strings.Contains(got.String(), "null") {
			t.Errorf("%s has a null:\n%s", format, &got)
		}
		if format == "table" && !strings.Contains(got.String(), "disk full") {
			t.Errorf("the table does not say why:\n%s", &got)
		}
	}
}

// The keys of run.json that others rely on.
func TestRunJSONHasTheDocumentedKeys(t *testing.T) {
	var doc bytes.Buffer
	if err := WriteJSON(&doc, sampleRun()); err != nil {
		t.Fatal(err)
	}
	var run map[string]any
	if err := json.Unmarshal(doc.Bytes(), &run); err != nil {
		t.Fatal(err)
	}
	has := func(what string, in map[string]any, keys ...string) {
		for _, k := range keys {
			if v, ok := in[k]; !ok || v == nil {
				t.Errorf("%s has no %q", what, k)
			}
		}
	}
	has("run", run, "schema", "id", "suite", "outcome", "exit_code", "reason", "started", "ended", "command", "seed",
		"binary", "host", "warnings", "cases")
	if run["schema"] != "xbench.run/v1" {
		t.Errorf("schema %v", run["schema"])
	}
	c := run["cases"].([]any)[0].(map[string]any)
	has("case", c, "name", "driver", "outcome", "verified", "records_sent", "records_received", "records_per_sec", "bytes_on_wire",
		"cpu_ns_per_record", "latency_ns", "schedule_lag_ns", "waits", "trials",
		"segments", "segment_size", "exclusive", "floating", "connections", "processes", "loop",
		"buffer_timeout_ns", "congestion_control", "tls", "checks", "runtimes", "bytes_of_records", "bytes_expected", "bytes_received")
	has("latency_ns", c["latency_ns"].(map[string]any), "count", "p50", "p90", "p99", "p99_9", "max")
	has("trial", c["trials"].([]any)[0].(map[string]any), "trial", "outcome", "verified", "records_sent", "latency_ns")
}

// Reading a document back gives the same document: nothing is lost but the histograms.
func TestRunJSONRoundTrip(t *testing.T) {
	var first, second bytes.Buffer
	if err := WriteJSON(&first, sampleRun()); err != nil {
		t.Fatal(err)
	}
	var r Run
	if err := json.Unmarshal(first.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(&second, &r); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("changed:\n%s", &second)
	}
}

func TestNumbersForPeopleHaveThreeDigits(t *testing.T) {
	for want, got := range map[string]string{
		"0":       Count(0),
		"987":     Count(987),
		"49.9k":   Count(49_900),
		"3.10M":   Count(3_104_210),
		"1.00M":   Count(999_600),
		"12.5":    Count(12.5),
		"0ns":     Nanoseconds(0),
		"850ns":   Nanoseconds(850),
		"12.3us":  Nanoseconds(12_345),
		"1.84ms":  Nanoseconds(1_840_000),
		"10.0ms":  Nanoseconds(9_999_000),
		"100ms":   Nanoseconds(99_990_000),
		"3600s":   Nanoseconds(3600e9),
		"512B":    Bytes(512),
		"1.50KiB": Bytes(1536),
		"36.0MiB": Bytes(36 << 20),
		"1.00GiB": Bytes(1 << 30),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
