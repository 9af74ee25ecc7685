// task_time_test.go: a task's day: what each hour counts as.

package meter

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// times are the readings of a task by name.
func times(s Snapshot) map[string]float64 {
	m := map[string]float64{}
	for _, r := range s {
		m[r.Name] = r.Value
	}
	return m
}

func wantTimes(t *testing.T, s Snapshot, want map[string]float64) {
	t.Helper()
	got := times(s)
	for name, v := range want {
		if g, ok := got[name]; !ok || g != v {
			t.Errorf("%s is %v, want %v", name, g, v)
		}
	}
}

func TestTaskTimeArithmetic(t *testing.T) {
	of := func(perSecond int64, longest, total time.Duration) TimerReading {
		return TimerReading{MsPerSecond: perSecond, Max: longest, Total: total}
	}
	for _, c := range []struct {
		name             string
		elapsed          time.Duration
		idle, soft, hard TimerReading
		want             map[string]float64
	}{
		{"a task that only works", time.Minute, TimerReading{}, TimerReading{}, TimerReading{}, map[string]float64{
			"idleTimeMsPerSecond": 0, "busyTimeMsPerSecond": 1000, "backPressuredTimeMsPerSecond": 0,
			"accumulateIdleTimeMs": 0, "accumulateBusyTimeMs": 60_000, "accumulateBackPressuredTimeMs": 0,
		}},
		{"some of everything", 10 * time.Second, of(100, time.Second, time.Second), of(200, 3*time.Second, 2*time.Second), of(300, 4*time.Second, 3*time.Second),
			map[string]float64{
				"idleTimeMsPerSecond": 100, "busyTimeMsPerSecond": 400,
				"softBackPressuredTimeMsPerSecond": 200, "hardBackPressuredTimeMsPerSecond": 300, "backPressuredTimeMsPerSecond": 500,
				"maxSoftBackPressuredTimeMs": 3000, "maxHardBackPressuredTimeMs": 4000,
				"accumulateIdleTimeMs": 1000, "accumulateBusyTimeMs": 4000, "accumulateBackPressuredTimeMs": 5000,
			}},
		{"busy is never negative", time.Second, of(700, 0, 2*time.Second), of(0, 0, 0), of(400, 0, time.Second), map[string]float64{
			"busyTimeMsPerSecond": 0, "backPressuredTimeMsPerSecond": 400, "accumulateBusyTimeMs": 0,
		}},
	} {
		t.Run(c.name, func(t *testing.T) { wantTimes(t, appendTimes(nil, c.elapsed, c.idle, c.soft, c.hard), c.want) })
	}
}

func TestTaskTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := NewTaskTime(Monotonic())
		spend := func(a Activity, d time.Duration) {
			task.Enter(a)
			time.Sleep(d)
		}
		spend(Idle, time.Second)
		spend(Busy, 500*time.Millisecond)
		spend(SoftBackPressured, 250*time.Millisecond)
		spend(HardBackPressured, 2*time.Second)
		wantTimes(t, task.Append(nil), map[string]float64{ // no interval is over yet
			"busyTimeMsPerSecond": 1000, "maxHardBackPressuredTimeMs": 0,
			"accumulateIdleTimeMs": 1000, "accumulateBusyTimeMs": 500, "accumulateBackPressuredTimeMs": 2250,
		})
		time.Sleep(1250 * time.Millisecond)
		wantTimes(t, task.Append(nil), map[string]float64{ // the wait for a buffer is going on
			"idleTimeMsPerSecond": 200, "busyTimeMsPerSecond": 100, "softBackPressuredTimeMsPerSecond": 50,
			"hardBackPressuredTimeMsPerSecond": 650, "backPressuredTimeMsPerSecond": 700,
			"maxSoftBackPressuredTimeMs": 250, "maxHardBackPressuredTimeMs": 3250,
			"accumulateBackPressuredTimeMs": 3500,
		})
		task.Leave(SoftBackPressured) // it is in another
		spend(HardBackPressured, 5*time.Second)
		task.Leave(HardBackPressured)
		wantTimes(t, task.Append(nil), map[string]float64{
			"idleTimeMsPerSecond": 100, "busyTimeMsPerSecond": 50, "hardBackPressuredTimeMsPerSecond": 825,
			"maxHardBackPressuredTimeMs": 8250, "accumulateBackPressuredTimeMs": 8500,
		})
		time.Sleep(time.Minute)
		wantTimes(t, task.Append(nil), map[string]float64{
			"idleTimeMsPerSecond": 0, "busyTimeMsPerSecond": 1000, "backPressuredTimeMsPerSecond": 0,
			"accumulateIdleTimeMs": 1000, "accumulateBusyTimeMs": 60_500,
		})
	})
}

func TestNobodysTime(t *testing.T) {
	var none *TaskTime
	none.Enter(Idle)
	none.Leave(Idle)
	if s := none.Append(nil); s != nil {
		t.Errorf("read %v", s)
	}
}

// Readings from elsewhere do not disturb the task.
func TestTaskTimeIsReadWhileItRuns(t *testing.T) {
	task := NewTaskTime(Monotonic())
	var readers sync.WaitGroup
	stop := make(chan struct{})
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if v, _ := task.Append(nil).Value(ScopeTask, "accumulateIdleTimeMs"); v < 0 {
					t.Errorf("idle for %v ms", v)
				}
			}
		}
	})
	for range 2000 {
		task.Enter(Idle)
		task.Enter(Busy)
		task.Enter(HardBackPressured)
		task.Leave(HardBackPressured)
	}
	close(stop)
	readers.Wait()
	if n := testing.AllocsPerRun(100, func() { task.Enter(Idle); task.Enter(Busy) }); n != 0 {
		t.Errorf("a wait allocates %v times", n)
	}
}

// BenchmarkTaskTime is what a wait costs its task.
func BenchmarkTaskTime(b *testing.B) {
	task := NewTaskTime(Monotonic())
	for b.Loop() {
		task.Enter(Idle)
		task.Enter(Busy)
	}
}
