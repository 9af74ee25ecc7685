// task_time.go: what a task's time goes into: work, waiting for input, waiting for its output.

package meter

import (
	"sync"
	"time"
)

// Activity is what a task does at one time.
type Activity uint8

// A task does exactly one of these.
const (
	Busy              Activity = iota // whatever is none of the others
	Idle                              // it waits for input, or for the time of its next record
	SoftBackPressured                 // it waits for its output between two records
	HardBackPressured                 // it waits for a buffer within a record
)

// TaskTime keeps the account of one task's time (Flink: the timers of TaskIOMetricGroup, and the order in which StreamTask picks them). Enter belongs
// to the task, Append is for anybody. A nil TaskTime is allowed and measures nothing.
//
// As a task is in one activity at a time, no instant counts twice: a task that lacks both a buffer and its input counts for whichever it waits
// for, which is the output if it asks for that first.
type TaskTime struct {
	clock Clock
	now   Activity // the task's alone

	mu struct {
		sync.Mutex
		began            Time
		idle, soft, hard TimerGauge
	}
}

// NewTaskTime begins the account of a task that is busy.
func NewTaskTime(clock Clock) *TaskTime {
	now := clock()
	t := &TaskTime{clock: clock}
	t.mu.began = now
	t.mu.idle, t.mu.soft, t.mu.hard = NewTimerGauge(now), NewTimerGauge(now), NewTimerGauge(now)
	return t
}

// Enter says what the task does from now on. Saying it again costs nothing; a change costs two looks at the clock for each wait, and no
// allocation. Task.
func (t *TaskTime) Enter(a Activity) {
	if t == nil || t.now == a {
		return
	}
	t.enter(a)
}

// Leave says that the task does a no more: it is busy, if that is what it was doing. Task.
func (t *TaskTime) Leave(a Activity) {
	if t != nil && t.now == a {
		t.Enter(Busy)
	}
}

func (t *TaskTime) enter(a Activity) {
	now := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if g := t.gaugeLocked(t.now); g != nil {
		g.End(now)
	}
	if g := t.gaugeLocked(a); g != nil {
		g.Start(now)
	}
	t.now = a
}

// gaugeLocked is nil for Busy: that is what the others leave.
func (t *TaskTime) gaugeLocked(a Activity) *TimerGauge {
	switch a {
	case Idle:
		return &t.mu.idle
	case SoftBackPressured:
		return &t.mu.soft
	case HardBackPressured:
		return &t.mu.hard
	}
	return nil
}

// Append appends the metrics of the task's time.
func (t *TaskTime) Append(s Snapshot) Snapshot {
	if t == nil {
		return s
	}
	now := t.clock()
	t.mu.Lock()
	elapsed := now.Sub(t.mu.began)
	idle, soft, hard := t.mu.idle.Read(now), t.mu.soft.Read(now), t.mu.hard.Read(now)
	t.mu.Unlock()
	return appendTimes(s, elapsed, idle, soft, hard)
}

// appendTimes is Flink's arithmetic: busy is what is left.
func appendTimes(s Snapshot, elapsed time.Duration, idle, soft, hard TimerReading) Snapshot {
	pressed := soft.MsPerSecond + hard.MsPerSecond
	busy := 1000 - min(1000, idle.MsPerSecond+pressed)
	held := soft.Total + hard.Total
	add := func(name string, value int64, unit Unit) {
		s = append(s, Metric{name, ScopeTask, float64(value), unit})
	}
	add("idleTimeMsPerSecond", idle.MsPerSecond, UnitMsPerSecond)
	add("busyTimeMsPerSecond", busy, UnitMsPerSecond)
	add("softBackPressuredTimeMsPerSecond", soft.MsPerSecond, UnitMsPerSecond)
	add("hardBackPressuredTimeMsPerSecond", hard.MsPerSecond, UnitMsPerSecond)
	add("backPressuredTimeMsPerSecond", pressed, UnitMsPerSecond)
	add("maxSoftBackPressuredTimeMs", soft.Max.Milliseconds(), UnitMilliseconds)
	add("maxHardBackPressuredTimeMs", hard.Max.Milliseconds(), UnitMilliseconds)
	add("accumulateIdleTimeMs", idle.Total.Milliseconds(), UnitMilliseconds)
	add("accumulateBusyTimeMs", max(0, elapsed-idle.Total-held).Milliseconds(), UnitMilliseconds)
	add("accumulateBackPressuredTimeMs", held.Milliseconds(), UnitMilliseconds)
	return s
}
