// dir.go: the directory that one run leaves behind.

package results

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// DefaultRoot is where runs go without --out: git-ignored, below the working directory.
const DefaultRoot = "results/runs"

// The files of a run directory.
const (
	runFile    = "run.json"              // the Run, complete
	benchFile  = "bench.txt"             // WriteBench
	hlogFile   = "latency.hlog"          // WriteHlog
	WaitFile   = "bufferwait.pb.gz"      // pprof profile of waits, given as bytes
	failedFile = "FAILED"                // empty; there from the beginning, until the run has passed
	unfinished = "the run has not ended" // the reason in a run.json that nobody finished
)

// Dir is the directory of one run: <root>/<suite>/<UTC>-<short revision or "dev">-<id>/.
// It is created empty and never reused. What is in it is true at every moment, also after
// kill -9: run.json is replaced as a whole, says "interrupted" until Finish, and the marker
// FAILED goes away only with a pass. The other files grow by whole cases.
//
// One goroutine uses a Dir.
type Dir struct {
	path string
}

// Create makes the directory of a run that begins now. revision is the binary's, "" or
// "unknown" when it has none.
func Create(root, suite, revision string, now time.Time) (*Dir, error) {
	parent := filepath.Join(root, FileName(suite))
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return nil, fmt.Errorf("run directory: %w", err)
	}
	stem := now.UTC().Format("20060102T150405Z") + "-" + shortRevision(revision)
	// 30 bits of chance per name: a second collision in the same second is a broken source.
	for range 3 {
		path := filepath.Join(parent, stem+"-"+strings.ToLower(rand.Text()[:6]))
		err := os.Mkdir(path, 0o777)
		if err == nil {
			return &Dir{path: path}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("run directory: %w", err)
		}
	}
	return nil, fmt.Errorf("run directory: %s exists already", filepath.Join(parent, stem+"-*"))
}

// Path is where the directory is, as it was asked for: relative if the root was.
func (d *Dir) Path() string { return d.path }

// ID names the run: the directory's own name.
func (d *Dir) ID() string { return filepath.Base(d.path) }

// Begin writes the documents of a run that has no case yet. It sets r's Schema and ID.
func (d *Dir) Begin(r *Run) error {
	r.Schema, r.ID = Schema, d.ID()
	if err := d.Put(failedFile, nil); err != nil {
		return err
	}
	if err := d.save(r.underWay()); err != nil {
		return err
	}
	if err := d.extend(benchFile, func(w io.Writer) error { return writeBenchHead(w, r) }); err != nil {
		return err
	}
	return d.extend(hlogFile, func(w io.Writer) error { return writeHlogHead(w, r) })
}

// AddCase stores the last case of r, once its trials are complete. Afterwards the trials'
// histograms are no longer needed and are let go.
func (d *Dir) AddCase(r *Run) error {
	c := &r.Cases[len(r.Cases)-1]
	if err := d.save(r.underWay()); err != nil {
		return err
	}
	if err := d.extend(benchFile, func(w io.Writer) error { return writeBenchCase(w, r, c) }); err != nil {
		return err
	}
	if err := d.extend(hlogFile, func(w io.Writer) error { return writeHlogCase(w, r, c) }); err != nil {
		return err
	}
	for i := range c.Trials {
		c.Trials[i].Histogram, c.Trials[i].LagHistogram = nil, nil
	}
	return nil
}

// Finish writes the last run.json, with the outcome as r says it, and takes the marker
// FAILED away if that is a pass.
func (d *Dir) Finish(r *Run) error {
	if err := d.save(r); err != nil {
		return err
	}
	if r.Outcome != Pass {
		return nil
	}
	return os.Remove(filepath.Join(d.path, failedFile))
}

// Put stores another file of the run, such as a profile or a goroutine dump. The name may
// have folders (made here), must stay inside the directory, and must be new.
func (d *Dir) Put(name string, content []byte) error {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	defer root.Close()
	if folder := filepath.Dir(name); folder != "." {
		if err := root.MkdirAll(folder, 0o777); err != nil {
			return fmt.Errorf("run directory: %w", err)
		}
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	return nil
}

// underWay is r as it must read if nobody writes it again.
func (r *Run) underWay() *Run {
	now := *r
	now.Outcome, now.ExitCode = Interrupted, ExitInterrupted
	now.Reason = unfinished
	return &now
}

// save replaces run.json: a reader sees the old one or the new one, never a part.
func (d *Dir) save(r *Run) error {
	var doc bytes.Buffer
	if err := WriteJSON(&doc, r); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.path, ".run-*.json")
	if err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	_, err = f.Write(doc.Bytes())
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(d.path, runFile))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("run directory: %w", err)
	}
	return nil
}

// extend appends to a file of the directory in one write.
func (d *Dir) extend(name string, write func(io.Writer) error) error {
	var more bytes.Buffer
	if err := write(&more); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	_, err = f.Write(more.Bytes())
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	return nil
}

var notInFileNames = regexp.MustCompile(`[^A-Za-z0-9_.-]+|^[.-]+`)

// FileName is s as one plain element of a path, whatever a suite or a case is called.
func FileName(s string) string {
	if s = notInFileNames.ReplaceAllString(s, "_"); s == "" {
		return "_"
	}
	return s
}

// shortRevision is what a directory's name tells of a commit.
func shortRevision(revision string) string {
	if revision == "" || revision == unknown {
		return "dev"
	}
	return FileName(revision[:min(len(revision), 7)])
}
