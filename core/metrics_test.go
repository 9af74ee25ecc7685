// metrics_test.go: every metric is there once, says what it should, and may be read at any time.

package core

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"xbench/core/meter"
	"xbench/core/net/frame"
)

// TestEveryMetricStandsOnceInItsScope: the names, their order, and their units.
func TestEveryMetricStandsOnceInItsScope(t *testing.T) {
	x := open(t, Options{Segments: 64, SegmentSize: 64})
	w := newWriter(t, x, WriterOptions{Partition: partitionID(0), Subpartitions: 2})
	defer w.Close()
	r := newReader(t, x, inputs("", 0, 1), inputs("", 0, 2)[1:])
	defer r.Close()
	queues := func(scope string) []string {
		return []string{scope + "/totalQueueLen buffers", scope + "/minQueueLen buffers", scope + "/maxQueueLen buffers", scope + "/avgQueueLen buffers"}
	}
	gate := func(scope string) []string {
		return append(queues(scope), scope+"/estimatedTimeToConsumeBuffersMs ms", scope+"/debloatedBufferSize bytes")
	}
	task := []string{
		"task/idleTimeMsPerSecond ms/s", "task/busyTimeMsPerSecond ms/s", "task/softBackPressuredTimeMsPerSecond ms/s",
		"task/hardBackPressuredTimeMsPerSecond ms/s", "task/backPressuredTimeMsPerSecond ms/s",
		"task/maxSoftBackPressuredTimeMs ms", "task/maxHardBackPressuredTimeMs ms",
		"task/accumulateIdleTimeMs ms", "task/accumulateBusyTimeMs ms", "task/accumulateBackPressuredTimeMs ms",
	}
	for _, c := range []struct {
		name string
		got  []meter.Metric
		want []string
	}{
		{"exchange", x.Metrics(), []string{
			"exchange/TotalMemorySegments segments", "exchange/AvailableMemorySegments segments", "exchange/UsedMemorySegments segments",
			"exchange/TotalMemory bytes", "exchange/AvailableMemory bytes", "exchange/UsedMemory bytes", "exchange/RequestedMemoryUsage percent",
		}},
		{"writer", w.Metrics(), slices.Concat([]string{
			"writer/outputQueueLength buffers", "writer/outputQueueSize bytes", "writer/outPoolUsage ratio",
			"writer/numBytesOut bytes", "writer/numBuffersOut buffers", "writer/numRecordsOut records",
		}, queues("partition"), task)},
		{"reader", r.Metrics(), slices.Concat([]string{
			"reader/inputQueueLength buffers", "reader/inputQueueSize bytes",
			"reader/inPoolUsage ratio", "reader/inputFloatingBuffersUsage ratio", "reader/inputExclusiveBuffersUsage ratio",
			"reader/numBytesInLocal bytes", "reader/numBytesInRemote bytes", "reader/numBuffersInLocal buffers", "reader/numBuffersInRemote buffers",
			"reader/numRecordsIn records", "reader/numBytesIn bytes", "reader/estimatedTimeToConsumeBuffersMs ms",
		}, gate("gate 0"), gate("gate 1"), task)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, m := range c.got {
				got = append(got, fmt.Sprintf("%s/%s %s", m.Scope, m.Name, m.Unit))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// wantMetrics wants values in one scope.
func wantMetrics(t *testing.T, s meter.Snapshot, scope string, want map[string]float64) {
	t.Helper()
	for name, v := range want {
		if got, ok := s.Value(scope, name); !ok || got != v {
			t.Errorf("%s/%s is %v, want %v", scope, name, got, v)
		}
	}
}

// written makes a writer whose subpartitions hold so many longs each, behind them the end of the data, and returns when nothing is to be added: what
// readers find is then always cut the same way. The task's End follows in a goroutine.
func written(t *testing.T, tasks *sync.WaitGroup, x *Exchange, o WriterOptions, longs int) *Writer {
	t.Helper()
	o.BufferTimeout = FlushNever
	w := newWriter(t, x, o)
	for i := range longs * o.Subpartitions {
		if err := w.EmitLong(i%o.Subpartitions, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.part.NotifyEndOfData(true); err != nil {
		t.Fatal(err)
	}
	tasks.Go(func() {
		if err := w.End(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// TestCountersOfAnExchange: records, buffers and bytes with the four of each record's length, what is local and what is remote.
func TestCountersOfAnExchange(t *testing.T) {
	const record, perBuffer = 12, 10
	o := Options{Segments: 512, SegmentSize: record * perBuffer}
	in := open(t, o)
	o.Listen = "127.0.0.1:0"
	out := open(t, o)
	var tasks sync.WaitGroup
	far := written(t, &tasks, out, WriterOptions{Partition: partitionID(0), Subpartitions: 2, MaxBuffers: 256}, 1000)
	near := written(t, &tasks, in, WriterOptions{Partition: partitionID(1), Subpartitions: 1, MaxBuffers: 128}, 505)
	r := newReader(t, in, inputs(out.Addr(), 0, 2), inputs("", 1, 1))
	before := r.Metrics()
	records := 0
	for {
		_, err := r.Advance(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, ok, _ := r.Next(); ok; _, ok, _ = r.Next() {
			records++
		}
	}
	tasks.Wait()
	if records != 2505 {
		t.Errorf("%d records arrived", records)
	}
	wantMetrics(t, before, meter.ScopeReader, map[string]float64{"numRecordsIn": 0, "numBytesIn": 0})

	wantMetrics(t, far.Metrics(), meter.ScopeWriter, map[string]float64{
		"numRecordsOut": 2000, "numBuffersOut": 200, "numBytesOut": 24_000, "outputQueueLength": 0, "outputQueueSize": 0,
	})
	wantMetrics(t, near.Metrics(), meter.ScopeWriter, map[string]float64{"numRecordsOut": 505, "numBuffersOut": 51, "numBytesOut": 6060})

	ends := float64(len(frame.AppendEvent(nil, frame.EndOfData{})) + len(frame.AppendEvent(nil, frame.EndOfPartition{})))
	wantMetrics(t, r.Metrics(), meter.ScopeReader, map[string]float64{
		"numRecordsIn":      2505,
		"numBuffersInLocal": 51 + 2, "numBytesInLocal": 6060 + ends,
		"numBuffersInRemote": 200 + 2*2, "numBytesInRemote": 24_000 + 2*ends,
		"numBytesIn":       30_060 + 3*ends,
		"inputQueueLength": 0, "inputQueueSize": 0,
		"inPoolUsage": 0, "inputFloatingBuffersUsage": 0, "inputExclusiveBuffersUsage": 0,
	})
	far.Close()
	near.Close()
	r.Close()
	for _, x := range []*Exchange{out, in} {
		wantMetrics(t, x.Metrics(), meter.ScopeExchange, map[string]float64{
			"TotalMemorySegments": 512, "AvailableMemorySegments": 512, "UsedMemorySegments": 0, "RequestedMemoryUsage": 0,
			"TotalMemory": 512 * 120, "AvailableMemory": 512 * 120, "UsedMemory": 0,
		})
	}

	if err := errors.Join(in.Close(), out.Close()); err != nil { // now everything is counted
		t.Fatal(err)
	}
	sent, got := out.Traffic(), in.Traffic()
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"buffers out", sent.BuffersOut.Load(), 200},
		{"buffers in", got.BuffersIn.Load(), 200},
		{"events out", sent.EventsOut.Load(), 4},
		{"events in", got.EventsIn.Load(), 4},
		{"frames in", got.FramesIn.Load(), sent.FramesOut.Load()},
		{"bytes in", got.BytesIn.Load(), sent.BytesOut.Load()},
		{"bytes out", sent.BytesOut.Load(), 24_000 + 2*uint64(ends) + 204*frame.BufferResponseSize},
		{"buffers against the stream", sent.BuffersIn.Load() + got.BuffersOut.Load() + sent.EventsIn.Load() + got.EventsOut.Load(), 0},
		{"credits against the stream", sent.CreditsOut.Load() + got.CreditsIn.Load(), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.name, c.got, c.want)
		}
	}
	// A message that the consumer has written need not have been read when the connection ends.
	atMost := func(name string, n, most uint64) {
		if n == 0 || n > most {
			t.Errorf("%s: %d, want 1 to %d", name, n, most)
		}
	}
	atMost("credits received", sent.CreditsIn.Load(), got.CreditsOut.Load())
	atMost("requests received", sent.FramesIn.Load(), got.FramesOut.Load())
	atMost("bytes of requests", sent.BytesIn.Load(), got.BytesOut.Load())
	atMost("writes", sent.WritesOut.Load(), 1000)
	atMost("reads", got.ReadsIn.Load(), 2000)
}

// TestBytesOfCompressedBuffers: numBytesOut and numBytesIn are what the tasks write and get, numBytesInRemote is what came.
func TestBytesOfCompressedBuffers(t *testing.T) {
	out, in, _ := replayable(t, LZ4)
	w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 1, Kind: Replayable})
	defer w.Close()
	const records = 256 * 4 / 16 // four segments
	for range records {
		emit(t, w, 0, "aaaaaaaaaaaa")
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	wantMetrics(t, w.Metrics(), meter.ScopeWriter, map[string]float64{
		"numRecordsOut": records, "numBuffersOut": 4, "numBytesOut": 1024, "outputQueueLength": 0, "outputQueueSize": 0,
	})
	wantMetrics(t, w.Metrics(), meter.ScopePartition, map[string]float64{"totalQueueLen": 0, "minQueueLen": 0, "maxQueueLen": 0, "avgQueueLen": 0})
	r := newReader(t, in, inputsOf(out.Addr(), 0, 1))
	defer r.Close()
	if _, err := readAll(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	s := r.Metrics()
	numBytesIn, _ := s.Value(meter.ScopeReader, "numBytesIn")
	remote, _ := s.Value(meter.ScopeReader, "numBytesInRemote")
	if events := numBytesIn - 1024; events <= 0 || events > 20 || remote >= 512 || remote <= events {
		t.Errorf("the task got %v bytes, and %v came", numBytesIn, remote)
	}
	wantMetrics(t, s, meter.ScopeReader, map[string]float64{"numRecordsIn": records})
}

// TestABroadcastRecordCountsOnce: a writer that shares one buffer among all, and one that copies.
func TestABroadcastRecordCountsOnce(t *testing.T) {
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprintf("shared=%v", shared), func(t *testing.T) {
			x := open(t, Options{Segments: 64, SegmentSize: 64})
			w := newWriter(t, x, WriterOptions{Partition: partitionID(0), Subpartitions: 3, Broadcast: shared, BufferTimeout: FlushNever})
			defer w.Close()
			for range 4 {
				if err := w.Broadcast(textRecord("four")); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.BroadcastEvent(frame.EndOfSuperstep{}, false); err != nil { // it ends the buffers
				t.Fatal(err)
			}
			wantMetrics(t, w.Metrics(), meter.ScopeWriter, map[string]float64{"numRecordsOut": 4, "numBuffersOut": 3, "numBytesOut": 3 * 4 * 8})
		})
	}
}

// TestMetricsAreReadWhileTasksRun: by anybody, without disturbing anyone; totals never fall.
func TestMetricsAreReadWhileTasksRun(t *testing.T) {
	o := Options{Segments: 256, SegmentSize: 256}
	in := open(t, o)
	o.Listen = "127.0.0.1:0"
	out := open(t, o)
	const records = 5000
	writers := []*Writer{
		newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 2, BufferTimeout: FlushAlways}),
		newWriter(t, in, WriterOptions{Partition: partitionID(1), Subpartitions: 1}),
	}
	r := newReader(t, in, inputs(out.Addr(), 0, 2), inputs("", 1, 1))
	totals := []string{"numRecordsOut", "numBytesOut", "numBuffersOut", "numRecordsIn", "numBytesIn", "numBuffersInLocal", "numBuffersInRemote"}
	var tasks, readers sync.WaitGroup
	stop := make(chan struct{})
	for name, snapshot := range map[string]func() meter.Snapshot{
		"out": out.Metrics, "in": in.Metrics, "reader": r.Metrics, "remote writer": writers[0].Metrics, "local writer": writers[1].Metrics,
	} {
		readers.Go(func() {
			last := map[string]float64{}
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, m := range snapshot() {
					if m.Value < 0 || slices.Contains(totals, m.Name) && m.Value < last[m.Name] {
						t.Errorf("%s: %s is %v after %v", name, m.Name, m.Value, last[m.Name])
					}
					last[m.Name] = m.Value
				}
			}
		})
	}
	for _, w := range writers {
		tasks.Go(func() {
			defer w.Close()
			for i := range records {
				if err := w.EmitLong(i%w.Subpartitions(), int64(i)); err != nil {
					t.Error(err)
					return
				}
				if i%100 == 0 {
					w.Idle()
				}
			}
			if err := w.End(); err != nil {
				t.Error(err)
			}
		})
	}
	got, err := readAll(t.Context(), r)
	if err != nil {
		t.Error(err)
	}
	tasks.Wait()
	r.Close()
	close(stop)
	readers.Wait()
	if n := len(got.payloads[0]) + len(got.payloads[1]) + len(got.payloads[2]); n != 2*records {
		t.Errorf("%d records arrived", n)
	}
	wantMetrics(t, r.Metrics(), meter.ScopeReader, map[string]float64{"numRecordsIn": 2 * records})
	for _, w := range writers {
		wantMetrics(t, w.Metrics(), meter.ScopeWriter, map[string]float64{"numRecordsOut": records})
	}
}
