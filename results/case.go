// case.go: the documents of a case and of one trial, and how a case's numbers come from its trials'.

package results

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Config is what makes two cases of the same name comparable: if one of these differs,
// the numbers mean something else. Its keys stand beside the others of a case.
type Config struct {
	Processes   int     `json:"processes"`       // workers: 1 holds all tasks, 2 are sources and sinks apart
	Loop        string  `json:"loop"`            // "open" (records are due at planned instants) or "closed"
	RatePerSec  float64 `json:"rate_per_sec"`    // planned records per second of an open loop; 0 when closed
	Connections int     `json:"connections"`     // TCP connections that carry data
	Segments    int     `json:"segments"`        // network buffers of all workers together
	SegmentSize int     `json:"segment_size"`    // bytes of one
	Exclusive   int     `json:"exclusive"`       // buffers that each channel owns
	Floating    int     `json:"floating"`        // buffers that a gate's channels share
	WarmupNs    int64   `json:"warmup_ns"`       // before the measured window, per trial
	DurationNs  int64   `json:"duration_ns"`     // length of the measured window, per trial, as planned
	Trace       string  `json:"trace,omitempty"` // the trace that says when and what, "" for a synthetic case

	BufferTimeoutNs   int64     `json:"buffer_timeout_ns"`  // how long a record may wait for its buffer to fill; -1: for ever
	CongestionControl string    `json:"congestion_control"` // of the data connections, as the kernel says; "unknown"
	TLS               string    `json:"tls"`                // version and cipher suite that were negotiated; "none", "unknown"
	Checks            string    `json:"checks"`             // what the sinks look at in every record; "unknown"
	Runtimes          []Runtime `json:"runtimes"`           // Go's settings, per worker

	Params json.RawMessage `json:"params,omitempty"` // all that the driver was told, in its own words
}

// Runtime is how Go was set up in one worker.
type Runtime struct {
	Roles      []string `json:"roles"`
	GOMAXPROCS int      `json:"gomaxprocs"`
	GOGC       int      `json:"gogc"`             // percent; -1: off
	GOMEMLIMIT uint64   `json:"gomemlimit_bytes"` // 0: none
}

// Wait is how long the tasks of one role stood still for one reason, added up.
type Wait struct {
	Role   string `json:"role"`   // "source", "sink"
	Reason string `json:"reason"` // "pool", "credit", "socket", "input", "schedule"
	Count  uint64 `json:"count"`
	Ns     int64  `json:"ns"`
}

// Numbers are what a trial and a case have in common.
//
// RecordsSent, RecordsReceived and all bytes count everything, warm-up included: they
// are the scope of the verification. The others speak about the measured window only.
type Numbers struct {
	Outcome         Outcome `json:"outcome"`
	Reason          string  `json:"reason"`   // why the outcome is not pass; "" when it is
	Verified        bool    `json:"verified"` // every record arrived once, in order and unchanged, on every channel
	RecordsSent     uint64  `json:"records_sent"`
	RecordsReceived uint64  `json:"records_received"`
	RecordsPerSec   float64 `json:"records_per_sec"`
	BytesOnWire     uint64  `json:"bytes_on_wire"`     // data sockets only, both directions
	BytesOfRecords  uint64  `json:"bytes_of_records"`  // what the records received take, framed; 0: not known, as the next two
	BytesExpected   uint64  `json:"bytes_expected"`    // those, and the headers, events and announcements that came with them
	BytesReceived   uint64  `json:"bytes_received"`    // by the sinks' data sockets, as the kernel counts: under TLS with what that adds
	CPUNsPerRecord  float64 `json:"cpu_ns_per_record"` // user and system time of all workers
	Latency         Latency `json:"latency_ns"`        // from the intended instant; closed loop: of the sampled records
	ScheduleLag     Latency `json:"schedule_lag_ns"`   // how late the generator itself was; count 0 in a closed loop
	Waits           []Wait  `json:"waits"`
}

// Trial is one repetition of a case, in fresh worker processes.
type Trial struct {
	Number     int       `json:"trial"`       // from 1
	Seed       uint64    `json:"seed"`        // this trial's own
	Measured   time.Time `json:"measured"`    // when the measured window began, UTC
	MeasuredNs int64     `json:"measured_ns"` // how long it was in fact
	Numbers
	Sinks []Sink `json:"sinks,omitempty"` // what each sink received

	// Histogram is the whole distribution of Latency in nanoseconds, merged over the
	// sinks; nil when nothing was recorded. It goes to latency.hlog, not to run.json.
	Histogram *hdrhistogram.Histogram `json:"-"`
	// LagHistogram is the same for ScheduleLag.
	LagHistogram *hdrhistogram.Histogram `json:"-"`
}

// Sink is one sink's part of a trial: where one of them stands still, it shows what that does to the others.
type Sink struct {
	Name          string  `json:"name"`
	RecordsPerSec float64 `json:"records_per_sec"` // between its first and its last batch in the measured window
	Records       uint64  `json:"records"`         // in the measured window
}

// Case is one workload with its parameters, and the trials that were made of it.
type Case struct {
	Name   string `json:"name"`
	Driver string `json:"driver"` // what was under test: "exchange", or a rival
	Config
	Numbers
	Trials []Trial `json:"trials"`
}

// Invalidate marks n as a measurement not to be used, and says why. The first reason stays.
func (n *Numbers) Invalidate(reason string) {
	if n.Outcome = n.Outcome.Worse(Invalid); n.Reason == "" {
		n.Reason = reason
	}
}

// Summarize fills in the numbers of c from those of its trials. To be called after each
// trial, and before the case is written.
//
// Counts, bytes and waits are sums over all trials. Rates and costs are medians over the
// trials that passed (over all of them when none did): one trial with a bad neighbour does
// not move them. Latencies are those of the merged histograms, never an average of
// percentiles. A trial that claims to have passed but measured nothing, or a number that
// is not finite, is made invalid here, so that no driver can pass by silence. The outcome
// is the worst of the trials', with its reason; no trials at all are invalid.
func (c *Case) Summarize() {
	c.Numbers = Numbers{Outcome: Pass, Verified: len(c.Trials) > 0}
	if len(c.Trials) == 0 {
		c.Invalidate("nothing measured: no trial was made")
	}
	for i := range c.Trials {
		t := &c.Trials[i]
		t.judge()
		if worse := c.Outcome.Worse(t.Outcome); worse != c.Outcome {
			c.Outcome, c.Reason = worse, fmt.Sprintf("trial %d: %s", t.Number, t.Reason)
		}
		c.Verified = c.Verified && t.Verified
		c.RecordsSent += t.RecordsSent
		c.RecordsReceived += t.RecordsReceived
		c.BytesOnWire += t.BytesOnWire
		c.BytesOfRecords += t.BytesOfRecords
		c.BytesExpected += t.BytesExpected
		c.BytesReceived += t.BytesReceived
		c.Waits = addWaits(c.Waits, t.Waits)
	}
	good := c.usable()
	c.RecordsPerSec = medianOf(good, func(t *Trial) float64 { return t.RecordsPerSec })
	c.CPUNsPerRecord = medianOf(good, func(t *Trial) float64 { return t.CPUNsPerRecord })
	c.Latency = mergedLatency(good, func(t *Trial) (Latency, *hdrhistogram.Histogram) { return t.Latency, t.Histogram })
	c.ScheduleLag = mergedLatency(good, func(t *Trial) (Latency, *hdrhistogram.Histogram) { return t.ScheduleLag, t.LagHistogram })
}

// judge makes a trial invalid that passed without having measured anything.
func (t *Trial) judge() {
	if t.Outcome == "" {
		t.Outcome = Pass
	}
	for _, v := range []*float64{&t.RecordsPerSec, &t.CPUNsPerRecord} {
		if math.IsNaN(*v) || math.IsInf(*v, 0) {
			*v = 0
			t.Invalidate("nothing measured: a rate over an empty window")
		}
	}
	if t.Outcome != Pass {
		return
	}
	switch {
	case !t.Verified:
		t.Invalidate("the records were not verified")
	case t.RecordsReceived == 0 || t.RecordsPerSec <= 0:
		t.Invalidate("nothing measured: no record arrived in the measured window")
	case t.Latency.Count == 0:
		t.Invalidate("nothing measured: no latency sample in the measured window")
	}
}

// usable are the trials whose numbers stand for the case: those that passed, else all.
func (c *Case) usable() []*Trial {
	var all, passed []*Trial
	for i := range c.Trials {
		all = append(all, &c.Trials[i])
		if c.Trials[i].Outcome == Pass {
			passed = append(passed, &c.Trials[i])
		}
	}
	if len(passed) > 0 {
		return passed
	}
	return all
}

// medianOf is the median of one number of the trials, 0 without any.
func medianOf(trials []*Trial, number func(*Trial) float64) float64 {
	if len(trials) == 0 {
		return 0
	}
	v := make([]float64, 0, len(trials))
	for _, t := range trials {
		v = append(v, number(t))
	}
	slices.Sort(v)
	mid := len(v) / 2
	if len(v)%2 == 1 {
		return v[mid]
	}
	return (v[mid-1] + v[mid]) / 2
}

// addWaits adds more to sum, per role and reason, in the order in which they first appear.
func addWaits(sum, more []Wait) []Wait {
	for _, w := range more {
		i := slices.IndexFunc(sum, func(s Wait) bool { return s.Role == w.Role && s.Reason == w.Reason })
		if i < 0 {
			sum = append(sum, w)
			continue
		}
		sum[i].Count += w.Count
		sum[i].Ns += w.Ns
	}
	return sum
}
