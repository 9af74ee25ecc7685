package workloads

import (
	"strings"
	"sync"
	"testing"
	"time"

	"xbench/harness"
	"xbench/harness/pace"
)

// BenchmarkLongs is a second of workload longs, 4 x 100, with both ends in this process. With -cpuprofile it shows what the record loops
// themselves cost: sendLongs and takeLongs, beside what is inlined into them.
func BenchmarkLongs(b *testing.B) {
	c := NewCase("longs")
	for _, change := range []string{"workload=longs", "writers=4", "channels=100", "segments=2048"} {
		key, value, _ := strings.Cut(change, "=")
		if err := c.Set(key, value); err != nil {
			b.Fatal(err)
		}
	}
	planned, err := c.Plan()
	if err != nil {
		b.Fatal(err)
	}
	records := uint64(0)
	for b.Loop() {
		records += benchmarkTrial(b, planned, time.Second)
	}
	b.ReportMetric(float64(records)/float64(b.Elapsed().Milliseconds()), "records/ms")
}

// benchmarkTrial runs a case's tasks for so long, and says how many records arrived.
func benchmarkTrial(b *testing.B, planned harness.Case, long time.Duration) (received uint64) {
	d := &exchange{}
	addr, err := d.Open(b.Context(), harness.Plan{Roles: []string{harness.RoleSource, harness.RoleSink}, Params: planned.Params})
	if err == nil {
		err = d.Connect(b.Context(), []string{addr})
	}
	if err != nil {
		b.Fatal(err)
	}
	clock := pace.Monotonic()
	window := harness.Window{Begin: clock(), Measure: clock(), End: clock() + int64(long)}
	var tasks sync.WaitGroup
	for _, s := range d.Sources() {
		task := harness.NewSourceTask(clock, window, 1, s.Channels)
		tasks.Go(func() {
			if err := s.Run(b.Context(), task); err != nil {
				b.Error(err)
			}
		})
	}
	sink := harness.NewSinkTask(clock, window)
	if err := d.Sinks()[0].Run(b.Context(), sink); err != nil {
		b.Error(err)
	}
	tasks.Wait()
	for i := range d.Sources() {
		for _, e := range sink.Ledger(i, 100).Entries {
			received += e.Count
		}
	}
	if err := d.Close(); err != nil {
		b.Error(err)
	}
	return received
}
