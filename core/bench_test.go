package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkNetworkThroughput is Flink's StreamNetworkThroughputBenchmark: writers that send framed longs of 12 bytes round robin, one
// connection, one reader with a gate per writer that checks every value. One operation is one record.
func BenchmarkNetworkThroughput(b *testing.B) {
	for _, c := range []struct {
		writers, channels int
		timeout           time.Duration
	}{
		{4, 100, 100 * time.Millisecond},
		{4, 1000, time.Millisecond},
		{4, 1000, 100 * time.Millisecond},
		{1, 1, 100 * time.Millisecond},
		{1, 100, 100 * time.Millisecond},
	} {
		b.Run(fmt.Sprintf("%dx%d/%v", c.writers, c.channels, c.timeout), func(b *testing.B) {
			benchmarkLongs(b, c.writers, c.channels, c.timeout)
		})
	}
}

func benchmarkLongs(b *testing.B, writers, channels int, timeout time.Duration) {
	segments := max(2048, writers*channels*4)
	out, err := Open(Options{Listen: "127.0.0.1:0", Segments: segments})
	if err != nil {
		b.Fatal(err)
	}
	in, err := Open(Options{Segments: segments})
	if err != nil {
		b.Fatal(err)
	}
	gates := make([][]Input, writers)
	for w := range gates {
		for ch := range channels {
			gates[w] = append(gates[w], Input{Address: out.Addr(), Partition: partitionID(w), Subpartition: ch})
		}
	}
	var outputs []*Writer
	for k := range writers {
		w, err := out.NewWriter(b.Context(), WriterOptions{Partition: partitionID(k), Subpartitions: channels, BufferTimeout: timeout})
		if err != nil {
			b.Fatal(err)
		}
		outputs = append(outputs, w)
	}
	r, err := in.NewReader(b.Context(), ReaderOptions{Gates: gates})
	if err != nil {
		b.Fatal(err)
	}
	records := max(b.N/writers, 1)
	var before syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.ReportAllocs()
	b.ResetTimer()
	var tasks sync.WaitGroup
	for _, w := range outputs {
		tasks.Go(func() {
			defer w.Close()
			ch := 0
			for i := range records {
				if err := w.EmitLong(ch, int64(i)); err != nil {
					b.Error(err)
					return
				}
				if ch++; ch == channels {
					ch = 0
				}
			}
			if err := w.End(); err != nil {
				b.Error(err)
			}
		})
	}
	next := make([]int64, r.Channels())
	for i := range next {
		next[i] = int64(i % channels)
	}
	for {
		a, err := r.Advance(b.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		want := next[a.Channel]
		for {
			p, ok, err := r.Next()
			if err != nil {
				b.Fatal(err)
			}
			if !ok {
				break
			}
			if got := int64(binary.BigEndian.Uint64(p)); got != want {
				b.Fatalf("channel %d: got %d, want %d", a.Channel, got, want)
			}
			want += int64(channels)
		}
		next[a.Channel] = want
	}
	b.StopTimer()
	tasks.Wait()
	var after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := float64(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(writers*records)/float64(b.Elapsed().Milliseconds()), "records/ms")
	b.ReportMetric(cpu/float64(writers*records), "cpu-ns/record")
	r.Close()
	if err := errors.Join(in.Close(), out.Close()); err != nil {
		b.Error(err)
	}
}
