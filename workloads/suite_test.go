// suite_test.go: what a suite may say, and what is said about one that is wrong.

package workloads

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"xbench/harness"
	"xbench/harness/trace"
)

// The default suite is there, its cases are the three that are promised, and they fit into half a minute.
func TestQuickSuite(t *testing.T) {
	suite, err := LoadSuite(DefaultSuite)
	if err != nil {
		t.Fatal(err)
	}
	if suite.Name != "quick" || suite.Title == "" || len(suite.Cases) != 3 {
		t.Fatalf("%+v", suite)
	}
	const startUp = 1500 * time.Millisecond // of a trial: workers, memory, the end
	total := time.Duration(0)
	for i, name := range []string{"flights", "keyed-50k", "long-max"} {
		c := suite.Cases[i]
		p, err := c.Plan()
		if err != nil || c.Name != name {
			t.Fatalf("case %d: %s: %v", i, c.Name, err)
		}
		total += time.Duration(p.Trials) * (p.Warmup + p.Duration + startUp)
	}
	if total > 29*time.Second {
		t.Errorf("it takes %v", total)
	}

	flights, _ := suite.Cases[0].Plan()
	if flights.Loop != harness.Open || flights.Trace != "flights" || flights.Rate != 2500 || flights.Warmup+flights.Duration != 8*time.Second {
		t.Errorf("flights: %+v", flights)
	}
	keyed := suite.Cases[1]
	if p, _ := keyed.Plan(); p.Loop != harness.Open || p.Rate != 50_000 || keyed.Size != 100 || keyed.Keys != Zipf {
		t.Errorf("keyed-50k: %+v", keyed)
	}
	longs := suite.Cases[2]
	if p, _ := longs.Plan(); p.Loop != harness.Closed || p.Trials != 3 || longs.Writers != 4 || longs.Channels != 100 || longs.SegmentSize != 32<<10 ||
		longs.Exclusive != 2 || longs.Floating != 8 || longs.BufferTimeout != 100*time.Millisecond {
		t.Errorf("long-max: %+v", longs)
	}
}

// Every embedded suite can be read and planned.
func TestEmbeddedSuites(t *testing.T) {
	for _, name := range Suites() {
		if _, err := LoadSuite(name); err != nil {
			t.Error(err)
		}
	}
}

// A suite's defaults hold for every case that does not say otherwise.
func TestSuiteDefaults(t *testing.T) {
	suite, err := parseSuite("dir/mine.yaml", []byte(`
title: two
defaults: {rate: 1.5k, size: 1KiB, warmup: 0s}
cases:
  - name: a
  - {name: b, rate: max, "key-count": 7, keys: 'uniform'}
`))
	if err != nil {
		t.Fatal(err)
	}
	a, b := suite.Cases[0], suite.Cases[1]
	if suite.Name != "mine" || a.Rate != 1500 || a.Size != 1024 || a.Warmup != 0 || a.KeyCount != 10_000 ||
		b.Rate != 0 || b.Size != 1024 || b.KeyCount != 7 || b.Keys != Uniform {
		t.Errorf("%+v", suite)
	}
}

// What is wrong is said with file, line and key.
func TestSuiteErrors(t *testing.T) {
	one := func(line string) string {
		return "title: t\ncases:\n  - name: a\n    workload: keyed\n    " + line + "\n"
	}
	for _, c := range []struct{ text, want string }{
		{"", "s.yaml: 0 documents, a suite is one"},
		{"- a", "s.yaml:1: a mapping of keys to values was expected, one of title, defaults, cases"},
		{"title: t", "s.yaml: cases: there must be a list of 1 to 1000 cases"},
		{"title: t\ncases: []", "s.yaml:2: cases: there must be a list of 1 to 1000 cases"},
		{"title: t\ncase:\n  - name: a", "s.yaml:2: case: unknown key; known are title, defaults, cases"},
		{"title: [a]\ncases:\n  - name: a", "s.yaml:1: title: a single value was expected"},
		{"defaults:\n  rat: 1\ncases:\n  - name: a", "s.yaml:2: rat: unknown key; known are workload, "},
		{"defaults:\n  name: a\ncases:\n  - name: a", "s.yaml:2: name: unknown key; known are workload, "},
		{one("rates: 1k"), "s.yaml:5: rates: unknown key; known are name, workload, "},
		{one("rate: fast"), `s.yaml:5: rate: "fast" is not a rate: write 50000, 50k or 1.5M for records per second, or max`},
		{one("rate: 0"), `s.yaml:5: rate: nothing is sent at a rate of 0`},
		{one("rate: -1"), `s.yaml:5: rate: "-1" is not a rate`},
		{one("rate: 1e3"), `s.yaml:5: rate: "1e3" is not a rate`},
		{one("rate:"), `s.yaml:5: rate: a single value was expected`},
		{one("size: 1.5"), `s.yaml:5: size: "1.5" is not a size: write 100B, 32KiB or 1MiB`},
		{one("size: 1GiB"), `s.yaml:5: size: 1073741824, between 0 and 67108864 are possible`},
		{one("readers: 5"), `s.yaml:5: readers: 5, between 1 and 4 are possible`},
		{one("channels: many"), `s.yaml:5: channels: "many" is not a whole number`},
		{one("keys: gauss"), `s.yaml:5: keys: "gauss" is not one of zipf, uniform, sequential`},
		{one("key-skew: -1"), `s.yaml:5: key-skew: "-1" is not a number from 0 on`},
		{one("key-skew: .inf"), `s.yaml:5: key-skew: a single value was expected`},
		{one("driver: rival"), `s.yaml:5: driver: no driver is called "rival"`},
		{one("duration: 0s"), `s.yaml:5: duration: 0s: nothing would be measured`},
		{one("duration: 10"), `s.yaml:5: duration: "10" is not a duration: write 100ms, 2s or 1m30s`},
		{one("buffer-timeout: 500us"), `s.yaml:5: buffer-timeout: 500µs: below 1ms, only 0 (every record) is possible`},
		{one("listen: here"), `s.yaml:5: listen: "here" is not an address: write 127.0.0.1:0`},
		{one("processes: 3"), `s.yaml:5: processes: 3, between 1 and 2 are possible`},
		{one("trace: flights"), `s.yaml:5: trace: only workload trace replays one`},
		{one("speed: 2"), `s.yaml:5: speed: only a trace has times of its own`},
		{one("size: 1\n    size: 2"), `s.yaml:6: `}, // the parser's words
		{one("size: &x 1"), `s.yaml:5: size: a single value was expected`},
		{one("size: [1"), `s.yaml:5: `},
		{one("x\n"), `s.yaml:5: `},
		{"cases:\n  - workload: trace\n    name: a", `s.yaml:3: trace: workload trace needs one: flights, or a file`},
		{"cases:\n  - workload: trace\n    name: a\n    trace: none.xtrace", `s.yaml:4: trace: no trace is called "`},
		{"cases:\n  - workload: trace\n    name: a\n    trace: flights\n    rate: 5", `s.yaml:5: rate: a trace has times of its own: change speed, or duration`},
		{"cases:\n  - workload: longs\n    name: a\n    size: 12", `s.yaml:4: size: 12: a long is of 8 bytes, or of 16 (its value twice) to 1048576`},
		{"cases:\n  - workload: latency\n    name: a\n    rate: 5", `s.yaml:4: rate: a round waits for the one before: rate can only be max`},
		{"cases:\n  - workload: latency\n    name: a\n    round: 0", `s.yaml:4: round: 0, between 1 and 1048576 are possible`},
		{"cases:\n  - workload: latency\n    name: a\n    readers: 2", `s.yaml:4: readers: 2 share each writer's channels`},
		{one("burst: 2"), `s.yaml:5: burst: only longs at a rate come in bursts`},
		{one("spread: skew"), `s.yaml:5: spread: workload keyed spreads its records by their keys`},
		{one("tls: yes"), `s.yaml:5: tls: "yes" is neither on nor off`},
		{one("connections: 0"), `s.yaml:5: connections: 0, between 1 and 64 are possible`},
		{"cases:\n  - workload: keyed", `s.yaml:2: name: a case needs one`},
		{"cases:\n  - name: A b", `s.yaml:2: name: "A b": up to 64 lower-case letters`},
		{"cases:\n  - name: a\n  - name: b\n  - name: a", `s.yaml:4: name: two cases are called "a"`},
		{"cases:\n  - name: a\n---\ncases:\n  - name: a", `s.yaml: 2 documents, a suite is one`},
	} {
		_, err := parseSuite("s.yaml", []byte(c.text))
		var wrong *SuiteError
		if !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q:\n%v\nwant: %s", c.text, err, c.want)
		}
	}
}

// A suite is found by its name or by its path, and a trace beside the file that names it.
func TestLoadSuiteFile(t *testing.T) {
	if _, err := LoadSuite("quack"); err == nil || err.Error() != "quack: no suite has this name, and no file: embedded are "+strings.Join(Suites(), ", ") {
		t.Error(err)
	}
	if _, err := LoadSuite(t.TempDir()); err == nil {
		t.Error("a folder is no suite")
	}
	dir := t.TempDir()
	var file bytes.Buffer
	w, _ := trace.NewWriter(&file, 0)
	for i := range 10 {
		_ = w.Write(trace.Event{Time: time.Duration(i) * time.Second, Key: "k", Size: 5})
	}
	_ = w.Close()
	text := "cases:\n  - name: a\n    workload: trace\n    trace: mine.xtrace\n    duration: 4s\n"
	for name, content := range map[string][]byte{"mine.xtrace": file.Bytes(), "s.yaml": []byte(text), "long.yaml": make([]byte, suiteMaxBytes+1)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	suite, err := LoadSuite(filepath.Join(dir, "s.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if c := suite.Cases[0]; suite.Name != "s" || c.Trace != filepath.Join(dir, "mine.xtrace") {
		t.Errorf("%+v", suite)
	}
	if p, err := suite.Cases[0].Plan(); err != nil || p.Rate != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := LoadSuite(filepath.Join(dir, "long.yaml")); err == nil || !strings.Contains(err.Error(), "longer than 1024 KiB") {
		t.Error(err)
	}
}

// Every parameter can be got in a form that sets it to the same again.
func TestSettingsRoundTrip(t *testing.T) {
	c := NewCase("a")
	for _, change := range [][2]string{
		{"workload", "trace"}, {"rate", "50k"}, {"size", "32KiB"}, {"keys", "uniform"}, {"key-skew", "0.99"}, {"buffer-timeout", "never"},
		{"spread", "skew"}, {"round", "7"}, {"burst", "9"}, {"tls", "on"}, {"connections", "3"}, {"congestion", "reno"},
		{"trace", "flights"}, {"speed", "1000"}, {"seed", "18446744073709551615"}, {"listen", "[::1]:0"}, {"warmup", "1.5s"}, {"segment-size", "4kB"},
	} {
		if err := c.Set(change[0], change[1]); err != nil {
			t.Fatal(err)
		}
		if got := c.Get(change[0]); got != change[1] {
			t.Errorf("%s: set to %s, it is %s", change[0], change[1], got)
		}
	}
	for _, from := range []Case{NewCase("a"), c} {
		to := Case{Name: "a"}
		for _, s := range Settings() {
			if err := to.Set(s.Name, from.Get(s.Name)); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
			if s.Doc == "" {
				t.Errorf("%s has no documentation", s.Name)
			}
		}
		if fmt.Sprint(to) != fmt.Sprint(from) {
			t.Errorf("%+v\nbecame %+v", from, to)
		}
	}
}

// Whatever a file holds, it is a suite that can be planned, or an error with the file's name.
func FuzzSuite(f *testing.F) {
	for _, name := range Suites() {
		text, _ := suiteFiles.ReadFile("suites/" + name + ".yaml")
		f.Add(text)
	}
	f.Add([]byte("defaults: {rate: 1k}\ncases:\n  - {name: a, keys: uniform}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		suite, err := parseSuite("s.yaml", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "s.yaml") {
				t.Fatal(err)
			}
			return
		}
		for _, c := range suite.Cases {
			if _, err := c.Plan(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
