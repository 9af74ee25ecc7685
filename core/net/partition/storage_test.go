// storage_test.go: the files of replayable partitions: that they go in every case, and what happens when the disk does not do as it should.

package partition

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"xbench/core/buffer"
)

// wantNoFiles: files have no names from the beginning, so that nothing is left behind even by a process that is killed.
func wantNoFiles(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 0 {
		t.Errorf("in %s are %v, %v", dir, files, err)
	}
}

// openFiles is how many files of the partition are still open: those take room on the disk.
func (f *fixture) openFiles() (n int) {
	for i := range f.store.subs {
		if _, err := f.store.subs[i].file.Stat(); !errors.Is(err, os.ErrClosed) {
			n++
		}
	}
	return n
}

func (f *fixture) wantOpenFiles(want int) {
	f.t.Helper()
	if n := f.openFiles(); n != want {
		f.t.Errorf("%d files are open, want %d", n, want)
	}
}

func consumedBy(f *fixture) bool {
	select {
	case <-f.AllConsumed():
		return true
	default:
		return false
	}
}

// Neither the end of the task nor that of its readers releases what may be read again; a release does, at once where nobody reads.
func TestReplayableIsReleasedOnlyWhenToldTo(t *testing.T) {
	f := newReplayable(t, shape{subs: 3, segments: 4, segmentSize: 16})
	r := NewRegistry(0)
	if err := r.Register(f.ResultPartition); err != nil {
		t.Fatal(err)
	}
	f.emit(0, 40)
	f.end()
	f.Close()
	for range 3 {
		v, _ := f.view(0)
		wantSizes(t, v, 16, 16, 8, 5, 4)
		v.AckAllRecordsProcessed()
		v.Release()
		v.Release()
	}
	f.wantOpenFiles(3)
	if f.IsReleased() || consumedBy(f) {
		t.Error("it is released")
	}
	r.Release(f.ID(), nil)
	r.Release(f.ID(), nil)
	f.wantOpenFiles(0)
	if !f.IsReleased() || !consumedBy(f) || f.Failure() != nil || f.Deserted() != 0 {
		t.Errorf("released %v, consumed %v, %v, %d deserted", f.IsReleased(), consumedBy(f), f.Failure(), f.Deserted())
	}
	if _, err := f.CreateView(0, newCounter()); !errors.Is(err, ErrPartitionNotFound) {
		t.Errorf("a view of what is gone: %v", err)
	}
	if _, err := r.View(f.ID(), 0, newCounter()); !errors.Is(err, ErrPartitionNotFound) {
		t.Errorf("it is still registered: %v", err)
	}
}

// Those who read go on; the last of a subpartition takes the file.
func TestReplayGoesOnAfterRelease(t *testing.T) {
	f := newReplayable(t, shape{subs: 2, segments: 3, segmentSize: 16})
	f.emit(0, 40)
	f.end()
	a, la := f.view(0)
	b, lb := f.view(0)
	poll(t, a, 16)
	f.Release(nil)
	f.wantOpenFiles(1)
	if la.told()+lb.told() > 0 || a.IsReleased() || consumedBy(f) {
		t.Error("the readers are gone")
	}
	if _, err := f.CreateView(0, newCounter()); !errors.Is(err, ErrPartitionNotFound) {
		t.Errorf("one more reader: %v", err)
	}
	wantSizes(t, a, 16, 8, 5, 4)
	a.Release()
	f.wantOpenFiles(1)
	wantSizes(t, b, 16, 16, 8, 5, 4)
	if consumedBy(f) {
		t.Error("consumed while one reads")
	}
	f.Release(errTestOver) // comes too late to be a reason
	b.Release()
	f.wantOpenFiles(0)
	if !consumedBy(f) || b.Failure() != nil {
		t.Errorf("consumed %v, %v", consumedBy(f), b.Failure())
	}
	wantNothing(t, b)
}

// With a reason everybody stops at once, and hears it.
func TestReplayEndsWithAReason(t *testing.T) {
	f := newReplayable(t, shape{subs: 1, segments: 2, segmentSize: 16})
	f.emit(0, 40)
	f.end()
	v, l := f.view(0)
	other, _ := f.view(0)
	p, _ := v.Poll()
	other.Release()
	f.Fail(errTestOver)
	f.wantOpenFiles(0)
	p.Buffer.Recycle() // after the end: its reader has no use for it
	wantNothing(t, v)
	if available, backlog := v.Availability(false); !available || backlog != 0 || l.told() != 1 {
		t.Errorf("available %v, backlog %d, told %d times: the reader does not find the reason", available, backlog, l.told())
	}
	var failed *ProducerFailedError
	if err := v.Failure(); !v.IsReleased() || !errors.As(err, &failed) || !errors.Is(err, errTestOver) || !errors.Is(err, ErrCancelled) {
		t.Errorf("released %v, %v", v.IsReleased(), err)
	}
	v.Release()
	if _, err := f.CreateView(0, newCounter()); !errors.Is(err, errTestOver) {
		t.Errorf("a new reader hears %v", err)
	}
	if !consumedBy(f) {
		t.Error("not consumed")
	}
}

// A partition that does not come to its end leaves nothing, whatever ends it.
func TestReplayableThatIsNotFinished(t *testing.T) {
	for name, stop := range map[string]func(f *fixture, r *Registry){
		"closed":   func(f *fixture, _ *Registry) { f.Close() },
		"failed":   func(f *fixture, _ *Registry) { f.Fail(errTestOver) },
		"released": func(f *fixture, r *Registry) { r.Release(f.ID(), nil) },
		"shut":     func(_ *fixture, r *Registry) { r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			f := newReplayable(t, shape{subs: 2, segments: 3, segmentSize: 16})
			r := NewRegistry(0)
			if err := r.Register(f.ResultPartition); err != nil {
				t.Fatal(err)
			}
			f.emit(0, 20)
			f.wantOpenFiles(2)
			stop(f, r)
			f.wantOpenFiles(0)
			if f.closed {
				return
			}
			for what, err := range map[string]error{
				"record":    f.Emit(context.Background(), pattern(40), 0),
				"broadcast": f.Broadcast(context.Background(), pattern(40)),
				"event":     f.NotifyEndOfData(true),
				"end":       f.Finish(),
			} {
				var cancelled *CancelledError
				if !errors.As(err, &cancelled) {
					t.Errorf("%s: %v", what, err)
				}
			}
			f.FlushAll()
			f.Close()
			f.wantHome()
		})
	}
}

// onto makes a subpartition's file another one, and the test's end closes what was there.
func (f *fixture) onto(sub int, path string) {
	f.t.Helper()
	other, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = other.Close() })
	was := f.store.subs[sub].file
	f.t.Cleanup(func() { _ = was.Close() })
	f.store.subs[sub].file = other
}

// A full disk ends the partition with words that say so, gives back all that it took there, and does not keep the task's memory.
func TestFullDisk(t *testing.T) {
	ctx := context.Background()
	for name, write := range map[string]func(f *fixture) error{
		"record":    func(f *fixture) error { return f.Emit(ctx, pattern(40), 1) },
		"broadcast": func(f *fixture) error { return f.Broadcast(ctx, pattern(40)) },
		"from one to all": func(f *fixture) error {
			f.emit(1, 5)
			return f.Broadcast(ctx, pattern(4))
		},
		"from all to one": func(f *fixture) error {
			broadcast(f.t, f.ResultPartition, 5)
			return f.Emit(ctx, pattern(4), 0)
		},
		"event": func(f *fixture) error { return f.NotifyEndOfData(true) },
		"end": func(f *fixture) error {
			f.emit(1, 5)
			return f.Finish()
		},
		"end of nothing": func(f *fixture) error { return f.Finish() },
		"flush": func(f *fixture) error { // which cannot say so itself
			f.emit(1, 5)
			f.Flush(1)
			return f.Emit(ctx, pattern(40), 0)
		},
		"flush of all": func(f *fixture) error {
			f.emit(1, 5)
			f.FlushAll()
			return f.BroadcastEvent(event(aligned(1), false))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newReplayable(t, shape{subs: 3, segments: 4, segmentSize: 16})
			f.onto(1, "/dev/full")
			r := NewRegistry(0)
			if err := r.Register(f.ResultPartition); err != nil {
				t.Fatal(err)
			}
			f.emit(0, 20)
			err := write(f)
			var of *StorageError
			if !errors.As(err, &of) || !errors.Is(err, syscall.ENOSPC) || of.Subpartition != 1 || of.ID != f.ID() {
				t.Fatalf("got %v", err)
			}
			text := err.Error()
			if !strings.Contains(text, "no space left on device") || !strings.Contains(text, "writing the file of subpartition 1 in "+f.store.subs[1].dir) {
				t.Errorf("it says: %s", text)
			}
			f.wantOpenFiles(0)
			if !f.IsReleased() || !errors.Is(f.Failure(), syscall.ENOSPC) || !consumedBy(f) {
				t.Errorf("released %v, %v", f.IsReleased(), f.Failure())
			}
			if _, err := r.View(f.ID(), 0, newCounter()); !errors.Is(err, ErrPartitionNotFound) {
				t.Errorf("it is still registered: %v", err)
			}
			if err := f.Emit(ctx, pattern(40), 0); !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, ErrFinished) {
				t.Errorf("the next call says %v", err)
			}
			f.Close()
			f.wantHome()
		})
	}
}

// Where files cannot be made there is no partition, and what was made of it is gone again.
func TestFilesThatCannotBeMade(t *testing.T) {
	global, err := buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: 2, SegmentSize: 16})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := global.CreateLocal(buffer.LocalOptions{Required: 2, Subpartitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]error{file: syscall.ENOTDIR, filepath.Join(t.TempDir(), "nowhere"): syscall.ENOENT} {
		p, err := New(Spec{Kind: Replayable, Subpartitions: 1, Pool: pool, Dir: dir})
		var of *StorageError
		if p != nil || !errors.As(err, &of) || !errors.Is(err, want) || of.Dir != dir || strings.Count(err.Error(), dir) != 1 {
			t.Errorf("in %s: %v, %v", dir, p, err)
		}
	}
	for _, s := range []Spec{
		{Kind: 7, Subpartitions: 1, Pool: pool},
		{Kind: Replayable, Subpartitions: 1, Pool: pool, Codec: 77},
		{Kind: Replayable, Subpartitions: 0, Pool: pool},
	} {
		if p, err := New(s); p != nil || err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
	if Pipelined.String()+Replayable.String() != "pipelinedreplayable" {
		t.Error(Pipelined, Replayable)
	}
	pool.Destroy()
	if err := global.Free(); err != nil {
		t.Error(err)
	}
}

// Too many open files: those that were made before are closed again.
func TestTooManyFiles(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	descriptors := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(files)
	}
	before := descriptors()
	lower := limit
	lower.Cur = uint64(before + 10)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lower); err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	p := &ResultPartition{unread: make(chan struct{})}
	p.mu.reading = 100
	_, err := newStorage(p, Spec{Subpartitions: 100, Dir: dir})
	if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "creating the file of subpartition") {
		t.Errorf("got %v", err)
	}
	if after := descriptors(); after != before {
		t.Errorf("%d descriptors, were %d", after, before)
	}
	wantNoFiles(t, dir)
}

// What cannot be read, or is no entry, ends its view with a reason, and the others of the subpartition when they come there.
func TestDamagedFiles(t *testing.T) {
	damage := func(at int64, b ...byte) func(*os.File) error {
		return func(file *os.File) error {
			_, err := file.WriteAt(b, at)
			return err
		}
	}
	for _, c := range []struct {
		name   string
		damage func(*os.File) error
		polls  int // before it is noticed
		why    string
	}{
		{"torn in a content", func(file *os.File) error { return file.Truncate(24 + 10) }, 1, "EOF"},
		{"torn in a header", func(file *os.File) error { return file.Truncate(24 + 4) }, 0, "EOF"},
		{"empty", func(file *os.File) error { return file.Truncate(0) }, -1, "EOF"},
		{"no type", damage(0, 0, 0), -1, "no entry at 0 of 106: type 0"},
		{"an unknown type", damage(24, 0, 12), 0, "no entry at 24 of 106: type 12"},
		{"a large type", damage(24, 1, 1), 0, "no entry at 24 of 106: type 257"},
		{"a strange flag", damage(24, 0, 1, 0, 2), 0, "compressed 2"},
		{"a buffer larger than any", damage(24, 0, 1, 0, 0, 0, 0, 0, 17), 0, "17 bytes"},
		{"an event larger than the rest", damage(48, 0, 2, 0, 0, 0x7f, 0, 0, 0), 1, "no entry at 48 of 106"},
		{"a negative length", damage(48, 0, 2, 0, 0, 0xff, 0xff, 0xff, 0xff), 1, "no entry at 48"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newReplayable(t, shape{subs: 1, segments: 2, segmentSize: 16, codec: buffer.NoCodec})
			f.emit(0, 49)
			f.end()
			if err := c.damage(f.store.subs[0].file); err != nil {
				t.Fatal(err)
			}
			v, err := f.CreateView(0, newCounter())
			if c.polls < 0 {
				wantStorageError(t, err, c.why)
				f.Release(nil)
				f.wantOpenFiles(0)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for range c.polls {
				poll(t, v, 16)
			}
			wantNothing(t, v)
			if available, _ := v.Availability(true); !v.IsReleased() || !available {
				t.Errorf("released %v, available %v", v.IsReleased(), available)
			}
			wantStorageError(t, v.Failure(), c.why)
			v.Release()
			f.Release(nil)
			f.wantOpenFiles(0)
		})
	}
}

func wantStorageError(t *testing.T, err error, why string) {
	t.Helper()
	var of *StorageError
	if !errors.As(err, &of) || of.Doing != "reading" || !strings.Contains(err.Error(), why) {
		t.Errorf("got %v, want a StorageError with %q", err, why)
	}
	if why == "EOF" && !errors.Is(err, io.EOF) {
		t.Errorf("%v is no EOF", err)
	}
}

// Readers, releases of every kind and the task at the same time: all come to an end, nobody reads what was not written, and nothing is left.
func TestReleaseOfReplayablesAgainstEverything(t *testing.T) {
	dir := t.TempDir()
	for seed := range uint64(replayRounds) {
		rng := rand.New(rand.NewPCG(seed, 3))
		f := newFixture(t, shape{subs: 2, segments: 3, segmentSize: 64, kind: Replayable, dir: dir})
		r := NewRegistry(time.Second)
		if err := r.Register(f.ResultPartition); err != nil {
			t.Fatal(err)
		}
		stopAfter, how, patience := rng.IntN(3000), rng.IntN(4), rng.IntN(40)
		var all sync.WaitGroup
		written := make(chan struct{})
		all.Go(func() {
			defer close(written)
			writeEverything(t, f, rand.New(rand.NewPCG(seed, 4)))
		})
		for k := range 4 {
			all.Go(func() {
				<-written
				l := newCounter()
				v, err := r.View(f.ID(), k%2, l)
				if err != nil {
					return // the release was faster, or the task did not come to an end
				}
				leave := -1
				if k == 3 {
					leave = patience
				}
				readEverything(t, v, l, leave)
			})
		}
		all.Go(func() {
			for range stopAfter {
				runtime.Gosched()
			}
			switch how {
			case 0:
				f.Fail(errTestOver)
			case 1:
				r.Release(f.ID(), nil)
			case 2:
				r.Close()
			}
		})
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		within(t, done, fmt.Sprintf("round %d", seed))
		f.Release(nil)
		f.wantOpenFiles(0)
		f.wantHome()
		if !consumedBy(f) || t.Failed() {
			t.Fatalf("rerun with seed = %d; consumed: %v", seed, consumedBy(f))
		}
	}
	wantNoFiles(t, dir)
}

// Views that are made while the partition fails: each reader gets one or hears the reason, and nobody hears of closed files.
func TestViewsOfAReplayableThatFails(t *testing.T) {
	for range replayRounds {
		f := newReplayable(t, shape{subs: 1, segments: 2, segmentSize: 16})
		f.emit(0, 20)
		f.end()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				v, err := f.CreateView(0, newCounter())
				if err == nil {
					if p, ok := v.Poll(); ok {
						p.Buffer.Recycle()
					}
					v.Release()
				} else if !errors.Is(err, errTestOver) {
					t.Errorf("a reader hears %v", err)
				}
			})
		}
		all.Go(func() { f.Fail(errTestOver) })
		all.Wait()
		f.wantOpenFiles(0)
	}
}
