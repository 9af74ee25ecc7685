// spill_test.go: records too large for memory come out like others, and leave nothing on the disk.

package serde

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// spilling is a Deserializer with the least threshold, over a folder of the test's own, where nothing may be left in the end.
func spilling(t *testing.T, dirs ...string) *Deserializer {
	t.Helper()
	if len(dirs) == 0 {
		dirs = []string{t.TempDir()}
	}
	d := NewDeserializer(Options{SpillThreshold: MinSpillThreshold, TempDirs: dirs})
	t.Cleanup(func() {
		d.Reset()
		for _, dir := range dirs {
			checkHeld(t, dir, 0, 0)
		}
	})
	return d
}

// held is how many files of a folder are open, by descriptor and by mapping. None of them may have a name.
func held(t *testing.T, dir string) (descriptors, mappings int) {
	t.Helper()
	if named, err := os.ReadDir(dir); err != nil {
		t.Fatal(err)
	} else if len(named) > 0 {
		t.Errorf("there is a file in %s: %v", dir, named)
	}
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if target, _ := os.Readlink(filepath.Join("/proc/self/fd", one.Name())); strings.HasPrefix(target, dir+"/") {
			descriptors++
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return descriptors, strings.Count(string(maps), " "+dir+"/")
}

func checkHeld(t *testing.T, dir string, descriptors, mappings int) {
	t.Helper()
	if d, m := held(t, dir); d != descriptors || m != mappings {
		t.Errorf("%d files open and %d mapped, want %d and %d", d, m, descriptors, mappings)
	}
}

// R4.1 with spill: records around and beyond the threshold, between small ones, in segments from one byte up.
func TestR4_1_RecordsLargerThanTheSpillThreshold(t *testing.T) {
	const threshold = MinSpillThreshold
	rng := seeded(t)
	var all [][]byte
	for _, n := range []int{5, threshold - 1, threshold, threshold + 1, 0, 3 * threshold, spillBufferSize, spillBufferSize + 1, 7, 2*spillBufferSize - 1, 1 << 20, 20} {
		all = append(all, randomBytes(rng, n))
	}
	for _, size := range []int{1, 10, 16, 31, 4096 + 1, 32 << 10, spillBufferSize, spillBufferSize + 1, 1 << 20, 4 << 20} {
		t.Run(fmt.Sprintf("R4.1/%d", size), func(t *testing.T) {
			want := all
			if size < 100 {
				want = all[2:5] // so many buffers take their time
			}
			stream := framed(want)
			d := spilling(t)
			for range 2 {
				checkPayloads(t, cut(t, d, stream, size), want)
				checkNothingLeft(t, d)
				checkHeld(t, d.o.TempDirs[0], 0, 0)
			}
		})
	}
}

// R4.1 with spill: what is not consumed can be read while half of the record is in the file, and reading it changes nothing.
func TestR4_1_UnconsumedOfASpilledRecord(t *testing.T) {
	want := [][]byte{randomBytes(seeded(t), 3*spillBufferSize), []byte("behind")}
	stream := framed(want)
	for _, size := range []int{10_007, spillBufferSize, spillBufferSize + 1} {
		t.Run(fmt.Sprintf("R4.1/%d", size), func(t *testing.T) {
			d := spilling(t)
			var got [][]byte
			returned := 0
			for fed := 0; fed < len(stream); {
				n := min(size, len(stream)-fed)
				d.SetBuffer(stream[fed : fed+n])
				fed += n
				for {
					if left := unconsumed(t, d); !bytes.Equal(left, stream[returned:fed]) {
						t.Fatalf("after %d bytes and %d returned: unconsumed is %s, want %s", fed, returned, brief(left), brief(stream[returned:fed]))
					}
					payload, ok, err := d.Next()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					returned += LengthSize + len(payload)
					got = append(got, bytes.Clone(payload))
				}
			}
			checkPayloads(t, got, want)
		})
	}
}

// Any records, cut anywhere, whatever of them goes to the file.
func TestAnyRecordsWhateverIsSpilled(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		d := NewDeserializer(Options{TempDirs: []string{dir}})
		d.o.SpillThreshold = rapid.IntRange(0, 30).Draw(r, "threshold") // lower than a user may ask for
		want := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 0, 8).Draw(r, "records")
		stream := framed(want)
		var got [][]byte
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(r, "buffer")
			got = append(got, cut(r, d, stream[:n], n)...)
			stream = stream[n:]
		}
		checkPayloads(r, got, want)
		checkNothingLeft(r, d)
	})
	checkHeld(t, dir, 0, 0)
}

// A large record that lies in one buffer costs no file, nor does one of which the buffer before has the length only.
func TestLargeRecordsInPlaceAreNotSpilled(t *testing.T) {
	d := NewDeserializer(Options{SpillThreshold: MinSpillThreshold, TempDirs: []string{filepath.Join(t.TempDir(), "nowhere")}})
	want := [][]byte{make([]byte, 2*MinSpillThreshold), make([]byte, 2*MinSpillThreshold)}
	stream := framed(want)
	checkPayloads(t, cut(t, d, stream, len(stream)), want)
	checkPayloads(t, cut(t, d, stream, LengthSize+2*MinSpillThreshold+LengthSize), want)
}

// At every moment there is one file or one mapping, or neither, and never a name.
func TestSpillLeavesNothingBehind(t *testing.T) {
	large := randomBytes(seeded(t), 4*spillBufferSize)
	stream := framed([][]byte{large, []byte("small")})
	half, end := stream[:len(stream)/2], stream[len(stream)/2:]
	next := func(t *testing.T, d *Deserializer, want []byte) {
		t.Helper()
		payload, ok, err := d.Next()
		if err != nil || ok != (want != nil) || !bytes.Equal(payload, want) {
			t.Fatalf("%s %t %v, want %s", brief(payload), ok, err, brief(want))
		}
	}
	for _, c := range []struct {
		name                  string
		steps                 func(t *testing.T, d *Deserializer)
		descriptors, mappings int // after the steps
	}{
		{"before its first bytes", func(t *testing.T, d *Deserializer) { d.SetBuffer(stream[:LengthSize]); next(t, d, nil) }, 0, 0},
		{"half of it", func(t *testing.T, d *Deserializer) { d.SetBuffer(half); next(t, d, nil) }, 1, 0},
		{"handed out", func(t *testing.T, d *Deserializer) {
			d.SetBuffer(half)
			next(t, d, nil)
			d.SetBuffer(end)
			next(t, d, large)
		}, 0, 1},
		{"done with, by the next record", func(t *testing.T, d *Deserializer) {
			d.SetBuffer(half)
			next(t, d, nil)
			d.SetBuffer(end)
			next(t, d, large)
			next(t, d, []byte("small"))
			next(t, d, nil)
		}, 0, 0},
		{"done with, by the end of the buffer", func(t *testing.T, d *Deserializer) {
			d.SetBuffer(half)
			next(t, d, nil)
			d.SetBuffer(stream[len(half) : len(large)+LengthSize])
			next(t, d, large)
			next(t, d, nil)
		}, 0, 0},
		{"done with, by the next buffer", func(t *testing.T, d *Deserializer) {
			d.SetBuffer(half)
			next(t, d, nil)
			d.SetBuffer(stream[len(half) : len(large)+LengthSize])
			next(t, d, large)
			d.SetBuffer(framed([][]byte{[]byte("in place")}))
		}, 0, 0},
		{"reset in the middle", func(t *testing.T, d *Deserializer) { d.SetBuffer(half); next(t, d, nil); d.Reset() }, 0, 0},
		{"reset while it is looked at", func(t *testing.T, d *Deserializer) {
			d.SetBuffer(half)
			next(t, d, nil)
			d.SetBuffer(end)
			next(t, d, large)
			d.Reset()
		}, 0, 0},
		{"a broken length behind it", func(t *testing.T, d *Deserializer) {
			d.SetBuffer(half)
			next(t, d, nil)
			d.SetBuffer(append(bytes.Clone(stream[len(half):LengthSize+len(large)]), 0xFF, 0xFF, 0xFF, 0xFF, 0))
			next(t, d, large)
			if _, _, err := d.Next(); !errors.As(err, new(*LengthError)) {
				t.Errorf("%v", err)
			}
		}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := spilling(t)
			c.steps(t, d)
			checkHeld(t, d.o.TempDirs[0], c.descriptors, c.mappings)
			d.Reset()
			checkHeld(t, d.o.TempDirs[0], 0, 0)
			checkPayloads(t, cut(t, d, stream, 32<<10), [][]byte{large, []byte("small")}) // as good as new
		})
	}
}

// The bound is real: a record of 32 MiB passes through less than one of memory.
func TestSpillBoundsMemory(t *testing.T) {
	d := spilling(t)
	const size, segment = 32 << 20, 32 << 10
	piece := randomBytes(rand.New(rand.NewPCG(1, 2)), segment)
	header := framed([][]byte{nil})
	header[0] = size >> 24
	before := allocated()
	d.SetBuffer(header)
	var payload []byte
	for range size / segment {
		_, ok, err := d.Next()
		if ok || err != nil {
			t.Fatal(ok, err)
		}
		d.SetBuffer(piece)
	}
	payload, ok, err := d.Next()
	if !ok || err != nil || len(payload) != size {
		t.Fatalf("%d bytes, %t, %v", len(payload), ok, err)
	}
	for at := 0; at < size; at += segment {
		if !bytes.Equal(payload[at:at+segment], piece) {
			t.Fatalf("the payload differs behind %d", at)
		}
	}
	if n := allocated() - before; n > 1<<20 {
		t.Errorf("%d bytes of memory for a record of %d", n, size)
	}
}

// allocated is how many bytes of the heap this process has ever asked for.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// fails gathers a large record, and returns the error that must come.
func fails(t *testing.T, d *Deserializer, length int) *SpillError {
	t.Helper()
	stream := framed([][]byte{make([]byte, length), []byte("behind")})
	for len(stream) > 0 {
		n := min(32<<10, len(stream))
		d.SetBuffer(stream[:n])
		stream = stream[n:]
		_, ok, err := d.Next()
		if err != nil {
			var fault *SpillError
			if !errors.As(err, &fault) || fault.Length != length || fault.Threshold != MinSpillThreshold {
				t.Fatalf("%#v, want a SpillError about %d bytes", err, length)
			}
			if !strings.Contains(err.Error(), fmt.Sprintf("a record of %d bytes", length)) {
				t.Errorf("the message is %q", err)
			}
			checkNothingLeft(t, d)
			d.SetBuffer(stream)
			if _, ok, again := d.Next(); ok || again != err {
				t.Errorf("afterwards: %t, %v", ok, again)
			}
			return fault
		}
		if ok {
			break
		}
	}
	t.Fatal("no error")
	return nil
}

// A folder that is none, or not there.
func TestSpillWithoutAFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	for _, c := range []struct {
		name string
		dirs []string
		want error
	}{
		{"a file", []string{file}, syscall.ENOTDIR},
		{"missing", []string{missing}, fs.ErrNotExist},
		{"both", []string{file, missing}, syscall.ENOTDIR},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDeserializer(Options{SpillThreshold: MinSpillThreshold, TempDirs: c.dirs})
			err := fails(t, d, 2*MinSpillThreshold)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			for _, dir := range c.dirs {
				if !strings.Contains(err.Error(), dir) {
					t.Errorf("%q does not name %s", err, dir)
				}
			}
			d.Reset()
			checkPayloads(t, cut(t, d, framed([][]byte{[]byte("small")}), 2), [][]byte{[]byte("small")})
		})
	}
	t.Run("one of two", func(t *testing.T) {
		d := spilling(t)
		d.o.TempDirs = []string{file, d.o.TempDirs[0], missing}
		want := [][]byte{make([]byte, 2*MinSpillThreshold)}
		for range 20 { // whichever comes first
			checkPayloads(t, cut(t, d, framed(want), 64<<10), want)
		}
	})
}

// A disk that takes no more says so, whether at the first bytes or at the last, and keeps nothing.
//
// The limit that stands for the disk is one of the process, and the testing package now and then writes a file of its own, of what a test has opened, when
// it is run by go test. So the test runs once more as a process that is not.
func TestSpillOntoAFullDisk(t *testing.T) {
	const alone = "XBENCH_TEST_FULL_DISK"
	if os.Getenv(alone) == "" {
		again := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), alone+"=1")
		out, err := again.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name()+"/")) {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	for name, c := range map[string]struct{ length, room int }{
		"at once":      {1 << 20, 0},
		"on the way":   {1 << 20, 300 << 10},
		"by one byte":  {1 << 20, 1<<20 - 1},
		"at its end":   {spillBufferSize, spillBufferSize - 1},
		"in the first": {MinSpillThreshold + 1, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			d := spilling(t)
			restore := limitFiles(t, c.room)
			err := fails(t, d, c.length)
			restore()
			if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), d.o.TempDirs[0]) {
				t.Errorf("%v, want one about a file too large in %s", err, d.o.TempDirs[0])
			}
			checkHeld(t, d.o.TempDirs[0], 0, 0)
			d.Reset()
			want := [][]byte{make([]byte, c.length), []byte("small")}
			checkPayloads(t, cut(t, d, framed(want), 32<<10), want)
		})
	}
}

// limitFiles makes files of this process end at so many bytes: as full as a disk gets without one.
func limitFiles(t *testing.T, size int) (restore func()) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	set := func(limit syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	set(syscall.Rlimit{Cur: uint64(size), Max: before.Max})
	return func() { set(before) }
}

// Each record takes one of the folders.
func TestSpillUsesAllFolders(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir()}
	d := spilling(t, dirs...)
	stream := framed([][]byte{make([]byte, 2*MinSpillThreshold)})
	used := map[string]int{}
	for range 64 { // that one of two stays unused is a chance of one in 2^63
		d.SetBuffer(stream[:1000])
		if _, ok, err := d.Next(); ok || err != nil {
			t.Fatal(ok, err)
		}
		for _, dir := range dirs {
			n, _ := held(t, dir)
			used[dir] += n
		}
		d.Reset()
	}
	if used[dirs[0]]+used[dirs[1]] != 64 || used[dirs[0]] == 0 || used[dirs[1]] == 0 {
		t.Errorf("the folders had %v", used)
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		o  Options
		ok bool
	}{
		{Options{}, true},
		{Options{MaxRecord: 1<<31 - 1, SpillThreshold: NeverSpill}, true},
		{Options{SpillThreshold: MinSpillThreshold}, true},
		{Options{SpillThreshold: 1 << 40}, true},
		{Options{SpillThreshold: MinSpillThreshold - 1}, false},
		{Options{SpillThreshold: -2}, false},
		{Options{MaxRecord: -1}, false},
		{Options{MaxRecord: 1 << 31}, false},
	} {
		if err := c.o.Validate(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("NewDeserializer takes what Validate refuses")
		}
	}()
	NewDeserializer(Options{SpillThreshold: 1})
}
