// conduct.go: the run: case by case, round by round, everybody in turn.

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"xbench/harness"
	"xbench/results"
	"xbench/workloads/rivals/field"
)

// conductor makes the trials of a run, one at a time.
type conductor struct {
	o         options
	progress  io.Writer
	interrupt <-chan os.Signal
	stopped   bool // by a signal: what was measured until then stands
	failed    error
}

// trialTimeout is what a trial may take beyond its window three times over; a system that hangs ends with it.
const trialTimeout = 15 * time.Second

// run makes all rounds of all cases, or as many as it comes to.
func (c *conductor) run(ctx context.Context) report {
	r := report{
		Schema: schema, Started: time.Now().UTC(), Host: results.ReadHost(),
		Seed: c.o.seed, Rounds: c.o.rounds, WarmupNs: int64(c.o.warmup), DurationNs: int64(c.o.duration),
	}
	for _, w := range c.o.cases {
		var rounds []round
		for n := 1; n <= c.o.rounds && !c.over(); n++ {
			if turn := c.round(ctx, w, n); len(turn.samples) > 0 {
				rounds = append(rounds, turn)
			}
		}
		if len(rounds) > 0 {
			r.Cases = append(r.Cases, reportOf(w, c.o.systems, rounds))
		}
	}
	r.Interrupted = c.stopped
	return r
}

func (c *conductor) over() bool { return c.stopped || c.failed != nil }

// round measures the limits and all systems, in an order that the seed and the round's number give.
func (c *conductor) round(ctx context.Context, w workload, n int) round {
	r := round{limits: limits{size: w.spec.Size, streamPerS: missing, byteNs: missing, pingPongNs: missing}, samples: map[string]sample{}}
	seed := c.o.seed<<16 + uint64(n)
	turns := []func(){func() { c.limit(ctx, w, n, seed, &r.limits) }}
	for _, s := range c.o.systems {
		turns = append(turns, func() {
			sample := c.measure(ctx, w, s, seed)
			if c.over() {
				return
			}
			r.samples[s.Name] = sample
			fmt.Fprintf(c.progress, "%s  round %d/%d  %-12s  %s\n", w.name, n, c.o.rounds, s.Name, sample.brief(w.kind))
		})
	}
	rand.New(rand.NewPCG(seed, uint64(w.spec.Channels))).Shuffle(len(turns), func(i, k int) { turns[i], turns[k] = turns[k], turns[i] })
	for _, turn := range turns {
		if !c.over() {
			turn()
		}
	}
	return r
}

// measure makes the trials that one sample takes.
func (c *conductor) measure(ctx context.Context, w workload, s field.System, seed uint64) sample {
	free := w.spec
	if w.kind != stalled {
		return measuredSample(c.trial(ctx, w, s, free, seed))
	}
	sample := measuredSample(c.trial(ctx, w, s, free, seed))
	if sample.invalid != "" || c.over() {
		return sample
	}
	half := w.spec
	half.Rate, half.Stalled = max(1, uint64(sample.recordsPerMs*1e3/2)), true
	r := c.trial(ctx, w, s, half, seed)
	sample.invalid = invalid(r, true)
	sample.planned = float64(half.Rate) / 1e3
	sample.healthy = healthyPercent(r, half, c.o.duration)
	return sample
}

func (c *conductor) trial(ctx context.Context, w workload, s field.System, spec field.Spec, seed uint64) results.Trial {
	hc, err := field.Case(s, spec, w.name, seed, c.o.warmup, c.o.duration)
	if err != nil {
		c.failed = err
		return results.Trial{}
	}
	return c.make(ctx, hc)
}

// limit measures what a case is compared with, in one trial of its own.
func (c *conductor) limit(ctx context.Context, w workload, n int, seed uint64, to *limits) {
	name := map[kind]string{throughput: field.LimitStream, latency: field.LimitPingPong}[w.kind]
	if name == "" {
		return
	}
	r := c.make(ctx, field.LimitCase(name, seed, c.o.warmup, c.o.duration))
	said := fmt.Sprintf("%s: %s", r.Outcome, r.Reason)
	switch {
	case c.over():
		return
	case r.Outcome != results.Pass: // the round's systems have no bound then
	case w.kind == throughput:
		to.loops = field.MeasureLoops(w.spec.Size)
		to.streamPerS, to.byteNs = r.RecordsPerSec*field.LimitWrite, r.CPUNsPerRecord/field.LimitWrite
		said = fmt.Sprintf("%.2f GB/s, %.3f ns CPU/byte: %s rec/ms", to.streamPerS/1e9, to.byteNs, count(to.recordsPerMs()))
	default:
		to.pingPongNs = float64(r.Latency.P50)
		said = fmt.Sprintf("ping-pong p50 %s us", micros(to.pingPongNs))
	}
	fmt.Fprintf(c.progress, "%s  round %d/%d  %-12s  %s\n", w.name, n, c.o.rounds, "limits", said)
}

// make makes a trial, and notes when it was the last.
func (c *conductor) make(ctx context.Context, hc harness.Case) results.Trial {
	r := harness.Run(ctx, hc, harness.Options{
		Timeout:   trialTimeout + 3*(hc.Warmup+hc.Duration),
		Interrupt: c.interrupt,
	})
	if r.Case.Outcome == results.Interrupted {
		c.stopped = true
	}
	if len(r.Case.Trials) == 0 {
		return results.Trial{Numbers: results.Numbers{Outcome: r.Case.Outcome, Reason: r.Case.Reason}}
	}
	return r.Case.Trials[0]
}

// brief is a sample in a line of progress.
func (s sample) brief(k kind) string {
	switch {
	case s.invalid != "":
		return "invalid: " + s.invalid
	case k == latency:
		return fmt.Sprintf("p50 %s us, p99 %s us", micros(s.p50), micros(s.p99))
	case k == stalled:
		return fmt.Sprintf("%s rec/ms at most, of %s planned the healthy got %.1f %%", count(s.recordsPerMs), count(s.planned), s.healthy)
	}
	return fmt.Sprintf("%s rec/ms, %s ns CPU", count(s.recordsPerMs), short(s.cpuNs))
}

// exit is what the run means for the process.
func (c *conductor) exit(r report) results.ExitCode {
	for _, k := range r.Cases {
		if slices.ContainsFunc(k.Rows, func(row row) bool { return len(row.Invalid) > 0 }) {
			return results.ExitInvalid
		}
	}
	return results.ExitPass
}
