// worker_tasks.go: one worker's sources and sinks while they run, and what they measured.

package harness

import (
	"context"
	"fmt"
	"runtime/pprof"
	"time"
)

// progressEvery is how often a worker says how far it is.
const progressEvery = 200 * time.Millisecond

// tasks are the sources and sinks of one worker in one trial.
type tasks struct {
	window      *window
	meter       *meter
	sources     []Source
	sourceTasks []*SourceTask
	sinks       []Sink
	sinkTasks   []*SinkTask
}

func newTasks(p Plan, at Window, clock func() int64, sources []Source, sinks []Sink) *tasks {
	t := &tasks{window: newWindow(at), meter: newMeter(at, clock()), sources: sources, sinks: sinks}
	for _, s := range sources {
		t.sourceTasks = append(t.sourceTasks, newSourceTask(clock, t.window, mix(p.Seed, uint64(s.Index)), s.Channels))
	}
	for range sinks {
		t.sinkTasks = append(t.sinkTasks, newSinkTask(clock, t.window))
	}
	return t
}

// mix makes the seed of one part out of that of the whole: a step of the generator
// splitmix64, started n steps away.
func mix(seed, n uint64) uint64 {
	z := seed + (n+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// start runs every task in a goroutine of its own, which a profile shows by role and name.
// Each sends how it ended, once.
func (t *tasks) start(ctx context.Context) <-chan error {
	ended := make(chan error, len(t.sources)+len(t.sinks))
	begin := func(role, name string, run func(ctx context.Context) error) {
		go pprof.Do(ctx, pprof.Labels("role", role, "task", name), func(ctx context.Context) {
			err := run(ctx)
			if err != nil {
				err = fmt.Errorf("%s %s: %w", role, name, err)
			}
			ended <- err
		})
	}
	for i, s := range t.sinks {
		begin(RoleSink, s.Name, func(ctx context.Context) error { return s.Run(ctx, t.sinkTasks[i]) })
	}
	for i, s := range t.sources {
		begin(RoleSource, s.Name, func(ctx context.Context) error { return s.Run(ctx, t.sourceTasks[i]) })
	}
	return ended
}

// progress adds up how far the tasks are. It may be asked while they run.
func (t *tasks) progress() *progress {
	p := &progress{}
	for _, s := range t.sourceTasks {
		p.Sent += s.sent.Load()
	}
	for _, s := range t.sinkTasks {
		p.Received += s.received.Load()
	}
	return p
}

// run lets the tasks work until all of them have ended, or one of them failed. Meanwhile it
// tells the progress, looks at the meter and sees to orders.
func (w *worker) run(ctx context.Context) (*finished, error) {
	t := w.tasks
	ended := t.start(ctx)
	every := time.NewTicker(progressEvery)
	defer every.Stop()
	for left := cap(ended); left > 0; {
		select {
		case err := <-ended:
			if err != nil {
				return nil, err
			}
			left--
		case <-every.C:
			if err := w.control.send(message{Progress: t.progress()}); err != nil {
				return nil, err
			}
		case <-t.meter.timer.C:
			t.meter.look(w.clock())
		case m := <-w.orders:
			if done, err := w.anytime(m); err != nil {
				return nil, err
			} else if !done {
				return nil, unexpected(m, "nothing, while the tasks run")
			}
		}
	}
	if err := w.control.send(message{Progress: t.progress()}); err != nil {
		return nil, err
	}
	return t.report()
}

// report is what the tasks measured. All of them have ended.
func (t *tasks) report() (*finished, error) {
	f := &finished{End: t.window.end.Load()}
	for i, s := range t.sourceTasks {
		r, err := s.report(t.sources[i].Index)
		if err != nil {
			return nil, err
		}
		f.Sources = append(f.Sources, r)
	}
	for i, s := range t.sinkTasks {
		r, err := s.report(t.sinks[i].Name)
		if err != nil {
			return nil, err
		}
		f.Sinks = append(f.Sinks, r)
	}
	return f, nil
}

func (t *SourceTask) report(index int) (sourceReport, error) {
	r := sourceReport{Index: index, Ledger: t.Ledger.lines(), Sent: t.sent.Load()}
	if t.pacer != nil {
		r.Planned, r.Behind = t.pacer.Planned()*t.burst, t.pacer.Behind()
	}
	var err error
	r.Lag, err = t.lag.recording()
	return r, err
}

func (t *SinkTask) report(name string) (sinkReport, error) {
	r := sinkReport{Name: name, Received: t.received.Load(), Span: t.span}
	for source, l := range t.ledgers {
		r.Ledgers = append(r.Ledgers, sinkLedger{Source: source, Entries: l.lines()})
	}
	var err error
	r.Latency, err = t.latency.recording()
	return r, err
}
