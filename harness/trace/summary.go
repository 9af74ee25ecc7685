// summary.go: a trace in a few numbers.

package trace

import (
	"io"
	"math"
	"time"
)

// summaryKeysMax bounds how many different keys are told apart in a summary.
const summaryKeysMax = 1 << 20

// Summary is a trace in a few numbers.
type Summary struct {
	Start        time.Time     // of time 0, zero when not known
	Events       uint64        // good ones
	First, Last  time.Duration // of the first and the last event
	Keys         int           // different ones; summaryKeysMax (1,048,576) when there are more
	Sizes        uint64        // of all events together, in bytes
	SizeMin      int64         // bytes
	SizeMax      int64         // bytes
	Payloads     uint64        // events that have one
	PayloadBytes uint64        // of them
	Bytes        int64         // that were read of the file
}

// Summarize reads a trace to its end. On an error the summary is that of the good events before it.
func Summarize(src io.Reader) (Summary, error) {
	r, err := NewReader(src)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{SizeMin: math.MaxInt64}
	if r.Start() != 0 {
		s.Start = time.Unix(0, r.Start()).UTC()
	}
	keys := map[string]struct{}{}
	for r.Next() {
		e := r.Event()
		if s.Events == 0 {
			s.First = e.Time
		}
		s.Last = e.Time
		s.Events++
		if len(keys) < summaryKeysMax {
			keys[e.Key] = struct{}{}
		}
		s.Sizes += uint64(e.Size)
		s.SizeMin, s.SizeMax = min(s.SizeMin, e.Size), max(s.SizeMax, e.Size)
		if e.Payload != nil {
			s.Payloads++
			s.PayloadBytes += uint64(len(e.Payload))
		}
	}
	if s.Events == 0 {
		s.SizeMin = 0
	}
	s.Keys = len(keys)
	s.Bytes = r.offset
	return s, r.Err()
}
