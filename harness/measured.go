// measured.go: a trial's document, out of what its workers measured.

package harness

import (
	"fmt"
	"slices"
	"time"

	"xbench/results"
)

const (
	// A schedule lag of more than a tenth of the latency that it is contained in bends that
	// latency visibly; below 200 us it is what this kind of machine does.
	lagShare = 10
	lagMinNs = int64(200 * time.Microsecond)
	// A source that ends further behind its schedule than this did not sustain the rate.
	behindMaxNs = int64(100 * time.Millisecond)
)

// measured tells what the trial measured. err is what ended it early, nil when nothing did.
// Its numbers stand also when it is not to be used, as far as there are any.
func (t *trial) measured(err error) (results.Trial, []string) {
	r := results.Trial{Number: t.number, Seed: t.seed}
	r.Outcome = results.Pass
	r.Waits = []results.Wait{}
	if t.complete() {
		t.books(&r)
		t.rates(&r)
		t.latencies(&r)
	}
	for worker, c := range t.stats {
		if c != nil {
			t.add(&r, worker, c)
		}
	}
	if t.complete() {
		plausible(&r)
	}
	if t.interrupted != nil {
		r.Outcome = r.Outcome.Worse(results.Interrupted)
		r.Reason = because(fmt.Sprintf("interrupted (%s)", t.interrupted), r.Reason)
	}
	if err != nil {
		outcome := results.Failed
		if e, ok := err.(*ending); ok {
			outcome = e.outcome
		}
		r.Outcome, r.Reason = r.Outcome.Worse(outcome), because(err.Error(), r.Reason)
		r.Verified = false
	}
	return r, t.doubts
}

// complete reports whether the tasks of all workers have ended.
func (t *trial) complete() bool {
	return len(t.reports) > 0 && !slices.Contains(t.reports, nil)
}

// because puts the reason of a reason in front.
func because(first, then string) string {
	if then == "" {
		return first
	}
	return first + "; " + then
}

// books verifies.
func (t *trial) books(r *results.Trial) {
	b, err := newBooks(t.sources, t.reports)
	if err != nil {
		r.Invalidate(err.Error())
		return
	}
	r.RecordsSent, r.RecordsReceived = b.totals()
	if differ := b.verify(t.sources); differ != "" {
		r.Invalidate(differ)
		return
	}
	r.Verified = r.RecordsReceived > 0
}

// rates are throughput and cost in the measured window.
func (t *trial) rates(r *results.Trial) {
	end := t.window.End
	for _, f := range t.reports {
		end = min(end, f.End)
		for _, s := range f.Sinks {
			r.RecordsPerSec += s.Span.perSecond()
			r.Sinks = append(r.Sinks, results.Sink{Name: s.Name, RecordsPerSec: s.Span.perSecond(), Records: s.Span.Records})
			if s.Span.Records > 0 && s.Span.perSecond() == 0 {
				t.doubt("sink %s received in one batch all that it received in the measured window: "+
					"its %d records are missing in the throughput", s.Name, s.Span.Records)
			}
		}
	}
	r.Measured = t.begun.Add(t.c.Warmup).UTC()
	r.MeasuredNs = max(0, end-t.window.Measure)
	var busy float64 // processors in use
	for _, c := range t.stats {
		if c != nil && c.CPU.Wall > 0 {
			busy += float64(c.CPU.Ns) / float64(c.CPU.Wall)
		}
	}
	if r.RecordsPerSec > 0 {
		r.CPUNsPerRecord = busy * 1e9 / r.RecordsPerSec
	}
}

// latencies are the merged distributions.
func (t *trial) latencies(r *results.Trial) {
	latency, lag := newRecorder(), newRecorder()
	var behind int64
	var planned, sent uint64
	for _, f := range t.reports {
		for _, s := range f.Sinks {
			if err := latency.addRecording(s.Latency); err != nil {
				r.Invalidate(err.Error())
			}
		}
		for _, s := range f.Sources {
			if err := lag.addRecording(s.Lag); err != nil {
				r.Invalidate(err.Error())
			}
			behind = max(behind, s.Behind)
			planned += s.Planned
			sent += s.Sent
		}
	}
	r.Latency, r.Histogram = latency.latency(), latency.histogram
	r.ScheduleLag, r.LagHistogram = lag.latency(), lag.histogram
	if latency.refused > 0 {
		r.Invalidate(fmt.Sprintf("%d latencies are impossible, the first of %d ns: "+
			"intended and received are not of the same clock", latency.refused, latency.refusal))
	}
	if lag.refused > 0 {
		r.Invalidate(fmt.Sprintf("%d schedule lags are impossible, the first of %d ns", lag.refused, lag.refusal))
	}
	if limit := max(lagMinNs, r.Latency.P99/lagShare); r.ScheduleLag.Count > 0 && r.ScheduleLag.P99 > limit {
		t.doubt("the generator was late: p99 of the schedule lag is %s, over the limit of %s "+
			"(a tenth of the latency's p99, at least %s)", micros(r.ScheduleLag.P99), micros(limit), micros(lagMinNs))
	}
	if behind > behindMaxNs && t.interrupted == nil {
		t.doubt("the planned rate was not sustained: at the end a source was %s behind, "+
			"and %d of %d records were sent", micros(behind), sent, planned)
	}
}

func micros(ns int64) time.Duration { return time.Duration(ns).Round(time.Microsecond) }

// add takes over what one worker's driver knows.
func (t *trial) add(r *results.Trial, worker int, c *closed) {
	r.BytesOnWire += c.Stats.BytesOnWire
	r.BytesOfRecords += c.Stats.Bytes.Records
	r.BytesExpected += c.Stats.Bytes.Expected
	r.BytesReceived += c.Stats.Bytes.Received
	for _, w := range c.Stats.Waits {
		r.Waits = addWait(r.Waits, results.Wait{Role: w.Role, Reason: w.Reason, Count: w.Count, Ns: w.Ns})
	}
	if c.Error != "" {
		r.Invalidate(fmt.Sprintf("worker %d: %s", worker, c.Error))
	}
}

// extraBytesShare is what sockets may carry beyond the frames, as a part of them: TLS adds 22 bytes to a record of up to 16 KiB, but small writes
// make small records. extraBytesMax is for handshakes.
const (
	extraBytesShare = 2
	extraBytesMax   = 64 << 10
)

// plausible makes a trial invalid whose sockets did not carry what its records need: then they came another way, or did not come; or whose sockets
// carried much more. What is not known is not judged.
func plausible(r *results.Trial) {
	received, expected := r.BytesReceived, r.BytesExpected
	switch {
	case received == 0 || expected == 0:
	case received < expected:
		r.Invalidate(fmt.Sprintf("the sockets received %d bytes, fewer than the %d that the frames take (records alone: %d)", received, expected, r.BytesOfRecords))
	case received > expected+expected/extraBytesShare+extraBytesMax:
		r.Invalidate(fmt.Sprintf("the sockets received %d bytes, many more than the %d that the frames take", received, expected))
	}
}

// addWait adds w to those of the same role and reason.
func addWait(sum []results.Wait, w results.Wait) []results.Wait {
	for i := range sum {
		if sum[i].Role == w.Role && sum[i].Reason == w.Reason {
			sum[i].Count += w.Count
			sum[i].Ns += w.Ns
			return sum
		}
	}
	return append(sum, w)
}

func (t *trial) doubt(format string, args ...any) {
	t.doubts = append(t.doubts, fmt.Sprintf(format, args...))
}
