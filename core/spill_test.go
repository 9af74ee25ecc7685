// spill_test.go: records too large for memory, from a writer to a reader.

package core

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"xbench/core/net/gate"
	"xbench/core/serde"
)

// checkNoFiles looks for files of a folder: by name, open, and mapped.
func checkNoFiles(t *testing.T, dir string) {
	t.Helper()
	if named, err := os.ReadDir(dir); err != nil || len(named) > 0 {
		t.Errorf("%d files are left, %v", len(named), err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(maps), dir) {
		t.Error("a file is still mapped")
	}
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if target, _ := os.Readlink(one); strings.HasPrefix(target, dir) {
			t.Errorf("%s is still open", target)
		}
	}
}

// TestSpilledRecords: a record of many times the memory of its channel arrives through a file, and the file is gone when the reader is done with
// it, leaves in the middle, or fails.
func TestSpilledRecords(t *testing.T) {
	out, in := pair(t)
	large := strings.Repeat("0123456789abcdef", 40<<10) // 640 KiB, where a segment has 256 B
	noFolder := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(noFolder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for k, c := range []struct {
		name    string
		in      *Exchange
		address string
		read    func(t *testing.T, r *Reader)
		dir     string
	}{
		{"remote", in, out.Addr(), readsLarge(large), t.TempDir()},
		{"local", out, "", readsLarge(large), t.TempDir()},
		{"leaves", in, out.Addr(), leavesWithin, t.TempDir()},
		{"no folder", in, out.Addr(), failsToSpill, noFolder},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWriter(t, out, WriterOptions{Partition: partitionID(k), Subpartitions: 1, BufferTimeout: FlushNever})
			r, err := c.in.NewReader(t.Context(), ReaderOptions{
				Gates: [][]Input{inputs(c.address, k, 1)}, SpillThreshold: serde.MinSpillThreshold, TempDirs: []string{c.dir},
			})
			if err != nil {
				t.Fatal(err)
			}
			var task sync.WaitGroup
			task.Go(func() {
				defer w.Close()
				for _, text := range []string{"before", large, "between", large, "behind"} {
					if err := w.EmitTo(0, textRecord(text)); err != nil {
						t.Error(err)
					}
				}
				if err := w.End(); err != nil {
					t.Error(err)
				}
			})
			c.read(t, r)
			r.Close()
			task.Wait()
			if c.dir != noFolder {
				checkNoFiles(t, c.dir)
			}
		})
	}
}

func readsLarge(large string) func(t *testing.T, r *Reader) {
	return func(t *testing.T, r *Reader) {
		got, err := readAll(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if p := got.payloads[0]; len(p) != 5 || p[0] != "before" || p[1] != large || p[2] != "between" || p[3] != large || p[4] != "behind" {
			t.Errorf("%d records, or others", len(p))
		}
	}
}

func leavesWithin(t *testing.T, r *Reader) {
	for range 1000 { // buffers of 256 B: within the first large one
		if _, err := r.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func failsToSpill(t *testing.T, r *Reader) {
	_, err := readAll(t.Context(), r)
	var channel *gate.ChannelError
	var spill *serde.SpillError
	if !errors.As(err, &channel) || channel.Channel != 0 || !errors.As(err, &spill) || !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("the reader heard %v", err)
	}
}

// TestReaderOptionsThatCannotBe are refused, before anything is taken.
func TestReaderOptionsThatCannotBe(t *testing.T) {
	x := open(t, Options{Segments: 64, SegmentSize: 64})
	for _, o := range []ReaderOptions{
		{},
		{Gates: [][]Input{inputs("", 0, 1)}, MaxRecord: -1},
		{Gates: [][]Input{inputs("", 0, 1)}, SpillThreshold: 1},
	} {
		if r, err := x.NewReader(t.Context(), o); err == nil {
			r.Close()
			t.Errorf("%+v was accepted", o)
		}
	}
	if x.FreeSegments() != 64 {
		t.Errorf("%d of 64 segments are free", x.FreeSegments())
	}
}

// TestBrokenBytesAreNotedAtTheLatestAtTheEnd, even by a task that does not look at the records.
func TestBrokenBytesAreNotedAtTheLatestAtTheEnd(t *testing.T) {
	x := open(t, Options{Segments: 64, SegmentSize: 64})
	for k, c := range []struct {
		name, bytes string
		want        func(error) bool
	}{
		{"a length that cannot be", "\xFF\xFF\xFF\xFFmore", func(err error) bool { return errors.As(err, new(*serde.LengthError)) }},
		{"half a record", "\x00\x00\x00\x09more", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{"half a length", "\x00\x00\x00", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWriter(t, x, WriterOptions{Partition: partitionID(k), Subpartitions: 1, BufferTimeout: FlushAlways})
			r := newReader(t, x, inputs("", k, 1))
			if err := w.part.Emit(t.Context(), []byte(c.bytes), 0); err != nil {
				t.Fatal(err)
			}
			w.FlushAll()
			var task sync.WaitGroup
			task.Go(func() {
				defer w.Close()
				if err := w.End(); err != nil {
					t.Error(err)
				}
			})
			var err error
			for err == nil {
				_, err = r.Advance(t.Context())
			}
			if !c.want(err) {
				t.Errorf("the reader heard %v", err)
			}
			r.Close()
			task.Wait()
		})
	}
}
