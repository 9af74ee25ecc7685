// systems_test.go: every system, and every limit, through the harness.

package field

import (
	"testing"
	"time"

	"xbench/harness"
	"xbench/results"
)

// trial makes one short trial of a system.
func trial(t *testing.T, s System, spec Spec) results.Trial {
	t.Helper()
	c, err := Case(s, spec, "test", 1, 40*time.Millisecond, 150*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	r := harness.Run(t.Context(), c, harness.Options{Timeout: 15 * time.Second})
	if len(r.Case.Trials) != 1 {
		t.Fatalf("%s: %s", r.Case.Outcome, r.Case.Reason)
	}
	return r.Case.Trials[0]
}

// Every system delivers every record in order and unchanged: longs over many channels, large records, and single ones at a rate.
func TestEverySystemDelivers(t *testing.T) {
	specs := map[string]Spec{
		"longs":   {Writers: 2, Channels: 20, Consumers: 1, Size: 8, Timeout: 5 * time.Millisecond},
		"1 KiB":   {Writers: 2, Channels: 3, Consumers: 2, Size: 1024, Timeout: 100 * time.Millisecond},
		"flushed": {Writers: 1, Channels: 1, Consumers: 1, Size: 16, Rate: 2000},
	}
	for _, s := range Systems() {
		for name, spec := range specs {
			t.Run(s.Name+" "+name, func(t *testing.T) {
				r := trial(t, s, spec)
				if r.Outcome != results.Pass || !r.Verified || r.RecordsSent == 0 || r.RecordsSent != r.RecordsReceived {
					t.Fatalf("%s, %d of %d records: %s", r.Outcome, r.RecordsReceived, r.RecordsSent, r.Reason)
				}
				if spec.Rate > 0 && (r.RecordsSent != 380 || r.Latency.Count != 300) {
					t.Errorf("%d records sent and %d latencies in the window at 2000/s, want 380 and 300", r.RecordsSent, r.Latency.Count)
				}
				t.Logf("%.0f rec/ms, %.1f ns, p50 %d ns", r.RecordsPerSec/1e3, r.CPUNsPerRecord, r.Latency.P50)
			})
		}
	}
}

// A consumer that stands still does not keep a trial from its end, whatever a system's flow control is; and those with one per channel go on.
func TestStoppedConsumerEnds(t *testing.T) {
	for _, s := range Systems() {
		t.Run(s.Name, func(t *testing.T) {
			r := trial(t, s, Spec{Writers: 3, Channels: 1, Consumers: 3, Size: 1024, Timeout: 5 * time.Millisecond, Rate: 60_000, Stalled: true})
			if !r.Verified || r.Outcome != results.Pass && r.RecordsPerSec > 0 { // where nothing arrives, no rate can be told
				t.Fatalf("%s: %s", r.Outcome, r.Reason)
			}
			if len(r.Sinks) != 3 || r.Sinks[2].Records > 0 {
				t.Fatalf("consumer 2 should have stood still: %+v", r.Sinks)
			}
			for _, sink := range r.Sinks[:2] {
				if s.Flow == PerChannel && sink.Records < 2000 { // of 3000; the machine may be slow
					t.Errorf("%s got %d of 3000 records while another one stood still", sink.Name, sink.Records)
				}
				if s.Flow == PerConnection && sink.Records > 2000 {
					t.Errorf("%s got %d of 3000 records, over a connection that stands still", sink.Name, sink.Records)
				}
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for _, name := range []string{LimitStream, LimitPingPong} {
		r := harness.Run(t.Context(), LimitCase(name, 1, 20*time.Millisecond, 100*time.Millisecond), harness.Options{Timeout: 15 * time.Second}).Case
		if r.Outcome != results.Pass || !r.Verified || r.RecordsPerSec == 0 || r.CPUNsPerRecord == 0 {
			t.Errorf("%s: %s: %s", name, r.Outcome, r.Reason)
		}
		if name == LimitPingPong && (r.Latency.P50 < 1000 || r.Latency.P50 > 10_000_000) {
			t.Errorf("a ping-pong of %d ns", r.Latency.P50)
		}
	}
	if l := MeasureLoops(longSize); l.EncodeNs <= 0 || l.DecodeNs <= 0 || l.CopyInCache < l.CopyOutOfCache {
		t.Errorf("%+v", l)
	}
}
