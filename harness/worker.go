// worker.go: a worker process: one driver's tasks under the coordinator's orders.

package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"xbench/harness/pace"
)

// The descriptors that a worker inherits beside the standard ones.
const (
	ordersFD   = 3 + iota // messages from the coordinator
	repliesFD             // messages to it
	lifelineFD            // never carries a byte: it ends when the coordinator does
)

// WorkerMain is the whole of a worker process; its result is the process's exit code. The
// coordinator starts it by executing its own binary with the one argument "worker", so main does
//
//	if len(os.Args) == 2 && os.Args[1] == "worker" {
//		os.Exit(harness.WorkerMain(drivers))
//	}
//
// before it looks at flags, and a test binary that measures does so in TestMain.
//
// A worker says nothing on standard output. What a driver prints, and a panic, reach the coordinator, which
// keeps the end of it for the case that something fails.
func WorkerMain(drivers map[string]NewDriver) int {
	for fd := ordersFD; fd <= lifelineFD; fd++ {
		var s unix.Stat_t
		if unix.Fstat(fd, &s) != nil || s.Mode&unix.S_IFMT != unix.S_IFIFO {
			fmt.Fprintln(os.Stderr, "worker: is started by a coordinator, with descriptors 3 to 5; it cannot be started by hand")
			return 2
		}
		unix.CloseOnExec(fd) // a process that a driver starts must not hold them open
	}
	debug.SetTraceback("all") // a panic, or SIGQUIT, shows every goroutine
	w := &worker{
		drivers: drivers,
		clock:   pace.Monotonic(),
		control: conn{r: os.NewFile(ordersFD, "orders"), w: os.NewFile(repliesFD, "replies")},
		orders:  make(chan message),
	}
	go dieWith(os.NewFile(lifelineFD, "lifeline"))
	go w.listen()
	if err := w.serve(); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		return 1
	}
	return 0
}

// dieWith waits for the end of the lifeline, which says that the coordinator is gone, however it
// went. Nothing is worth finishing then: the worker ends with everything that it started.
func dieWith(lifeline *os.File) {
	_, _ = lifeline.Read(make([]byte, 1))
	if unix.Getpgrp() == os.Getpid() {
		_ = unix.Kill(0, unix.SIGKILL) // the whole process group
	}
	os.Exit(1)
}

// worker is the process's one conversation. Its methods run on the main goroutine, except
// listen and what step and the tasks run.
type worker struct {
	drivers map[string]NewDriver
	clock   func() int64
	control conn
	orders  chan message // from listen
	tasks   *tasks       // nil until start
}

// listen passes the coordinator's messages on. Without a coordinator there is no worker.
func (w *worker) listen() {
	for {
		m, err := w.control.receive()
		if err != nil {
			if err != io.EOF {
				fmt.Fprintln(os.Stderr, "worker:", err)
			}
			os.Exit(1)
		}
		w.orders <- m
	}
}

// serve is the conversation of message.go, seen from the worker.
func (w *worker) serve() error {
	if err := w.control.send(message{Hello: &hello{Version: controlVersion, PID: os.Getpid()}}); err != nil {
		return err
	}
	m, err := w.await()
	if err != nil {
		return err
	}
	if m.Plan == nil {
		return w.fail(unexpected(m, "plan"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := w.trial(ctx, *m.Plan); err != nil {
		return w.fail(err)
	}
	return nil
}

// fail tells the coordinator why this worker ends. The driver is not closed: whatever it
// holds, the end of the process gives back.
func (w *worker) fail(err error) error {
	return errors.Join(err, w.control.send(message{Failed: &failed{Message: err.Error()}}))
}

func (w *worker) trial(ctx context.Context, p Plan) error {
	makeDriver, ok := w.drivers[p.Driver]
	if !ok {
		return fmt.Errorf("no driver is called %q; there are %s", p.Driver, strings.Join(slices.Sorted(maps.Keys(w.drivers)), ", "))
	}
	if p.Loop == Open && p.Holds(RoleSource) && os.Getenv("GOMAXPROCS") == "" {
		// A pacer comes back from the kernel without a processor of the Go scheduler. With one more
		// than there are cores it finds one at once: p90 of the lag 70 us instead of 350 us beside
		// a busy socket. A closed loop gains nothing.
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
	d := makeDriver()
	var addr string
	if err := w.step("open", func() (err error) { addr, err = d.Open(ctx, p); return err }); err != nil {
		return err
	}
	m, err := w.ask(message{Opened: &opened{Addr: addr}})
	if err != nil {
		return err
	}
	if m.Peers == nil {
		return unexpected(m, "peers")
	}
	if err := w.step("connect", func() error { return d.Connect(ctx, m.Peers.Addrs) }); err != nil {
		return err
	}
	sources, sinks := d.Sources(), d.Sinks()
	if m, err = w.ask(message{Connected: announce(sources, sinks)}); err != nil {
		return err
	}
	if m.Start == nil {
		return unexpected(m, "start")
	}
	w.tasks = newTasks(p, *m.Start, w.clock, sources, sinks)
	report, err := w.run(ctx)
	if err != nil {
		return err
	}
	if m, err = w.ask(message{Finished: report}); err != nil {
		return err
	}
	if m.Bye == nil {
		return unexpected(m, "bye")
	}
	last := closed{CPU: w.tasks.meter.stop(w.clock()), Go: goRuntime(p.Roles)}
	if err := w.step("close", func() error { last.Stats = d.Stats(); return d.Close() }); err != nil {
		last.Error = err.Error()
	}
	return w.control.send(message{Closed: &last})
}

func announce(sources []Source, sinks []Sink) *connected {
	c := &connected{}
	for _, s := range sources {
		c.Sources = append(c.Sources, sourceName{Name: s.Name, Index: s.Index, Channels: s.Channels})
	}
	for _, s := range sinks {
		c.Sinks = append(c.Sinks, s.Name)
	}
	return c
}

// ask says something and waits for the next order.
func (w *worker) ask(m message) (message, error) {
	if err := w.control.send(m); err != nil {
		return message{}, err
	}
	return w.await()
}

// await waits for the next order, but sees to those that may come at any time itself.
func (w *worker) await() (message, error) {
	for {
		var look <-chan time.Time
		if w.tasks != nil {
			look = w.tasks.meter.timer.C
		}
		select {
		case m := <-w.orders:
			if done, err := w.anytime(m); !done || err != nil {
				return m, err
			}
		case <-look:
			w.tasks.meter.look(w.clock())
		}
	}
}

// step runs a part of the driver that may take its time, or get stuck: orders for any time
// are seen to meanwhile.
func (w *worker) step(what string, f func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- f() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			return nil
		case m := <-w.orders:
			if done, err := w.anytime(m); err != nil {
				return err
			} else if !done {
				return unexpected(m, "nothing, during "+what)
			}
		}
	}
}

// anytime sees to the orders that may come at any time. It says false for any other.
func (w *worker) anytime(m message) (done bool, err error) {
	switch {
	case m.Dump != nil:
		return true, w.control.send(message{Dumped: &dumped{Stacks: stacks()}})
	case m.Stop != nil && w.tasks != nil:
		now := w.clock()
		w.tasks.window.stop(now)
		w.tasks.meter.stop(now)
		return true, nil
	}
	return false, nil
}

func unexpected(m message, want string) error {
	return fmt.Errorf("%w: %s where %s was expected", errProtocol, m.kind(), want)
}

// stacksBytesMax is how much of a goroutine dump is told. It is far more than one reads, and in
// base64 still a message.
const stacksBytesMax = 8 << 20

// stacks are the stacks of all goroutines.
func stacks() []byte {
	for size := 64 << 10; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size || size >= stacksBytesMax {
			return buf[:n]
		}
	}
}
