// event.go: one record of a trace.

package trace

import (
	"fmt"
	"time"
)

// Event is one recorded record.
type Event struct {
	Time    time.Duration // since the trace's start; not negative, not less than that of the event before
	Key     string        // at most KeyMaxBytes
	Size    int64         // of the record in bytes, whether or not its bytes were kept; not negative
	Kind    Kind
	Payload []byte // nil: not kept. At most PayloadMaxBytes
}

// Kind says what sort of thing was recorded.
type Kind uint8

// Record is an ordinary record. Other kinds belong to whoever writes them.
const Record Kind = 0

// check says what a writer cannot accept about e after an event at the time before.
func (e Event) check(before time.Duration) error {
	switch {
	case e.Time < 0:
		return fmt.Errorf("trace: event at %v, before the trace's start", e.Time)
	case e.Time < before:
		return fmt.Errorf("trace: event at %v after one at %v: %w", e.Time, before, ErrOrder)
	case len(e.Key) > KeyMaxBytes:
		return fmt.Errorf("trace: key of %d bytes, at most %d are allowed", len(e.Key), KeyMaxBytes)
	case e.Size < 0 || e.Size > SizeMaxBytes:
		return fmt.Errorf("trace: size of %d bytes, between 0 and %d are allowed", e.Size, int64(SizeMaxBytes))
	case len(e.Payload) > PayloadMaxBytes:
		return fmt.Errorf("trace: payload of %d bytes, at most %d are allowed", len(e.Payload), PayloadMaxBytes)
	}
	return nil
}
