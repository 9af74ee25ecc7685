// trial.go: one trial as the coordinator conducts it: workers up, one start, one end, workers gone.

package harness

import (
	"context"
	"fmt"
	"os"
	"time"
)

// startLead is how long before the begin the workers are told of it: long enough for the
// message to arrive on a busy machine.
const startLead = 50 * time.Millisecond

// trial is one trial of a case. One goroutine conducts it; what the workers do reaches it as events.
type trial struct {
	c      *Case
	number int
	seed   uint64
	o      *Options
	clock  func() int64

	workers     []*member
	events      chan event
	watchdog    *time.Timer
	settled     <-chan time.Time // the first failure is the reason, unless a lost worker shows until then
	failure     *ending          // the first that a worker told of
	window      Window           // zero before start
	begun       time.Time        // wall clock at window.Begin
	interrupted os.Signal        // nil: not

	sources map[int]sourceName // by index
	reports []*finished        // by worker
	stats   []*closed          // by worker
	doubts  []string
}

// member is a worker and where it is in the conversation.
type member struct {
	*process
	progress progress
	waited   bool             // the answer that all are asked for has not come yet
	failed   bool             // said so, and will end
	leaving  bool             // said closed, and will end
	mute     bool             // no message will come
	gone     *os.ProcessState // it has ended
	stacks   []byte           // the answer to dump
	patience *time.Timer      // kills a worker that is mute and does not end
}

// run conducts the trial. An error is an *ending, or the world's; whatever it is, no worker
// is left when run returns.
func (t *trial) run(ctx context.Context) (err error) {
	timeout := t.o.Timeout
	if timeout == 0 {
		timeout = TimeoutOf(*t.c)
	}
	t.watchdog = time.NewTimer(timeout)
	defer t.watchdog.Stop()
	t.events = make(chan event)
	defer func() {
		if ended := t.dismiss(err); err == nil {
			err = ended
		}
	}()
	if err := t.assemble(ctx); err != nil {
		return err
	}
	t.begin()
	return t.finish(ctx)
}

// assemble starts the workers and leads them to where they only wait for the start.
func (t *trial) assemble(ctx context.Context) error {
	for i, roles := range t.c.roles() {
		p, err := startProcess(i, roles, t.o.worker(), t.events)
		if err != nil {
			return err
		}
		t.workers = append(t.workers, &member{process: p})
	}
	t.reports, t.stats = make([]*finished, len(t.workers)), make([]*closed, len(t.workers))
	err := t.collect(ctx, func(w *member, m *message) (bool, error) {
		if m.Hello == nil {
			return false, nil
		}
		return true, m.Hello.check()
	})
	if err != nil {
		return err
	}
	for _, w := range t.workers {
		t.tell(w, message{Plan: t.plan(w.process)})
	}
	addrs := make([]string, len(t.workers))
	err = t.collect(ctx, func(w *member, m *message) (bool, error) {
		if m.Opened == nil {
			return false, nil
		}
		addrs[w.index] = m.Opened.Addr
		return true, nil
	})
	if err != nil {
		return err
	}
	t.tellAll(message{Peers: &peers{Addrs: addrs}})
	t.sources = map[int]sourceName{}
	sinks := 0
	err = t.collect(ctx, func(w *member, m *message) (bool, error) {
		if m.Connected == nil {
			return false, nil
		}
		sinks += len(m.Connected.Sinks)
		return true, t.enrol(m.Connected.Sources)
	})
	if err == nil && (len(t.sources) == 0 || sinks == 0) {
		err = fmt.Errorf("driver %s: %d sources and %d sinks; each is needed", t.c.Driver, len(t.sources), sinks)
	}
	return err
}

func (t *trial) plan(p *process) *Plan {
	return &Plan{
		Case: t.c.Name, Trial: t.number, Worker: p.index, Workers: len(t.c.roles()), Roles: p.roles,
		Driver: t.c.Driver, Params: t.c.Params, Seed: t.seed, Loop: t.c.Loop,
		Warmup: t.c.Warmup, Duration: t.c.Duration,
	}
}

// enrol notes the sources of one worker.
func (t *trial) enrol(sources []sourceName) error {
	for _, s := range sources {
		if other, taken := t.sources[s.Index]; taken || s.Channels < 1 {
			return fmt.Errorf("driver %s: source %s has number %d and %d channels; number taken by %q",
				t.c.Driver, s.Name, s.Index, s.Channels, other.Name)
		}
		t.sources[s.Index] = s
	}
	return nil
}

// begin gives all workers the same instants.
func (t *trial) begin() {
	begin := t.clock() + int64(startLead)
	measure := begin + int64(t.c.Warmup)
	t.window = Window{Begin: begin, Measure: measure, End: measure + int64(t.c.Duration)}
	t.begun = time.Now().Add(startLead)
	t.tellAll(message{Start: &t.window})
}

// finish waits for the tasks, and then lets the workers close their drivers.
func (t *trial) finish(ctx context.Context) error {
	err := t.collect(ctx, func(w *member, m *message) (bool, error) {
		t.reports[w.index] = m.Finished
		return m.Finished != nil, nil
	})
	if err != nil {
		return err
	}
	t.tellAll(message{Bye: nothing})
	return t.collect(ctx, func(w *member, m *message) (bool, error) {
		t.stats[w.index] = m.Closed
		w.leaving = m.Closed != nil
		return w.leaving, nil
	})
}

func (t *trial) tellAll(m message) {
	for _, w := range t.workers {
		t.tell(w, m)
	}
}

// tell sends m to one worker. If that does not work the worker is most likely gone: then its
// end arrives as an event, and is the better reason.
func (t *trial) tell(w *member, m message) {
	if err := w.tell(m); err != nil {
		t.fail(fmt.Sprintf("%v: %v", w, err))
	}
}

// phase is where the trial is now.
func (t *trial) phase() Phase {
	switch now := t.clock(); {
	case t.window == Window{} || now < t.window.Begin:
		return Starting
	case t.interrupted != nil || now >= t.window.End:
		return Draining
	case now < t.window.Measure:
		return Warmup
	default:
		return Measured
	}
}

// tellProgress calls back.
func (t *trial) tellProgress() {
	if t.o.Progress == nil {
		return
	}
	p := Progress{
		Case: t.c.Name, Trial: t.number, Trials: t.c.Trials,
		Phase: t.phase(), Planned: t.c.Warmup + t.c.Duration,
	}
	if t.window != (Window{}) {
		p.Elapsed = time.Duration(t.clock() - t.window.Begin)
	}
	for _, w := range t.workers {
		p.Workers = append(p.Workers, WorkerProgress{PID: w.pid, Roles: w.roles, Sent: w.progress.Sent, Received: w.progress.Received})
	}
	t.o.Progress(p)
}
