// flusher.go: the one goroutine that flushes what writers have had in hand for as long as their buffer timeout.

package core

import (
	"context"
	"runtime/pprof"
	"sync"
	"time"

	"xbench/core/meter"
	"xbench/core/net/partition"
)

// flusher flushes the partitions of writers that have a buffer timeout, each once per timeout (Flink: the output flusher, there
// a thread per writer). Its goroutine runs while there is such a writer.
type flusher struct {
	clock   meter.Clock
	changed chan struct{} // one slot: a signal, never data
	running sync.WaitGroup

	mu struct {
		sync.Mutex
		due    map[*partition.ResultPartition]*deadline
		active bool
	}
}

type deadline struct {
	every time.Duration
	at    meter.Time
}

// after is the deadline that follows d when d was met at now. It counts from d, so that lateness does not add up to a longer timeout; but flushes are
// at least half of one apart, for a process that cannot keep up has better things to do than to flush twice in a row.
func (d *deadline) after(now meter.Time) meter.Time {
	return max(d.at.Add(d.every), now.Add(d.every/2))
}

func newFlusher(clock meter.Clock) *flusher {
	f := &flusher{clock: clock, changed: make(chan struct{}, 1)}
	f.mu.due = map[*partition.ResultPartition]*deadline{}
	return f
}

func (f *flusher) add(p *partition.ResultPartition, every time.Duration) {
	f.mu.Lock()
	f.mu.due[p] = &deadline{every: every, at: f.clock().Add(every)}
	start := !f.mu.active
	f.mu.active = true
	if start {
		f.running.Go(func() {
			pprof.Do(context.Background(), pprof.Labels("role", "output-flusher"), func(context.Context) { f.loop() })
		})
	}
	f.mu.Unlock()
	f.signal()
}

func (f *flusher) remove(p *partition.ResultPartition) {
	f.mu.Lock()
	delete(f.mu.due, p)
	f.mu.Unlock()
	f.signal()
}

func (f *flusher) signal() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

func (f *flusher) loop() {
	timer, alarm := time.NewTimer(time.Hour), newAlarm()
	defer timer.Stop()
	defer alarm.close()
	var due []*partition.ResultPartition
	for {
		var wait time.Duration
		var more bool
		due, wait, more = f.next(due[:0])
		if !more {
			return
		}
		for _, p := range due {
			p.RequestFlush()
		}
		if len(due) > 0 {
			continue // that took a while: look at the clock again
		}
		timer.Reset(wait)
		alarm.set(wait)
		select {
		case <-timer.C:
		case <-f.changed:
		}
	}
}

// next collects whose time has come, and says how long it is until the next one. No more: nobody is left, and the goroutine ends.
func (f *flusher) next(due []*partition.ResultPartition) (_ []*partition.ResultPartition, wait time.Duration, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.mu.due) == 0 {
		f.mu.active = false
		return nil, 0, false
	}
	now := f.clock()
	wait = time.Hour
	for p, d := range f.mu.due {
		if d.at <= now {
			due = append(due, p)
			d.at = d.after(now)
		}
		wait = min(wait, d.at.Sub(now))
	}
	return due, wait, true
}

// close forgets everybody and returns when the goroutine has ended.
func (f *flusher) close() {
	f.mu.Lock()
	clear(f.mu.due)
	f.mu.Unlock()
	f.signal()
	f.running.Wait()
}
