package core

import (
	"crypto/tls"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"
)

// network is the shape of a benchmark: one partition per writer, one reader with a gate per writer, one connection between two exchanges of one
// process. These are Flink's own network benchmarks with Flink's parameters.
type network struct {
	name              string
	writers, channels int
	timeout           time.Duration
	size              int // payload in bytes; 0: 8, a long
	to                target
	tls               bool
}

// target is where a writer's records go.
type target uint8

const (
	roundRobin target = iota // to the channels in turn
	everybody                // each to all channels
	skewed                   // one to each channel, and then all to channel 0
)

var networks = []network{
	{name: "4x100/100ms", writers: 4, channels: 100, timeout: 100 * time.Millisecond},
	{name: "4x1000/1ms", writers: 4, channels: 1000, timeout: time.Millisecond},
	{name: "4x1000/100ms", writers: 4, channels: 1000, timeout: 100 * time.Millisecond},
	{name: "1x1/100ms", writers: 1, channels: 1, timeout: 100 * time.Millisecond},
	{name: "1x100/100ms", writers: 1, channels: 100, timeout: 100 * time.Millisecond},
	{name: "4x100-1KiB/100ms", writers: 4, channels: 100, timeout: 100 * time.Millisecond, size: 1 << 10},
	{name: "4x100-broadcast/100ms", writers: 4, channels: 100, timeout: 100 * time.Millisecond, to: everybody},
	{name: "10x1000-skew/1ms", writers: 10, channels: 1000, timeout: time.Millisecond, to: skewed},
	{name: "4x100-TLS/100ms", writers: 4, channels: 100, timeout: 100 * time.Millisecond, tls: true},
	{name: "4x1000-TLS/100ms", writers: 4, channels: 1000, timeout: 100 * time.Millisecond, tls: true},
}

// BenchmarkNetworkThroughput is Flink's StreamNetworkThroughputBenchmark, with its broadcasting and its skewed variant. One operation is one
// record that a writer emits; the reader checks every value of every channel. The clock runs from the first record to the last end of data, and
// the processor time is that of the whole process.
func BenchmarkNetworkThroughput(b *testing.B) {
	for _, n := range networks {
		b.Run(n.name, n.throughput)
	}
}

func (n network) throughput(b *testing.B) {
	out, in := n.open(b)
	writers, r := n.connect(b, out, in)
	records := max(b.N/n.writers, 1)
	b.ReportAllocs()
	b.ResetTimer()
	cpu := processCPU()
	var tasks sync.WaitGroup
	for _, w := range writers {
		tasks.Go(func() {
			defer w.Close()
			if err := n.write(w, records); err != nil {
				b.Error(err)
			}
		})
	}
	if err := n.read(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	total := float64(n.writers * records)
	b.ReportMetric(total/float64(b.Elapsed().Nanoseconds())*1e6, "records/ms")
	b.ReportMetric(float64(processCPU()-cpu)/total, "cpu-ns/record")
	tasks.Wait()
	r.Close()
}

// open makes both ends with the buffers of Flink's benchmark: 4 a channel, at least 2048, of 32 KiB.
func (n network) open(b *testing.B) (out, in *Exchange) {
	o := Options{Segments: max(DefaultSegments, n.writers*n.channels*4)}
	if n.tls {
		o.TLS = mutualTLS(b)
	}
	in = open(b, o)
	o.Listen = "127.0.0.1:0"
	return open(b, o), in
}

func (n network) connect(b *testing.B, out, in *Exchange) ([]*Writer, *Reader) {
	var gates [][]Input
	var writers []*Writer
	for w := range n.writers {
		gates = append(gates, inputs(out.Addr(), w, n.channels))
		writers = append(writers, newWriter(b, out, WriterOptions{
			Partition: partitionID(w), Subpartitions: n.channels, BufferTimeout: n.timeout, Broadcast: n.to == everybody,
		}))
	}
	return writers, newReader(b, in, gates...)
}

// BenchmarkNetworkLatency is Flink's networkLatency1to1: one operation is 100 records, a flush, and the wait until all of them are read.
func BenchmarkNetworkLatency(b *testing.B) {
	const records = 100
	n := network{writers: 1, channels: 1, timeout: 10 * time.Millisecond}
	out, in := n.open(b)
	writers, r := n.connect(b, out, in)
	w := writers[0]
	rounds := make(chan struct{}, 1)
	b.ReportAllocs()
	b.ResetTimer()
	cpu := processCPU()
	var task sync.WaitGroup
	task.Go(func() {
		defer w.Close()
		for round := range b.N {
			for i := range records {
				if err := w.EmitLong(0, int64(round*records+i)); err != nil {
					b.Error(err)
					return
				}
			}
			w.FlushAll()
			w.Idle()
			<-rounds
		}
		if err := w.End(); err != nil {
			b.Error(err)
		}
	})
	c := newCheck(n)
	err := c.read(b.Context(), r, func(total uint64) {
		if total%records == 0 {
			rounds <- struct{}{}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(processCPU()-cpu)/float64(b.N), "cpu-ns/op")
	task.Wait()
	r.Close()
}

// processCPU is the user and system time of this process so far, in nanoseconds.
func processCPU() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprintf("getrusage of this process: %v", err))
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// mutualTLS is one certificate for both ends, in TLS 1.3 with AES-GCM where the processor has instructions for it.
func mutualTLS(tb testing.TB) *tls.Config {
	tb.Helper()
	dir := tb.TempDir()
	config, err := selfSigned(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return config
}
