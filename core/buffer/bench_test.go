// bench_test.go: what a record and a buffer cost here, that neither allocates, and that the fast path stays inlined.

package buffer

import (
	"os/exec"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
)

// allocated is how many objects f allocates, all together. testing.AllocsPerRun would set GOMAXPROCS.
func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// cycle is a buffer's life: requested, written, read while it fills, recycled.
func cycle(l *LocalBufferPool, record []byte) {
	b, err := l.Request(0)
	if err != nil {
		panic(err)
	}
	w := NewBuilder(b)
	c := w.Consumer()
	for w.Append(record) == len(record) {
	}
	w.Publish()
	part := c.Build()
	w.Finish()
	w.Close()
	rest := c.Build()
	c.Close()
	rest.Recycle()
	part.Recycle()
}

func TestNoAllocationPerBuffer(t *testing.T) {
	p := newPoolWith(t, PoolOptions{Segments: 8, SegmentSize: 4 << 10})
	l := newLocal(t, p, LocalOptions{Required: 1, Max: 4, Subpartitions: 1, MaxPerChannel: 1, Overdraft: 1})
	record := make([]byte, 12)
	const rounds = 2000
	x := &callback{do: func(b Buffer) bool { b.Recycle(); return true }}
	life := func() {
		for range rounds {
			cycle(l, record)
			// All of the pool and the overdraft, there and back, past a listener.
			var out [5]Buffer
			for i := range out {
				out[i], _ = l.Request(-1)
			}
			l.AddListener(x)
			for _, b := range out {
				b.Recycle()
			}
		}
	}
	life() // slices grow to their size
	runtime.GC()
	if n := allocated(life); n > rounds/100 { // the runtime's own, now and then
		t.Errorf("%d allocations in %d rounds", n, rounds)
	}
}

// Per record, a call costs a fifth of the throughput: the compiler has to inline these.
func TestFastPathIsInlined(t *testing.T) {
	if owned || testing.Short() {
		t.Skip("the measured build is what counts")
	}
	out, err := exec.Command("go", "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Skipf("no compiler: %v\n%s", err, out)
	}
	for _, name := range []string{
		"(*Builder).Append", "(*Builder).Room", "(*Builder).Advance", "(*Builder).Publish", "(*Builder).Writable",
		"(*Builder).IsOpen", "(*Builder).IsFull", "(*Consumer).IsFinished", "Buffer.Bytes", "Buffer.Retain", "Buffer.Recycle",
	} {
		if !strings.Contains(string(out), "can inline "+name+"\n") {
			t.Errorf("%s is not inlined", name)
		}
	}
}

func benchBuilder(b *testing.B) (*Builder, *LocalBufferPool) {
	p := newPoolWith(b, PoolOptions{Segments: 4, SegmentSize: 32 << 10})
	l := newLocal(b, p, LocalOptions{Required: 4, Subpartitions: 1})
	w := NewBuilder(request(b, l, 0, 1)[0])
	b.Cleanup(w.Close) // before the pool looks
	b.ReportAllocs()
	return &w, l
}

// rewind begins the same buffer anew: for benchmarks, where nobody reads.
func rewind(w *Builder) { w.progress, w.committed = 0, 0 }

func BenchmarkAppend(b *testing.B) {
	w, _ := benchBuilder(b)
	record := make([]byte, 12)
	b.SetBytes(12)
	for b.Loop() {
		if w.Append(record) < len(record) {
			rewind(w)
		}
	}
}

func BenchmarkRoomAdvance(b *testing.B) {
	w, _ := benchBuilder(b)
	b.SetBytes(12)
	for b.Loop() {
		room := w.Room()
		if len(room) < 12 {
			rewind(w)
			continue
		}
		room[11] = 1
		w.Advance(12)
	}
}

func BenchmarkPublish(b *testing.B) {
	w, _ := benchBuilder(b)
	for b.Loop() {
		if w.Writable() < 12 {
			rewind(w)
		}
		w.Advance(12)
		w.Publish()
	}
}

func BenchmarkPublishNothingNew(b *testing.B) {
	w, _ := benchBuilder(b)
	for b.Loop() {
		w.Publish()
	}
}

func BenchmarkBuild(b *testing.B) {
	w, _ := benchBuilder(b)
	c := w.Consumer()
	defer c.Close()
	for b.Loop() {
		part := c.Build()
		part.Recycle()
	}
}

func BenchmarkRequestRecycle(b *testing.B) {
	_, l := benchBuilder(b)
	for b.Loop() {
		x, _ := l.Request(0)
		x.Recycle()
	}
}

// Everything of the pool goes out and back: the one-ahead fetch and the global pool are in it.
func BenchmarkRequestRecycleOverdraft(b *testing.B) {
	p := newPoolWith(b, PoolOptions{Segments: 8, SegmentSize: 4 << 10})
	l := newLocal(b, p, LocalOptions{Required: 1, Max: 4, Overdraft: 4})
	held := request(b, l, -1, 4)
	b.ReportAllocs()
	for b.Loop() {
		x, _ := l.Request(-1)
		x.Recycle()
	}
	recycle(held...)
}

func BenchmarkBufferLife32KiB(b *testing.B) {
	p := newPoolWith(b, PoolOptions{Segments: 4, SegmentSize: 32 << 10})
	l := newLocal(b, p, LocalOptions{Required: 4, Subpartitions: 1})
	record := make([]byte, 12)
	b.ReportAllocs()
	b.SetBytes(32 << 10)
	for b.Loop() {
		cycle(l, record)
	}
}
