package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"xbench/results"
)

const twoFlights = `[
 {"date": "2001/01/01 00:47", "origin": "DTW", "meta": {"bytes": 12}},
 {"date": "2001/01/01 01:10", "origin": "HNL", "meta": {"bytes": 30}}
]
`

// place makes a file and returns its name.
func place(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTraceImportThenInfo(t *testing.T) {
	events := place(t, "flights.json", twoFlights)
	out := filepath.Join(filepath.Dir(events), "flights.xtrace")
	for _, c := range []struct {
		flags    string
		payloads uint64
		total    uint64
	}{
		{"--from json --key origin --payload object", 2, 136},
		{"--key origin --payload none --size meta.bytes", 0, 42},
		{"--payload origin --key origin", 2, 6},
	} {
		args := append([]string{"trace", "import", "--time", "date", "-o", out}, strings.Fields(c.flags)...)
		if code, stdout, stderr := inShell(append(args, events)...); code != results.ExitPass || stderr != "" || !strings.HasPrefix(stdout, out+": 2 events") {
			t.Fatalf("%s: exit %d, stdout %q, stderr %q", c.flags, code, stdout, stderr)
		}
		code, stdout, stderr := inShell("trace", "info", "--format", "json", out)
		var s traceSummary
		if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != results.ExitPass || stderr != "" {
			t.Fatalf("%v, exit %d, stderr %q", err, code, stderr)
		}
		if !s.Whole || s.Events != 2 || s.Payloads != c.payloads || s.SizeBytes.Total != c.total || s.DurationNs != 23*60*1e9 || s.Start != "2001-01-01T00:47:00Z" {
			t.Errorf("%s: %+v", c.flags, s)
		}
	}
	if _, stdout, _ := inShell("trace", "info", out); !strings.Contains(stdout, "events    2\n") || !strings.Contains(stdout, "duration  23m0s\n") {
		t.Errorf("table:\n%s", stdout)
	}
}

// What is wrong with a file of events or a trace exits 2, says where, and leaves nothing behind.
func TestBadEventsAndBadTraces(t *testing.T) {
	t.Run("events", func(t *testing.T) {
		events := place(t, "bad.json", strings.Replace(twoFlights, "01:10", "noon", 1))
		out := filepath.Join(filepath.Dir(events), "bad.xtrace")
		code, stdout, stderr := inShell("trace", "import", "--time", "date", "-o", out, events)
		if code != results.ExitUsage || stdout != "" || !strings.Contains(stderr, "record 2 (line 3") {
			t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
		}
		if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 1 {
			t.Errorf("left behind: %v", left)
		}
	})
	t.Run("trace", func(t *testing.T) {
		code, stdout, stderr := inShell("trace", "info", place(t, "no.xtrace", "not a trace at all, by any means"))
		if code != results.ExitUsage || !strings.Contains(stdout, "events    0\n") || !strings.Contains(stderr, "corrupt at byte 0") {
			t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
		}
	})
}

// A place that cannot be written is xbench's failure, not the file's; a device stays one.
func TestImportToAPlaceThatCannotBeWritten(t *testing.T) {
	events := place(t, "flights.json", twoFlights)
	for _, out := range []string{"/dev/full", filepath.Join(events, "x.xtrace")} {
		if code, stdout, stderr := inShell("trace", "import", "--time", "date", "-o", out, events); code != results.ExitFailed || stdout != "" || stderr == "" {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", out, code, stdout, stderr)
		}
	}
	if s, err := os.Stat("/dev/full"); err != nil || s.Mode().IsRegular() {
		t.Errorf("/dev/full is %v (%v)", s.Mode(), err)
	}
}
