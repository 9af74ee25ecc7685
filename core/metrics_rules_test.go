// metrics_rules_test.go: what Flink's documentation and code say of the network metrics, rule by rule.

package core

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/meter"
)

// settles waits until a metric has a value that it is bound to reach.
func settles(t *testing.T, snapshot func() meter.Snapshot, scope, name string, want float64) {
	t.Helper()
	var got float64
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if got, _ = snapshot().Value(scope, name); got == want {
			return
		}
	}
	t.Fatalf("%s/%s stays at %v, want %v", scope, name, got, want)
}

// TestRulesOfNetworkMetrics: each subtest is a rule of the inventory of Flink's metrics that has no number there.
func TestRulesOfNetworkMetrics(t *testing.T) {
	const size = 64
	full := strings.Repeat("x", size-4) // fills a segment

	t.Run("memory: total = available + used, in segments and in bytes", func(t *testing.T) {
		x := open(t, Options{Segments: 32, SegmentSize: size})
		w := newWriter(t, x, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushNever})
		defer w.Close()
		emit(t, w, 0, full)
		emit(t, w, 0, full)
		used := 3.0 // two with records, and the one that the pool holds ahead of requests
		wantMetrics(t, x.Metrics(), meter.ScopeExchange, map[string]float64{
			"TotalMemorySegments": 32, "UsedMemorySegments": used, "AvailableMemorySegments": 32 - used,
			"TotalMemory": 32 * size, "UsedMemory": used * size, "AvailableMemory": (32 - used) * size,
		})
	})
	t.Run("RequestedMemoryUsage: what everybody would like, in percent of what there is; it may exceed 100", func(t *testing.T) {
		x := open(t, Options{Segments: 40, SegmentSize: size})
		for i, want := range []float64{25, 50, 75, 100, 125} {
			w := newWriter(t, x, WriterOptions{Partition: partitionID(i), Subpartitions: 1, MaxBuffers: 10})
			defer w.Close()
			wantMetrics(t, x.Metrics(), meter.ScopeExchange, map[string]float64{"RequestedMemoryUsage": want})
		}
	})
	t.Run("output: queued buffers and bytes; a channel used once occupies a buffer; numBuffersOut lags behind open buffers", func(t *testing.T) {
		x := open(t, Options{Segments: 64, SegmentSize: size})
		w := newWriter(t, x, WriterOptions{Partition: partitionID(0), Subpartitions: 4, BufferTimeout: FlushNever, MaxBuffers: 10})
		defer w.Close()
		for ch := range 4 {
			emit(t, w, ch, "12345678")
		}
		wantMetrics(t, w.Metrics(), meter.ScopeWriter, map[string]float64{
			"outputQueueLength": 4, "outputQueueSize": 4 * 12, "outPoolUsage": 0.4, "numRecordsOut": 0, "numBuffersOut": 0, "numBytesOut": 0,
		})
		emit(t, w, 1, full)
		wantMetrics(t, w.Metrics(), meter.ScopeWriter, map[string]float64{
			"outputQueueLength": 5, "outputQueueSize": 4*12 + size, "outPoolUsage": 0.5, "numRecordsOut": 5, "numBuffersOut": 1, "numBytesOut": size,
		})
		wantMetrics(t, w.Metrics(), meter.ScopePartition, map[string]float64{
			"totalQueueLen": 5, "minQueueLen": 1, "maxQueueLen": 2, "avgQueueLen": 1.25,
		})
	})
	t.Run("outPoolUsage: above 1 with overdraft", func(t *testing.T) {
		x := open(t, Options{Segments: 64, SegmentSize: size})
		w := newWriter(t, x, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushNever, MaxBuffers: 4, Overdraft: 4})
		defer w.Close()
		emit(t, w, 0, strings.Repeat("x", 6*size-4))
		wantMetrics(t, w.Metrics(), meter.ScopeWriter, map[string]float64{"outPoolUsage": 1.5, "outputQueueLength": 6, "outputQueueSize": 6 * size})
	})
	t.Run("input: local channels have no usage, count no bytes, and are in no queue length of a gate; what they read is local", func(t *testing.T) {
		x := open(t, Options{Segments: 64, SegmentSize: size})
		w := newWriter(t, x, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushNever})
		defer w.Close()
		r := newReader(t, x, inputs("", 0, 1))
		defer r.Close()
		for range 3 {
			emit(t, w, 0, full)
		}
		wantMetrics(t, r.Metrics(), meter.ScopeReader, map[string]float64{
			"inputQueueLength": 3, "inputQueueSize": 0, "inPoolUsage": 0, "inputExclusiveBuffersUsage": 0, "inputFloatingBuffersUsage": 0,
		})
		wantMetrics(t, r.Metrics(), meter.GateScope(0), map[string]float64{"totalQueueLen": 0, "minQueueLen": 0, "maxQueueLen": 0, "avgQueueLen": 0})
		if _, err := r.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantMetrics(t, r.Metrics(), meter.ScopeReader, map[string]float64{
			"numBuffersInLocal": 1, "numBytesInLocal": size, "numBuffersInRemote": 0, "numBytesInRemote": 0, "numBytesIn": size,
		})
	})
	t.Run("input: usage of exclusive, of floating, and of all buffers; FLINK-36260: what came over a connection is remote", func(t *testing.T) {
		out := open(t, Options{Listen: "127.0.0.1:0", Segments: 64, SegmentSize: size})
		in := open(t, Options{Segments: 64, SegmentSize: size, Exclusive: 2, Floating: 4})
		w := newWriter(t, out, WriterOptions{Partition: partitionID(0), Subpartitions: 2, BufferTimeout: FlushNever, MaxBuffers: 32})
		defer w.Close()
		r := newReader(t, in, inputs(out.Addr(), 0, 2))
		defer r.Close()
		wantMetrics(t, r.Metrics(), meter.ScopeReader, map[string]float64{
			"inPoolUsage": 0, "inputExclusiveBuffersUsage": 0, "inputFloatingBuffersUsage": 0,
		})
		for range 12 {
			emit(t, w, 0, full)
		}
		w.FlushAll()
		// The producer may send what the consumer has room for: all of one channel's exclusive buffers and all that float.
		settles(t, r.Metrics, meter.ScopeReader, "inputQueueLength", 6)
		wantMetrics(t, r.Metrics(), meter.ScopeReader, map[string]float64{
			"inputQueueSize": 6 * size, "inputExclusiveBuffersUsage": 0.5, "inputFloatingBuffersUsage": 1, "inPoolUsage": 0.75,
		})
		wantMetrics(t, r.Metrics(), meter.GateScope(0), map[string]float64{"totalQueueLen": 6, "minQueueLen": 0, "maxQueueLen": 6, "avgQueueLen": 3})
		settles(t, w.Metrics, meter.ScopeWriter, "outPoolUsage", 6.0/32) // what it cannot send it keeps
		for range 12 {
			if _, err := r.Advance(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		_, _, _ = r.TryAdvance() // the last one goes home
		s := r.Metrics()
		wantMetrics(t, s, meter.ScopeReader, map[string]float64{
			"numBuffersInRemote": 12, "numBytesInRemote": 12 * size, "numBuffersInLocal": 0, "numBytesInLocal": 0, "numBytesIn": 12 * size,
			"numRecordsIn": 12, "inPoolUsage": 0, "inputExclusiveBuffersUsage": 0, "inputFloatingBuffersUsage": 0,
		})
		bytes, _ := s.Value(meter.ScopeReader, "numBytesInRemote")
		buffers, _ := s.Value(meter.ScopeReader, "numBuffersInRemote")
		if bytes/buffers != size {
			t.Errorf("buffers are filled with %v bytes", bytes/buffers)
		}
	})
	t.Run("debloating: size and time to consume of a gate, the longest of a task", func(t *testing.T) {
		x := open(t, Options{Segments: 64, SegmentSize: 4096})
		plain := newReader(t, x, inputs("", 0, 1))
		defer plain.Close()
		wantMetrics(t, plain.Metrics(), meter.GateScope(0), map[string]float64{"debloatedBufferSize": 4096, "estimatedTimeToConsumeBuffersMs": 0})
		r, err := x.NewReader(t.Context(), ReaderOptions{Gates: [][]Input{inputs("", 1, 1)}, Debloat: &DebloatOptions{Start: 512}})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		wantMetrics(t, r.Metrics(), meter.GateScope(0), map[string]float64{"debloatedBufferSize": 512, "estimatedTimeToConsumeBuffersMs": 0})
		wantMetrics(t, r.Metrics(), meter.ScopeReader, map[string]float64{"estimatedTimeToConsumeBuffersMs": 0})
	})
}

// TestRulesOfTaskTime: busy = 1000 - min(1000, idle + soft + hard), back-pressured = soft + hard, over a minute, every 5 s, the ongoing wait included.
func TestRulesOfTaskTime(t *testing.T) {
	full := strings.Repeat("x", 60)
	// bubble runs a test in bubbles of its own, with an exchange whose one writer may hold two buffers.
	bubble := func(name string, test func(t *testing.T, x *Exchange, w *Writer, r *Reader, task *meter.TaskTime)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := open(t, Options{Segments: 16, SegmentSize: 64})
				task := x.NewTaskTime()
				o := WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushNever, MaxBuffers: 2, Overdraft: NoOverdraft, Time: task}
				w, err := x.NewWriter(context.Background(), o)
				if err != nil {
					t.Fatal(err)
				}
				defer w.Close()
				r := newReader(t, x, inputs("", 0, 1))
				defer r.Close()
				test(t, x, w, r, task)
			})
		})
	}
	bubble("hard: a wait for a buffer within a record, while it lasts and afterwards", func(t *testing.T, _ *Exchange, w *Writer, r *Reader, _ *meter.TaskTime) {
		var task sync.WaitGroup
		task.Go(func() { emit(t, w, 0, strings.Repeat("x", 4*64-4)) })
		time.Sleep(6 * time.Second)
		wantMetrics(t, w.Metrics(), meter.ScopeTask, map[string]float64{
			"hardBackPressuredTimeMsPerSecond": 1000, "softBackPressuredTimeMsPerSecond": 0, "backPressuredTimeMsPerSecond": 1000,
			"busyTimeMsPerSecond": 0, "idleTimeMsPerSecond": 0, "maxHardBackPressuredTimeMs": 5000, "accumulateBackPressuredTimeMs": 6000,
		})
		for range 3 { // the fourth is finished, but nobody has said so
			if _, err := r.Advance(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		task.Wait()
		time.Sleep(4 * time.Second)
		wantMetrics(t, w.Metrics(), meter.ScopeTask, map[string]float64{
			"hardBackPressuredTimeMsPerSecond": 600, "busyTimeMsPerSecond": 400, "maxHardBackPressuredTimeMs": 6000,
			"accumulateBackPressuredTimeMs": 6000, "accumulateBusyTimeMs": 4000,
		})
		time.Sleep(time.Minute)
		wantMetrics(t, w.Metrics(), meter.ScopeTask, map[string]float64{"hardBackPressuredTimeMsPerSecond": 0, "busyTimeMsPerSecond": 1000, "maxHardBackPressuredTimeMs": 0})
	})
	bubble("soft: a look between two records that finds no buffer, up to one that does", func(t *testing.T, _ *Exchange, w *Writer, r *Reader, _ *meter.TaskTime) {
		emit(t, w, 0, full)
		emit(t, w, 0, full)
		w.FlushAll()
		var task sync.WaitGroup
		task.Go(func() {
			for !w.IsAvailable() {
				<-w.Available()
			}
		})
		time.Sleep(3 * time.Second)
		for range 2 {
			if _, err := r.Advance(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		task.Wait()
		time.Sleep(2 * time.Second)
		wantMetrics(t, w.Metrics(), meter.ScopeTask, map[string]float64{
			"softBackPressuredTimeMsPerSecond": 600, "hardBackPressuredTimeMsPerSecond": 0, "backPressuredTimeMsPerSecond": 600, "busyTimeMsPerSecond": 400,
			"maxSoftBackPressuredTimeMs": 3000, "maxHardBackPressuredTimeMs": 0,
		})
	})
	bubble("idle: without input, or after Idle", func(t *testing.T, _ *Exchange, w *Writer, r *Reader, _ *meter.TaskTime) {
		var task sync.WaitGroup
		task.Go(func() {
			if _, err := r.Advance(context.Background()); err != nil {
				t.Error(err)
			}
		})
		w.Idle()
		time.Sleep(2 * time.Second)
		emit(t, w, 0, full)
		w.FlushAll()
		task.Wait()
		time.Sleep(3 * time.Second)
		for _, s := range []meter.Snapshot{w.Metrics(), r.Metrics()} {
			wantMetrics(t, s, meter.ScopeTask, map[string]float64{
				"idleTimeMsPerSecond": 400, "busyTimeMsPerSecond": 600, "backPressuredTimeMsPerSecond": 0,
				"accumulateIdleTimeMs": 2000, "accumulateBusyTimeMs": 3000,
			})
		}
	})
	bubble("a task that lacks input and output counts as what it asked for first", func(t *testing.T, x *Exchange, w *Writer, r *Reader, task *meter.TaskTime) {
		own, err := x.NewReader(context.Background(), ReaderOptions{Gates: [][]Input{inputs("", 7, 1)}, Time: task})
		if err != nil {
			t.Fatal(err)
		}
		defer own.Close()
		emit(t, w, 0, full)
		emit(t, w, 0, full)
		w.FlushAll()
		if w.IsAvailable() {
			t.Fatal("there is a buffer")
		}
		time.Sleep(time.Second)
		for range 2 {
			if _, err := r.Advance(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, ok, err := own.TryAdvance(); !w.IsAvailable() || ok || err != nil { // it looks for input, and its output is there
			t.Fatal("there is no buffer, or there is input")
		}
		time.Sleep(4 * time.Second)
		for _, s := range []meter.Snapshot{w.Metrics(), own.Metrics()} { // one task, one account
			wantMetrics(t, s, meter.ScopeTask, map[string]float64{
				"softBackPressuredTimeMsPerSecond": 200, "idleTimeMsPerSecond": 800, "busyTimeMsPerSecond": 0,
			})
		}
	})
}
