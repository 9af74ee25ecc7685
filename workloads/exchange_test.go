// exchange_test.go: every workload through the exchange, in one process, in two, and in this one.

package workloads

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"xbench/harness"
	"xbench/harness/pace"
	"xbench/results"
)

// short is a case of a fraction of a second, changed by key=value pairs.
func short(t *testing.T, changes ...string) Case {
	t.Helper()
	c := NewCase("short")
	c.Warmup, c.Duration, c.BufferTimeout = 20*time.Millisecond, 130*time.Millisecond, time.Millisecond
	c.Segments = 256
	for _, change := range changes {
		key, value, _ := strings.Cut(change, "=")
		if err := c.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// Each workload arrives complete, in order and unchanged, with latencies and throughput, from another process and from the same one.
func TestWorkloadsArrive(t *testing.T) {
	for _, c := range []struct {
		name    string
		changes []string
	}{
		{"longs", []string{"workload=longs", "writers=2", "channels=10"}},
		{"longs in one process", []string{"workload=longs", "writers=2", "channels=10", "readers=3", "processes=1"}},
		{"long records", []string{"workload=longs", "writers=2", "channels=10", "size=1KiB", "connections=2"}},
		{"paced longs", []string{"workload=longs", "writers=2", "rate=100k", "burst=50"}},
		{"broadcast", []string{"workload=longs", "writers=2", "spread=broadcast", "tls=on"}},
		{"skew in one process", []string{"workload=longs", "writers=2", "spread=skew", "processes=1", "tls=on"}},
		{"rounds", []string{"workload=latency", "writers=2", "channels=3", "congestion=reno"}},
		{"rounds in one process", []string{"workload=latency", "round=1", "size=16", "processes=1"}},
		{"keyed paced", []string{"rate=20k", "writers=2", "readers=2"}},
		{"keyed paced in one process", []string{"rate=20k", "processes=1", "keys=sequential"}},
		{"keyed freely", []string{"rate=max", "keys=uniform", "size=0"}},
		{"flights", []string{"workload=trace", "trace=flights", "writers=2", "readers=4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			planned, err := short(t, c.changes...).Plan()
			if err != nil {
				t.Fatal(err)
			}
			report := harness.Run(t.Context(), planned, harness.Options{})
			r := report.Case
			if r.Outcome != results.Pass || !r.Verified || report.Exit != 0 {
				t.Fatalf("%s: %s", r.Outcome, r.Reason)
			}
			if r.RecordsSent == 0 || r.RecordsSent != r.RecordsReceived || r.RecordsPerSec <= 0 || r.Latency.Count == 0 || r.BytesOnWire == 0 {
				t.Errorf("%+v", r)
			}
			if planned.Trace == "flights" && r.RecordsSent != 20_000 {
				t.Errorf("%d of the trace's 20,000 events were sent", r.RecordsSent)
			}
			if planned.Loop == harness.Open && planned.Trace == "" && r.RecordsSent != uint64(planned.Rate*(planned.Warmup+planned.Duration).Seconds()) {
				t.Errorf("%d records were sent at %v/s", r.RecordsSent, planned.Rate)
			}
			checkWork(t, c.changes, r)
			if r.Config.SegmentSize != 32<<10 || r.Config.Exclusive != 2 || r.Config.Floating != 8 {
				t.Errorf("%+v", r.Config)
			}
		})
	}
}

// checkWork: a document says of which class the work was, and every byte of it was seen at the sockets.
func checkWork(t *testing.T, changes []string, r results.Case) {
	t.Helper()
	has := func(change string) bool { return slices.Contains(changes, change) }
	connections, tls, congestion := 1, "none", results.ReadHost().CongestionControl
	if has("connections=2") {
		connections = 2
	}
	if has("congestion=reno") {
		congestion = "reno"
	}
	if has("tls=on") {
		tls = "TLS 1.3 TLS_"
	}
	if r.Connections != connections || !strings.HasPrefix(r.TLS, tls) || r.CongestionControl != congestion || r.Checks == "" || r.BufferTimeoutNs != 1e6 {
		t.Errorf("%+v", r.Config)
	}
	if len(r.Runtimes) != r.Processes || r.Runtimes[0].GOMAXPROCS == 0 || r.Runtimes[0].GOGC == 0 {
		t.Errorf("runtimes %+v", r.Runtimes)
	}
	if r.BytesOfRecords < 12*r.RecordsReceived || r.BytesExpected <= r.BytesOfRecords || r.BytesReceived < r.BytesExpected {
		t.Errorf("the records take %d bytes, with their frames %d, received were %d", r.BytesOfRecords, r.BytesExpected, r.BytesReceived)
	}
	if tls == "none" && r.Processes == 2 && r.BytesReceived != r.BytesExpected {
		t.Errorf("the sockets received %d bytes, expected were %d", r.BytesReceived, r.BytesExpected)
	}
}

// Suite flow-control: while one consumer of eight stands still, on the one connection that they share, the others receive; and
// nothing of the stopped one's is lost.
func TestStoppedReaderStopsNobodyElse(t *testing.T) {
	suite, err := LoadSuite("flow-control")
	if err != nil {
		t.Fatal(err)
	}
	c := suite.Cases[1]
	c.Warmup, c.Duration, c.Stall, c.Rate = 100*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond, 20_000
	planned, err := c.Plan()
	if err != nil {
		t.Fatal(err)
	}
	report := harness.Run(t.Context(), planned, harness.Options{})
	r := report.Case
	if !r.Verified || r.RecordsSent != r.RecordsReceived || r.Config.Connections != 1 {
		t.Fatalf("%+v: %s", r.Numbers, r.Reason)
	}
	sinks := r.Trials[0].Sinks
	if len(sinks) != 8 || sinks[7].Records != 0 {
		t.Fatalf("reader 7 of %d should stand still: %+v", len(sinks), sinks)
	}
	for _, s := range sinks[:7] {
		if s.Records == 0 {
			t.Errorf("%s received nothing while another one stood still", s.Name)
		}
	}
}

// local runs a case's sources and sinks in this process, and returns how many records the sinks received, of which
// all agree with what was sent.
func local(t *testing.T, c Case) (received uint64) {
	t.Helper()
	planned, err := c.Plan()
	if err != nil {
		t.Fatal(err)
	}
	d := &exchange{}
	defer func() {
		if err := d.Close(); err != nil {
			t.Errorf("after the trial: %v", err)
		}
	}()
	addr, err := d.Open(t.Context(), harness.Plan{
		Case: c.Name, Trial: 1, Workers: 1, Roles: []string{harness.RoleSource, harness.RoleSink}, Params: planned.Params,
		Seed: c.Seed, Loop: planned.Loop, Warmup: c.Warmup, Duration: c.Duration,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Connect(t.Context(), []string{addr}); err != nil {
		t.Fatal(err)
	}
	clock := pace.Monotonic()
	begin := clock() + int64(20*time.Millisecond)
	window := harness.Window{Begin: begin, Measure: begin + int64(c.Warmup), End: begin + int64(c.Warmup+c.Duration)}

	var tasks sync.WaitGroup
	sent := map[int]*harness.Ledger{}
	for _, s := range d.Sources() {
		task := harness.NewSourceTask(clock, window, uint64(s.Index)+7, s.Channels)
		sent[s.Index] = task.Ledger
		tasks.Go(func() {
			if err := s.Run(t.Context(), task); err != nil {
				t.Error(err)
			}
		})
	}
	var sinks []*harness.SinkTask
	for _, s := range d.Sinks() {
		task := harness.NewSinkTask(clock, window)
		sinks = append(sinks, task)
		tasks.Go(func() {
			if err := s.Run(t.Context(), task); err != nil {
				t.Error(err)
			}
		})
	}
	tasks.Wait()
	for source, l := range sent {
		for ch, want := range l.Entries {
			var got harness.Entry
			for _, s := range sinks {
				if e := s.Ledger(source, c.Channels).Entries[ch]; e.Count > 0 {
					got = e
				}
			}
			if got != want {
				t.Errorf("writer %d, channel %d: received %+v, sent %+v", source, ch, got, want)
			}
			received += got.Count
		}
	}
	return received
}

// Settings at their edges: records over many buffers, segments of a few records, no exclusive buffers, no flush timer, flush always.
func TestEdgesOfSettings(t *testing.T) {
	for _, changes := range [][]string{
		{"size=200kB", "rate=200", "segment-size=4KiB"},
		{"size=1000", "segment-size=64", "rate=2k", "segments=64"},
		{"workload=longs", "segment-size=64", "channels=3", "writers=2", "segments=128"},
		{"workload=longs", "exclusive=0", "floating=4"},
		{"workload=longs", "buffer-timeout=never"},
		{"workload=longs", "size=1MiB", "connections=3"},
		{"workload=longs", "size=16", "spread=broadcast", "buffer-timeout=0s", "readers=2"},
		{"workload=latency", "round=3", "writers=2", "readers=2", "share=writers", "spread=broadcast"},
		{"rate=2k", "buffer-timeout=0s", "readers=4"},
		{"rate=2k", "buffer-timeout=never", "key-count=1"},
		{"workload=trace", "trace=flights", "speed=10000000000", "channels=7", "readers=7", "writers=3"},
	} {
		t.Run(strings.Join(changes, ","), func(t *testing.T) {
			if n := local(t, short(t, changes...)); n == 0 {
				t.Error("nothing was received")
			}
		})
	}
}

// The record loops allocate nothing per record.
func TestRecordLoopsDoNotAllocate(t *testing.T) {
	for _, changes := range [][]string{{"workload=longs"}, {"workload=longs", "size=100"}, {"workload=longs", "spread=broadcast"}, {"rate=max"}} {
		local(t, short(t, changes...)) // pools and tables that are made once
		before := allocated()
		n := local(t, short(t, changes...))
		if made := allocated() - before; float64(made) > 20_000+0.001*float64(n) {
			t.Errorf("%v: %d allocations for %d records", changes, made, n)
		}
	}
}

// A speed replays a trace at that speed, however long the trial is; without one, it fits exactly.
func TestRecordingTimes(t *testing.T) {
	l := NewCase("a").Load
	l.Trace, l.Speed = "flights", 1_000_000
	fast, err := loadRecording(l, 0, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	l.Speed = 0
	fit, err := loadRecording(l, 0, 8*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if rate, err := traceRate(Load{Trace: "flights", Speed: 1_000_000}, time.Second); err != nil || rate < 2570 || rate > 2577 {
		t.Errorf("a million times faster, there are %v flights a second: %v", rate, err)
	}
	const last = 89*24*time.Hour + 21*time.Hour + 40*time.Minute // 1 January 00:47 to 31 March 22:27
	if got := fast.times[19_999]; got != last/1_000_000 {
		t.Errorf("a million times faster, the last flight leaves at %v", got)
	}
	if first, end := fit.times[0], fit.times[19_999]; first != 0 || end >= 8*time.Second || end < 7999*time.Millisecond {
		t.Errorf("within 8s, flights leave from %v to %v", first, end)
	}
	// What several writers send is, together, what one sends.
	l.Writers = 3
	n := 0
	for i := range 3 {
		part, err := loadRecording(l, i, 8*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if len(part.times) == 0 {
			t.Errorf("writer %d has nothing to send", i)
		}
		n += len(part.times)
	}
	if n != 20_000 {
		t.Errorf("%d events in all parts", n)
	}
}

// A trial that is given up ends in all its tasks, with the reason, and everything comes home.
func TestGivenUp(t *testing.T) {
	reason := errors.New("the coordinator has had enough")
	for _, changes := range [][]string{{"workload=longs"}, {"workload=latency"}, {"rate=1k"}, {"rate=1k", "buffer-timeout=never"}} {
		c := short(t, changes...)
		c.Duration = time.Hour
		planned, _ := c.Plan()
		d := &exchange{}
		ctx, giveUp := context.WithCancelCause(t.Context())
		addr, err := d.Open(ctx, harness.Plan{Roles: []string{harness.RoleSource, harness.RoleSink}, Params: planned.Params, Warmup: c.Warmup, Duration: c.Duration})
		if err == nil {
			err = d.Connect(ctx, []string{addr})
		}
		if err != nil {
			t.Fatal(err)
		}
		clock := pace.Monotonic()
		window := harness.Window{Begin: clock(), Measure: clock(), End: clock() + int64(time.Hour)}
		ends := make(chan error, 2)
		go func() {
			s := d.Sources()[0]
			ends <- s.Run(ctx, harness.NewSourceTask(clock, window, 1, s.Channels))
		}()
		go func() { ends <- d.Sinks()[0].Run(ctx, harness.NewSinkTask(clock, window)) }()
		time.AfterFunc(30*time.Millisecond, func() { giveUp(reason) })
		for range 2 {
			if err := <-ends; err == nil {
				t.Errorf("%v: a task ended as if nothing had happened", changes)
			}
		}
		if err := d.Close(); err != nil {
			t.Errorf("%v: %v", changes, err)
		}
	}
}

// What a worker cannot do is said when it opens or connects, and leaves nothing behind.
func TestBadPlans(t *testing.T) {
	params := func(change func(*Params)) json.RawMessage {
		p := NewCase("a").Params
		change(&p)
		raw, _ := json.Marshal(p)
		return raw
	}
	both := []string{harness.RoleSource, harness.RoleSink}
	for name, c := range map[string]struct {
		params json.RawMessage
		addrs  []string
		want   string
	}{
		"unknown parameter": {json.RawMessage(`{"speeed":1}`), nil, `unknown field "speeed"`},
		"too few segments":  {params(func(p *Params) { p.Segments = 4 }), nil, "insufficient number of network buffers"},
		"two producers":     {params(func(*Params) {}), []string{"a:1", "b:1"}, "two workers with sources"},
		"no trace":          {params(func(p *Params) { p.Workload, p.Trace = Trace, "nowhere" }), nil, `no trace is called "nowhere"`},
		"bad address":       {params(func(p *Params) { p.Listen = "256.0.0.1:0" }), nil, "256.0.0.1"},
	} {
		d := &exchange{}
		addr, err := d.Open(t.Context(), harness.Plan{Roles: both, Params: c.params, Duration: time.Second})
		if err == nil {
			if c.addrs == nil {
				c.addrs = []string{addr}
			}
			err = d.Connect(t.Context(), c.addrs)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := d.Close(); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
	}
}
