// batches_test.go: when a writer flushes.

package field

import (
	"testing"
	"time"

	"xbench/harness"
)

// slow is a channel that takes its time, of a clock that the test owns.
type slow struct {
	now     *int64
	takes   int64
	batches int
}

func (s *slow) write(batch []byte) ([]byte, error) {
	*s.now += s.takes
	s.batches++
	return batch, nil
}

func (s *slow) end() error { return nil }

// A writer flushes when the buffer timeout is over; after a flush that took longer than that, it writes for as long.
func TestFlushesAtTheTimeoutAndNotAllTheTime(t *testing.T) {
	for _, c := range []struct {
		takes time.Duration
		want  int // batches in 100 ms of time
	}{
		{0, 100},
		{100 * time.Microsecond, 100},
		{5 * time.Millisecond, 10},
	} {
		now := int64(0)
		s := Spec{Writers: 1, Channels: 1, Consumers: 1, Size: longSize, Timeout: time.Millisecond}
		ch := &slow{now: &now, takes: int64(c.takes)}
		b := newBatches(s, discard{}, []channel{ch}, make([]harness.Entry, 1))
		b.clock = func() int64 { return now }
		for now < int64(100*time.Millisecond) {
			if err := b.longs(1, now); err != nil {
				t.Fatal(err)
			}
			if err := b.tick(now); err != nil {
				t.Fatal(err)
			}
			now += int64(10 * time.Microsecond)
		}
		if ch.batches < c.want-c.want/10 || ch.batches > c.want+c.want/10 {
			t.Errorf("%d flushes of %s each in 100 ms at 1 ms, want about %d", ch.batches, c.takes, c.want)
		}
	}
}
