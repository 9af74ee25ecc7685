// longs_sink.go: the consuming tasks of workload longs: every value is the next one of its channel, or the trial is over.

package workloads

import (
	"encoding/binary"
	"fmt"

	"xbench/core/serde"
	"xbench/harness"
)

// What a run's document says is looked at.
const (
	longsChecks = "every value is the next one of its channel; 1 in 1021 is an instant, and in the channel's digest; counts per channel"
	roundChecks = "every value is the next one of its channel; the first of a round is an instant, and in the channel's digest; counts per channel"
	fullerNote  = "; of a longer record both copies of the value, and of an instant's record every byte"
)

// takeLongs takes the longs of one buffer. It keeps no books of values that are what they must be: it counts them.
func (s *sink) takeLongs(t *harness.SinkTask, c *channel, _ int64) (n int, err error) {
	var run serde.Run
	next := c.next
	for {
		p, behind := run.Next()
		if p == nil {
			if p, behind, err = s.in.NextRun(run); p == nil {
				return c.taken(next), err
			}
		}
		run = behind
		if len(p) != longBytes {
			return c.taken(next), fmt.Errorf("record %d is of %d bytes, want %d", next-c.first, len(p), longBytes)
		}
		if v := binary.BigEndian.Uint64(p); v != next {
			if v&stampBit == 0 {
				return c.taken(next), &wrongLong{first: c.first, want: next, got: v}
			}
			c.entry.Mark(v)
			t.Latency(int64(v&^stampBit), t.Clock())
		}
		next++
	}
}

// takeLongRecords is takeLongs for records of more than the value.
func (s *sink) takeLongRecords(t *harness.SinkTask, c *channel, _ int64) (n int, err error) {
	var run serde.Run
	size, next := s.p.Size, c.next
	for {
		p, behind := run.Next()
		if p == nil {
			if p, behind, err = s.in.NextRun(run); p == nil {
				return c.taken(next), err
			}
		}
		run = behind
		stamped, err := checkLong(p, size, c, next)
		if err != nil {
			return c.taken(next), err
		}
		if stamped != 0 {
			t.Latency(stamped, t.Clock())
		}
		next++
	}
}

// checkLong looks at a record that should carry the value next, or an instant, which it returns.
func checkLong(p []byte, size int, c *channel, next uint64) (stamped int64, err error) {
	if len(p) != size {
		return 0, fmt.Errorf("record %d is of %d bytes, want %d", next-c.first, len(p), size)
	}
	v, last := binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[size-longBytes:])
	switch {
	case v != last:
		return 0, fmt.Errorf("record %d begins with value %#x and ends with %#x", next-c.first, v, last)
	case v == next:
		return 0, nil
	case v&stampBit == 0:
		return 0, &wrongLong{first: c.first, want: next, got: v}
	case size == longBytes:
		c.entry.Mark(v)
	default:
		c.entry.MarkBytes(p)
	}
	return int64(v &^ stampBit), nil
}

// taken ends a buffer: next is the value that the channel continues with.
func (c *channel) taken(next uint64) (n int) {
	n = int(next - c.next)
	c.next = next
	c.entry.Count += uint64(n)
	return n
}

// wrongLong says that a value is not the next one of its channel.
type wrongLong struct{ first, want, got uint64 }

func (e *wrongLong) Error() string {
	what := "a record was changed, or is another channel's"
	switch {
	case e.got>>channelShift != e.want>>channelShift:
	case e.got > e.want:
		what = fmt.Sprintf("%d records are missing, or this one is out of order", e.got-e.want)
	default:
		what = "a record came twice, or out of order"
	}
	return fmt.Sprintf("record %d has value %#x, want %#x: %s", e.want-e.first, e.got, e.want, what)
}
