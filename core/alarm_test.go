package core

import (
	"encoding/binary"
	"testing"
	"time"

	"xbench/core/meter"
)

// TestAlarmWakesThePoller: it goes off once per set, and whoever waits in the runtime's poller hears it.
func TestAlarmWakesThePoller(t *testing.T) {
	a := newAlarm()
	defer a.close()
	if err := a.file.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatalf("not in the poller: %v", err)
	}
	for _, d := range []time.Duration{time.Nanosecond, 300 * time.Microsecond, time.Millisecond} {
		from := time.Now()
		a.set(time.Hour) // and another time instead
		a.set(d)
		var expired [8]byte
		if _, err := a.file.Read(expired[:]); err != nil {
			t.Fatal(err)
		}
		if n, after := binary.NativeEndian.Uint64(expired[:]), time.Since(from); n != 1 || after < d {
			t.Errorf("set to %v, it went off %d times, after %v", d, n, after)
		}
	}
}

// Without a descriptor there is no alarm, and nothing else is missing.
func TestNoAlarm(t *testing.T) {
	var a alarm
	a.set(time.Millisecond)
	a.close()
}

// TestDeadlines: a flush that comes late does not shift those behind it, and does not make them come in a rush.
func TestDeadlines(t *testing.T) {
	const every = 10 * time.Millisecond
	for late, next := range map[time.Duration]time.Duration{
		0:                      every,
		time.Millisecond:       every, // counted from the deadline, not from the flush
		4 * time.Millisecond:   every,
		7 * time.Millisecond:   7*time.Millisecond + every/2,
		time.Second:            time.Second + every/2,
		3 * every / 2:          2 * every,
		time.Hour + every/1000: time.Hour + every/1000 + every/2,
	} {
		d := deadline{every: every, at: meter.Time(time.Hour)}
		if got := d.after(d.at.Add(late)).Sub(d.at); got != next {
			t.Errorf("met %v late: the next one is %v after it, want %v", late, got, next)
		}
	}
}
