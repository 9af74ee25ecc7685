// replayable_test.go: writers of replayable partitions and their readers, remote and local, and what becomes of the files.

package core

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// replayable is one exchange that stores and one that reads from elsewhere; the folder for files has to be empty whenever somebody looks.
func replayable(t testing.TB, codec Codec) (out, in *Exchange, dir string) {
	dir = t.TempDir()
	out = open(t, Options{Listen: "127.0.0.1:0", Segments: 128, SegmentSize: 256, Codec: codec, TempDir: dir})
	return out, open(t, Options{Segments: 128, SegmentSize: 256, Codec: codec}), dir
}

// inputsOf are all subpartitions of a replayable partition.
func inputsOf(address string, partition, subpartitions int) []Input {
	all := inputs(address, partition, subpartitions)
	for i := range all {
		all[i].Kind = Replayable
	}
	return all
}

// TestReplayable: a writer that comes to its end without any reader, and then readers, several at once and one after the other, remote and local, of
// which each gets everything: records of all sizes, broadcasts and events, in order.
func TestReplayable(t *testing.T) {
	for _, codec := range []Codec{NoCodec, LZ4, Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			out, in, dir := replayable(t, codec)
			w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Kind: Replayable, Subpartitions: 3, BufferTimeout: DefaultBufferTimeout})
			var want [3][]string
			for i := range 200 {
				text := fmt.Sprintf("record %d %s", i, strings.Repeat("x", i*i/10))
				switch {
				case i%50 == 7:
					if err := w.BroadcastEvent(frame.CancelCheckpoint{ID: int64(i)}, false); err != nil {
						t.Fatal(err)
					}
				case i%7 == 3:
					if err := w.Broadcast(textRecord(text)); err != nil {
						t.Fatal(err)
					}
					for ch := range want {
						want[ch] = append(want[ch], text)
					}
				default:
					emit(t, w, i%3, text)
					want[i%3] = append(want[i%3], text)
				}
			}
			if err := w.End(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if n := out.FreeSegments(); n != 128 {
				t.Errorf("%d of 128 segments are free once it is written", n)
			}
			read := func(x *Exchange, address string, kind Kind) {
				all := inputs(address, 0, 3)
				for i := range all {
					all[i].Kind = kind // of which the producer takes no notice
				}
				r := newReader(t, x, all)
				defer r.Close()
				got, err := readAll(t.Context(), r)
				if err != nil {
					t.Error(err)
					return
				}
				for ch := range want {
					if !slices.Equal(got.payloads[ch], want[ch]) {
						t.Errorf("channel %d: %d records, want %d, or they differ", ch, len(got.payloads[ch]), len(want[ch]))
					}
					events := fmt.Sprintf("%T", got.events[ch])
					if len(got.events[ch]) != 4+2 {
						t.Errorf("channel %d: %s", ch, events)
					}
				}
			}
			for range 2 {
				var readers sync.WaitGroup
				for range 2 {
					readers.Go(func() { read(in, out.Addr(), Replayable) })
					readers.Go(func() { read(in, out.Addr(), Pipelined) })
					readers.Go(func() { read(out, "", Replayable) })
				}
				readers.Wait()
			}
			wantEmpty(t, dir)
			out.ReleasePartition(partitionID(0))
			out.ReleasePartition(partitionID(0))
			out.ReleasePartition(partitionID(99))
		})
	}
}

func wantEmpty(t testing.TB, dir string) {
	t.Helper()
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left in %s: %v, %v", dir, files, err)
	}
}

// TestReplayableWithoutExclusiveBuffers: credit follows announcements here too.
func TestReplayableWithoutExclusiveBuffers(t *testing.T) {
	out, _, _ := replayable(t, LZ4)
	in := open(t, Options{Segments: 16, SegmentSize: 256, NoExclusive: true, Floating: 2})
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Kind: Replayable, Subpartitions: 4})
	for i := range 2000 {
		if err := w.EmitLong(i%4, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r := newReader(t, in, inputsOf(out.Addr(), 0, 4))
	defer r.Close()
	got, err := readAll(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for ch := range 4 {
		if n := len(got.payloads[ch]); n != 500 {
			t.Errorf("channel %d: %d records, want 500", ch, n)
		}
	}
}

// TestReplayableBarrier: a reader stands still at a barrier until it resumes, as it does with what is pipelined.
func TestReplayableBarrier(t *testing.T) {
	out, in, _ := replayable(t, LZ4)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Kind: Replayable, Subpartitions: 1})
	emit(t, w, 0, "before")
	barrier := frame.CheckpointBarrier{ID: 1, Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
	if err := w.BroadcastEvent(barrier, false); err != nil {
		t.Fatal(err)
	}
	emit(t, w, 0, "after")
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, c := range []struct {
		in      *Exchange
		address string
	}{{in, out.Addr()}, {out, ""}} {
		r := newReader(t, c.in, inputsOf(c.address, 0, 1))
		var order []string
		for {
			a, err := r.Advance(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := a.Event.(frame.CheckpointBarrier); ok {
				if _, ok, err := r.TryAdvance(); ok || err != nil {
					t.Errorf("something came behind the barrier (%v)", err)
				}
				if err := r.Resume(a.Channel); err != nil {
					t.Fatal(err)
				}
				order = append(order, "barrier")
			}
			for p, ok, _ := r.Next(); ok; p, ok, _ = r.Next() {
				order = append(order, string(p))
			}
		}
		if want := []string{"before", "barrier", "after"}; !slices.Equal(order, want) {
			t.Errorf("got %v, want %v", order, want)
		}
		r.Close()
	}
}

// TestReplayableReadTooEarly: a reader that asks before the end is at fault, and hears so, in Flink's words. Behind the end it gets everything.
func TestReplayableReadTooEarly(t *testing.T) {
	out, in, _ := replayable(t, LZ4)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Kind: Replayable, Subpartitions: 1})
	emit(t, w, 0, "the record")
	for _, c := range []struct {
		in      *Exchange
		address string
	}{{in, out.Addr()}, {out, ""}} {
		r := newReader(t, c.in, inputsOf(c.address, 0, 1))
		if _, err := readAll(t.Context(), r); err == nil || !strings.Contains(err.Error(), "Writing of blocking partition not yet finished.") {
			t.Errorf("the reader heard %v", err)
		}
		r.Close()
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r := newReader(t, in, inputsOf(out.Addr(), 0, 1))
	defer r.Close()
	if got, err := readAll(t.Context(), r); err != nil || len(got.payloads[0]) != 1 {
		t.Errorf("got %v, %v", got.payloads, err)
	}
}

// TestReplayableReleasedUnderItsReaders: they read on, new ones find nothing, and Writer.AwaitReaders waits for them.
func TestReplayableReleasedUnderItsReaders(t *testing.T) {
	out := open(t, Options{Listen: "127.0.0.1:0", Segments: 128, SegmentSize: 256, PartitionTimeout: -1})
	in := open(t, Options{Segments: 128, SegmentSize: 256, PartitionTimeout: -1})
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Kind: Replayable, Subpartitions: 1, Codec: NoCodec})
	for i := range 1000 {
		if err := w.EmitLong(0, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	remote, local := newReader(t, in, inputsOf(out.Addr(), 0, 1)), newReader(t, out, inputsOf("", 0, 1))
	for _, r := range []*Reader{remote, local} {
		if _, err := r.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	out.ReleasePartition(partitionID(0))
	for _, c := range []struct {
		in      *Exchange
		address string
	}{{in, out.Addr()}, {out, ""}} {
		late := newReader(t, c.in, inputsOf(c.address, 0, 1))
		if _, err := readAll(t.Context(), late); err == nil || !strings.Contains(err.Error(), "not found") {
			t.Errorf("a reader that comes too late hears %v", err)
		}
		late.Close()
	}
	left := make(chan error, 1)
	go func() { left <- w.AwaitReaders() }()
	for _, r := range []*Reader{remote, local} {
		select {
		case err := <-left:
			t.Fatalf("the writer does not wait for its readers: %v", err)
		default:
		}
		got, err := readAll(t.Context(), r)
		if err != nil || len(got.events[0]) != 2 {
			t.Errorf("after the release: %d records, %d events, %v", len(got.payloads[0]), len(got.events[0]), err)
		}
		r.Close()
	}
	if err := <-left; err != nil {
		t.Error(err)
	}
	w.Close()
}

// TestReplayableOfAFailedWriter: nobody can read a part, and nothing is left of it.
func TestReplayableOfAFailedWriter(t *testing.T) {
	out, _, dir := replayable(t, LZ4)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Kind: Replayable, Subpartitions: 1})
	emit(t, w, 0, "a part")
	w.Fail(errors.New("the task has a reason"))
	if err := w.End(); err == nil || !strings.Contains(err.Error(), "the task has a reason") {
		t.Errorf("the task hears %v", err)
	}
	w.Close()
	closed := newWriter(t, out, WriterOptions{Partition: partitionID(1), Kind: Replayable, Subpartitions: 1})
	emit(t, closed, 0, "a part")
	closed.Close()
	wantEmpty(t, dir)
	if n := out.FreeSegments(); n != 128 {
		t.Errorf("%d of 128 segments are free", n)
	}
}

// TestReplayableWithoutADisk: the error says what could not be done where, and the memory is free again.
func TestReplayableWithoutADisk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	x := open(t, Options{Segments: 8, SegmentSize: 64, TempDir: file})
	_, err := x.NewWriter(t.Context(), WriterOptions{Kind: Replayable, Subpartitions: 2})
	var of *partition.StorageError
	if !errors.As(err, &of) || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
	if n := x.FreeSegments(); n != 8 {
		t.Errorf("%d of 8 segments are free", n)
	}
}

// TestReplayableIgnoresTheBufferTimeout: nobody reads before the end, so a buffer ends when it is full.
func TestReplayableIgnoresTheBufferTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{FlushAlways, time.Millisecond, FlushNever} {
		x := open(t, Options{Segments: 8, SegmentSize: 256})
		w := newWriter(t, x, WriterOptions{Kind: Replayable, Subpartitions: 1, BufferTimeout: timeout})
		for i := range 40 {
			if err := w.EmitLong(0, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.End(); err != nil {
			t.Fatal(err)
		}
		if n := w.part.BuffersOut(); n != 2 {
			t.Errorf("timeout %v: 480 bytes in %d buffers of 256", timeout, n)
		}
		w.Close()
	}
}

// TestAcknowledgementsAreForPipelinedPartitions: a reader that was told that its input is replayable does not tell the producer that it has read
// everything.
func TestAcknowledgementsAreForPipelinedPartitions(t *testing.T) {
	for kind, told := range map[Kind]bool{Pipelined: true, Replayable: false} {
		x := open(t, Options{Segments: 16, SegmentSize: 256})
		w := newWriter(t, x, WriterOptions{Subpartitions: 1, BufferTimeout: FlushAlways}) // a pipelined one, which notices
		r := newReader(t, x, []Input{{Kind: kind}})
		if err := w.part.NotifyEndOfData(true); err != nil {
			t.Fatal(err)
		}
		w.FlushAll()
		if a, err := r.Advance(t.Context()); err != nil || a.Event != (frame.EndOfData{}) {
			t.Fatalf("got %v, %v", a, err)
		}
		select {
		case <-w.part.AllDataProcessed():
			if !told {
				t.Error("a replayable partition was acknowledged")
			}
		default:
			if told {
				t.Error("a pipelined partition was not acknowledged")
			}
		}
		r.Close()
		w.Close()
	}
}

// TestCodecsThatDiffer: a reader that was told another codec, or none, fails with an error that says so; one that was told the right one does not.
func TestCodecsThatDiffer(t *testing.T) {
	out, in, _ := replayable(t, NoCodec)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Kind: Replayable, Subpartitions: 1, Codec: LZ4})
	emit(t, w, 0, strings.Repeat("compressible ", 15))
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, c := range []struct {
		in      *Exchange
		address string
	}{{in, out.Addr()}, {out, ""}} {
		for codec, ok := range map[Codec]bool{LZ4: true, Zstd: false, NoCodec: false, DefaultCodec: false} { // the exchanges have none
			r, err := c.in.NewReader(t.Context(), ReaderOptions{Gates: [][]Input{inputsOf(c.address, 0, 1)}, Codec: codec})
			if err != nil {
				t.Fatal(err)
			}
			_, err = readAll(t.Context(), r)
			var of *buffer.CompressionError
			if ok && err != nil || !ok && (!errors.As(err, &of) || !errors.Is(err, frame.ErrPeer)) {
				t.Errorf("codec %d at %q: %v", codec, c.address, err)
			}
			r.Close()
		}
	}
	if _, err := Open(Options{Segments: 1, SegmentSize: 1, Codec: 77}); err == nil {
		t.Error("an exchange with codec 77")
	}
	if _, err := out.NewWriter(t.Context(), WriterOptions{Kind: Replayable, Subpartitions: 1, Codec: 77}); err == nil {
		t.Error("a writer with codec 77")
	}
	if _, err := out.NewReader(t.Context(), ReaderOptions{Gates: [][]Input{inputs("", 0, 1)}, Codec: 77}); err == nil {
		t.Error("a reader with codec 77")
	}
}

// TestExchangeClosesWithReplayables: what nobody released goes with the exchange, also under a reader.
func TestExchangeClosesWithReplayables(t *testing.T) {
	out, in, dir := replayable(t, LZ4)
	for k := range 2 {
		w := newWriter(t, out, WriterOptions{Partition: partitionID(k), Kind: Replayable, Subpartitions: 2})
		for i := range 1000 {
			if err := w.EmitLong(i%2, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.End(); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	r := newReader(t, in, inputsOf(out.Addr(), 0, 2))
	defer r.Close()
	if _, err := r.Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(t.Context(), r); err == nil {
		t.Log("everything had been sent before") // possible: the rest was in the reader's buffers
	}
	wantEmpty(t, dir)
}
