// alarm.go: what makes the runtime's timers exact while the process has nothing else to do.

package core

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm is a timer of the kernel that nobody reads: it makes the runtime look at its own timers. An idle runtime waits for them in
// epoll_wait, in whole milliseconds, and at least one: half a millisecond takes one, 1.9 take two. Whatever becomes readable ends
// that wait. Exact to the kernel's wake-up, about 50 us, at the price of a system call per set; nothing spins and no thread is kept.
type alarm struct {
	file *os.File // keeps fd in the runtime's poller
	fd   int
}

// newAlarm makes an alarm. Without a descriptor for it (the process may be out of them) timers are what they are without.
func newAlarm() alarm {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return alarm{}
	}
	return alarm{file: os.NewFile(uintptr(fd), "timerfd"), fd: fd} // one that does not block: it is in the poller from here on
}

// set makes it go off once, after d. To be called after the timer that it is for is set, so that it does not go off before.
func (a alarm) set(d time.Duration) {
	if a.file == nil || d <= 0 {
		return
	}
	_ = unix.TimerfdSettime(a.fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil)
}

func (a alarm) close() {
	if a.file != nil {
		_ = a.file.Close()
	}
}
