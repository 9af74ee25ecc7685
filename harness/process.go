// process.go: a worker as the coordinator sees it: started, heard, and never left behind.

package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// A worker always listens, so a message that stays in the pipe means that it is stuck.
	sendTimeout = 10 * time.Second
	// How long the end of a worker's output is waited for after its own end: something that
	// it started may hold the descriptor.
	outputTimeout = time.Second
)

// process is a worker process. Two goroutines belong to it: live holds the thread that
// started it and waits for its end, listen reads what it says. Both tell the coordinator by events
// and end with the process.
//
// A worker dies with its coordinator by two means. The lifeline is a pipe that nobody
// writes to: it ends when the coordinator does. Should the worker not get to see that
// (it may be stopped, or stuck), the kernel kills it when the thread that started it ends; which is why that
// thread belongs to live alone.
type process struct {
	index    int
	roles    []string
	pid      int
	control  conn
	orders   *os.File // control's writing end
	replies  *os.File // control's reading end
	lifeline *os.File
	output   tail

	mu struct {
		sync.Mutex
		gone bool // it has ended and its number may be given to another process
	}
}

// event is something that a worker did.
type event struct {
	from *process
	said *message         // a message
	mute error            // no further message will come: io.EOF, or what was wrong with its bytes
	gone *os.ProcessState // the process has ended
}

// startProcess starts a worker. From then on, events gets what it does: messages, then one
// mute; and one gone, before or after. All must be received.
func startProcess(index int, roles []string, argv []string, events chan<- event) (*process, error) {
	p := &process{index: index, roles: roles}
	theirs, err := p.pipes()
	if err != nil {
		return nil, fmt.Errorf("worker %d: %w", index, err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	cmd.ExtraFiles = theirs
	cmd.WaitDelay = outputTimeout
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // Ctrl-C in a terminal is for the coordinator alone
		Pdeathsig: syscall.SIGKILL,
	}
	started := make(chan error)
	go p.live(cmd, started, events)
	err = <-started
	for _, f := range theirs {
		f.Close()
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("worker %d: %w", index, err)
	}
	p.pid = cmd.Process.Pid
	go p.listen(events)
	return p, nil
}

// pipes makes the three pipes, and hands out the ends that are the worker's.
func (p *process) pipes() (theirs []*os.File, err error) {
	var all []*os.File
	pipe := func() (r, w *os.File) {
		if err == nil {
			if r, w, err = os.Pipe(); err == nil {
				all = append(all, r, w)
			}
		}
		return r, w
	}
	ordersR, ordersW := pipe()
	repliesR, repliesW := pipe()
	lifelineR, lifelineW := pipe()
	if err != nil {
		for _, f := range all {
			f.Close()
		}
		return nil, err
	}
	p.orders, p.replies, p.lifeline = ordersW, repliesR, lifelineW
	p.control = conn{r: repliesR, w: ordersW}
	return []*os.File{ordersR, repliesW, lifelineR}, nil // descriptors 3, 4 and 5
}

// live starts the process and waits for its end, on a thread that does nothing else.
func (p *process) live(cmd *exec.Cmd, started chan<- error, events chan<- event) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	started <- err
	if err != nil {
		return
	}
	// First without reaping: as long as the process is a zombie its number is nobody else's,
	// and whatever is left of its group can be killed by that number.
	for {
		err = unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	p.mu.gone = true
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	p.mu.Unlock()
	_ = cmd.Wait() // ProcessState says all there is to know
	events <- event{from: p, gone: cmd.ProcessState}
}

// listen passes on what the worker says, until it is mute.
func (p *process) listen(events chan<- event) {
	for {
		m, err := p.control.receive()
		if err != nil {
			events <- event{from: p, mute: err}
			return
		}
		events <- event{from: p, said: &m}
	}
}

// tell sends a message.
func (p *process) tell(m message) error {
	if err := p.orders.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	return p.control.send(m)
}

// signal sends a signal to the worker's process group, if there still is one.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mu.gone {
		_ = unix.Kill(-p.pid, s)
	}
}

// close gives the coordinator's ends of the pipes back.
func (p *process) close() {
	p.orders.Close()
	p.replies.Close()
	p.lifeline.Close()
}

// String names the worker in messages.
func (p *process) String() string {
	return fmt.Sprintf("worker %d (%s, pid %d)", p.index, strings.Join(p.roles, "+"), p.pid)
}

// tailBytesMax is how much of a worker's output is kept: enough for the stacks of some
// thousand goroutines.
const tailBytesMax = 4 << 20

// tail keeps the end of what is written to it. The goroutine that copies a worker's output
// writes; String is for after the worker's end.
type tail struct {
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailBytesMax; over > tailBytesMax {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	return string(t.kept[max(0, len(t.kept)-tailBytesMax):])
}

// complaint is the line of a worker's output that says why it died, "" without one.
func (t *tail) complaint() string {
	for line := range strings.Lines(t.String()) {
		for _, begin := range []string{"panic: ", "fatal error: ", "worker: "} {
			if strings.HasPrefix(line, begin) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}
