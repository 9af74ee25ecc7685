package results

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// stored reads the run.json of a directory.
func stored(t *testing.T, d *Dir) Run {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(d.Path(), "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r Run
	if err := json.Unmarshal(content, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func isMarkedFailed(d *Dir) bool {
	_, err := os.Stat(filepath.Join(d.Path(), "FAILED"))
	return err == nil
}

func create(t *testing.T) *Dir {
	t.Helper()
	d, err := Create(t.TempDir(), "quick", "1a2b3c4d5e6f", began)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestARunDirectoryIsNamedAfterSuiteTimeAndRevision(t *testing.T) {
	root := t.TempDir()
	for _, c := range []struct{ suite, revision, want string }{
		{"quick", "1a2b3c4d5e6f", `quick/20261123T040506Z-1a2b3c4-[a-z2-7]{6}`},
		{"quick", "", `quick/20261123T040506Z-dev-[a-z2-7]{6}`},
		{"quick", "unknown", `quick/20261123T040506Z-dev-[a-z2-7]{6}`},
		{"../../my suite", "../x", `__.._my_suite/20261123T040506Z-__x-[a-z2-7]{6}`},
	} {
		d, err := Create(root, c.suite, c.revision, began)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, d.Path())
		if err != nil || !regexp.MustCompile("^"+c.want+"$").MatchString(name) {
			t.Errorf("%s (%v), want %s", name, err, c.want)
		}
		if d.ID() != filepath.Base(name) {
			t.Errorf("id %s", d.ID())
		}
	}
}

// Two runs of the same second never meet.
func TestARunDirectoryIsNeverReused(t *testing.T) {
	root := t.TempDir()
	seen := map[string]bool{}
	for range 50 {
		d, err := Create(root, "quick", "", began)
		if err != nil {
			t.Fatal(err)
		}
		if seen[d.Path()] {
			t.Fatalf("%s twice", d.Path())
		}
		seen[d.Path()] = true
	}
}

// What is in the directory is true after every step, as if the process died there.
func TestARunDirectoryTellsTheTruthAtEveryMoment(t *testing.T) {
	d, run := create(t), sampleRun()
	cases := run.Cases
	run.Cases, run.Outcome, run.ExitCode, run.Reason = nil, Pass, ExitPass, ""

	if err := d.Begin(run); err != nil {
		t.Fatal(err)
	}
	if r := stored(t, d); r.Outcome != Interrupted || r.ExitCode != 130 || len(r.Cases) != 0 || r.ID != d.ID() || !isMarkedFailed(d) {
		t.Errorf("after Begin: %s, exit %d, id %s, FAILED %v", r.Outcome, r.ExitCode, r.ID, isMarkedFailed(d))
	}
	for n := range cases {
		run.Cases = append(run.Cases, cases[n])
		if err := d.AddCase(run); err != nil {
			t.Fatal(err)
		}
		if r := stored(t, d); r.Outcome != Interrupted || len(r.Cases) != n+1 || !isMarkedFailed(d) {
			t.Errorf("after case %d: %s, %d cases", n, r.Outcome, len(r.Cases))
		}
	}
	if err := d.Finish(run); err != nil {
		t.Fatal(err)
	}
	if r := stored(t, d); r.Outcome != Pass || r.ExitCode != 0 || isMarkedFailed(d) {
		t.Errorf("after Finish: %s, exit %d, FAILED %v", r.Outcome, r.ExitCode, isMarkedFailed(d))
	}

	t.Run("the growing files are what one Write gives", func(t *testing.T) {
		again := sampleRun()
		again.ID = run.ID
		for name, write := range map[string]func(*bytes.Buffer) error{
			"bench.txt":    func(b *bytes.Buffer) error { return WriteBench(b, again) },
			"latency.hlog": func(b *bytes.Buffer) error { return WriteHlog(b, again) },
		} {
			var want bytes.Buffer
			if err := write(&want); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(d.Path(), name)); err != nil || string(got) != want.String() {
				t.Errorf("%s (%v):\n%s", name, err, got)
			}
		}
	})
	t.Run("nothing else is left behind", func(t *testing.T) {
		entries, err := os.ReadDir(d.Path())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if got := strings.Join(names, " "); got != "bench.txt latency.hlog run.json" {
			t.Errorf("files %s", got)
		}
	})
}

func TestARunThatDidNotPassIsKeptAndMarked(t *testing.T) {
	for _, outcome := range []Outcome{Invalid, Interrupted, Failed} {
		d, run := create(t), sampleRun()
		run.Outcome = outcome
		if err := d.Begin(run); err != nil {
			t.Fatal(err)
		}
		if err := d.Finish(run); err != nil {
			t.Fatal(err)
		}
		if r := stored(t, d); r.Outcome != outcome || !isMarkedFailed(d) {
			t.Errorf("%s: %s, FAILED %v", outcome, r.Outcome, isMarkedFailed(d))
		}
	}
}

func TestPutStoresOtherFilesOnceAndInside(t *testing.T) {
	d := create(t)
	if err := d.Put("dumps/flights.1.0.txt", []byte("goroutine 1")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dumps/flights.1.0.txt", "../out", "/tmp/out", ""} {
		if err := d.Put(name, nil); err == nil {
			t.Errorf("%q was written", name)
		}
	}
}

// Permissions do not stop root, a file where a folder should be does.
func TestAPlaceThatCannotBeWrittenIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(file, "quick", "", began); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v", err)
	}
	d := create(t)
	if err := os.RemoveAll(d.Path()); err != nil {
		t.Fatal(err)
	}
	if err := d.Begin(sampleRun()); err == nil {
		t.Error("Begin in a directory that is gone")
	}
}
