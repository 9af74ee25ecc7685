// orphan_test.go: however a trial ends, nobody is left: workers killed, coordinators killed.

package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xbench/results"
)

// watched is a process that is waited for by its descriptor, not by its number.
type watched struct {
	t   *testing.T
	pid int
	fd  int // -1: it was gone already
}

func watch(t *testing.T, pid int) watched {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return watched{t, pid, -1}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return watched{t, pid, fd}
}

// gone requires that the process ends within 5 s.
func (w watched) gone() {
	w.t.Helper()
	if w.fd < 0 {
		return
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}, 5000)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 {
			w.t.Errorf("process %d still runs (%v)", w.pid, err)
			_ = unix.Kill(w.pid, unix.SIGKILL)
		}
		return
	}
}

func TestAKilledWorkerEndsTheRun(t *testing.T) {
	t.Parallel()
	for i, role := range []string{"source", "sink"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			w := &witness{t: t}
			o := w.options()
			var killed time.Time
			var victim int
			tell, now := o.Progress, measuring()
			o.Progress = func(p Progress) {
				tell(p)
				if killed.IsZero() && now(p) {
					victim, killed = p.Workers[i].PID, time.Now()
					if err := unix.Kill(victim, unix.SIGKILL); err != nil {
						t.Error(err)
					}
				}
			}
			r := w.run(endless(), o)
			if d := time.Since(killed); d > 5*time.Second {
				t.Errorf("the run ended %s after the kill", d)
			}
			want := fmt.Sprintf("worker %d (%s, pid %d) ended in mid-run: signal: killed", i, role, victim)
			if r.Exit != results.ExitInvalid || !r.Stop || !strings.Contains(r.Case.Reason, want) {
				t.Errorf("exit %d, stop %v, reason %q, want %q", r.Exit, r.Stop, r.Case.Reason, want)
			}
			if len(r.Case.Trials) != 1 || r.Case.Verified {
				t.Errorf("%d trials, verified %v", len(r.Case.Trials), r.Case.Verified)
			}
		})
	}
}

// coordinatorMain is a coordinator that can be killed: it tells its workers' numbers once
// they measure.
func coordinatorMain() {
	told, now := false, measuring()
	r := Run(context.Background(), endless(), Options{Progress: func(p Progress) {
		if !told && now(p) {
			told = true
			_ = json.NewEncoder(os.Stdout).Encode(p.Workers)
		}
	}})
	fmt.Fprintln(os.Stderr, r.Case.Reason)
	os.Exit(int(r.Exit))
}

func TestWorkersDieWithTheirCoordinator(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		stopped bool // a stopped worker cannot look at its lifeline: the kernel has to kill it
	}{{"by the lifeline", false}, {"by the kernel", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("/proc/self/exe", "coordinator")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadBytes('\n')
			if err != nil {
				t.Fatal(err)
			}
			var workers []WorkerProgress
			if err := json.Unmarshal(line, &workers); err != nil || len(workers) != 2 {
				t.Fatalf("%s: %v", line, err)
			}
			var left []watched
			for _, w := range workers {
				left = append(left, watch(t, w.PID))
				if c.stopped {
					if err := unix.Kill(w.PID, unix.SIGSTOP); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			for _, w := range left {
				w.gone()
			}
		})
	}
}

// The lifeline alone is enough: this worker's end is not bound to any thread.
func TestAWorkerDiesWithItsLifeline(t *testing.T) {
	t.Parallel()
	p := &process{}
	theirs, err := p.pipes()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	cmd := exec.Command("/proc/self/exe", "worker")
	cmd.ExtraFiles = theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range theirs {
		f.Close()
	}
	if m, err := p.control.receive(); err != nil || m.Hello == nil {
		t.Fatalf("%+v, %v; want a hello", m, err)
	}
	p.lifeline.Close()
	err = cmd.Wait()
	if err == nil || err.Error() != "signal: killed" {
		t.Errorf("the worker ended with %v, want by its own SIGKILL", err)
	}
}

func TestAWorkerCannotBeStartedByHand(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("/proc/self/exe", "worker").CombinedOutput()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), "cannot be started by hand") {
		t.Errorf("%v: %s", err, out)
	}
}
