// meter.go: the processor time that a worker consumes in the measured window.

package harness

import (
	"time"

	"golang.org/x/sys/unix"
)

// meter looks at the process's rusage when the measured window begins and when it ends. The
// worker's main goroutine owns it, and calls look when timer says so.
//
// The looks are milliseconds late on a busy machine. They therefore count with the time that
// really lay between them, as a rate.
type meter struct {
	timer *time.Timer
	at    []int64   // the instants still to come
	looks []reading // two when complete
}

type reading struct{ at, cpuNs int64 }

func newMeter(w Window, now int64) *meter {
	return &meter{timer: time.NewTimer(time.Duration(w.Measure - now)), at: []int64{w.Measure, w.End}}
}

// look takes the reading that is due at now.
func (m *meter) look(now int64) {
	for len(m.at) > 0 && now >= m.at[0] {
		m.looks = append(m.looks, reading{at: now, cpuNs: cpuNs()})
		m.at = m.at[1:]
	}
	if len(m.at) > 0 {
		m.timer.Reset(time.Duration(m.at[0] - now))
	}
}

// stop ends the measurement, if it has begun and not ended, and tells the result.
func (m *meter) stop(now int64) cpu {
	m.timer.Stop()
	if len(m.looks) == 1 {
		m.looks = append(m.looks, reading{at: now, cpuNs: cpuNs()})
	}
	m.at = nil
	if len(m.looks) == 0 {
		return cpu{}
	}
	first, last := m.looks[0], m.looks[1]
	return cpu{Ns: last.cpuNs - first.cpuNs, Wall: last.at - first.at}
}

// cpuNs is the processor time that this process has consumed so far, user and system.
func cpuNs() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic("harness: getrusage: " + err.Error()) // cannot fail with these arguments
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
