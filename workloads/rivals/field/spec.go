// spec.go: what one trial moves: its shape, the same for every system.

// Package field is what is compared: our exchange and the transports that a Go user would pick instead, each as a driver of
// the harness. All of them are fed by the same sources and emptied by the same sinks; they differ in the transport alone.
package field

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// batchSize is how much a channel gathers before it is sent, and the size of a segment of ours.
const batchSize = 32 << 10

// Spec is one shape of work. Every writer is a task with channels of its own; all channels share one connection.
type Spec struct {
	Writers   int           `json:"writers"`
	Channels  int           `json:"channels"`       // of each writer
	Consumers int           `json:"consumers"`      // 1: one task receives everything; otherwise one for each writer
	Size      int           `json:"size"`           // of a record, without its length: a long (8), or stampedSizeMin and more
	Timeout   time.Duration `json:"timeout_ns"`     // buffer timeout; 0: every record is flushed
	Rate      uint64        `json:"rate,omitempty"` // records per second of all writers; 0: as fast as they go
	Stalled   bool          `json:"stalled"`        // the last consumer stands still in the measured window
}

// total is how many channels there are.
func (s Spec) total() int { return s.Writers * s.Channels }

// consumer is which consumer receives what a writer sends.
func (s Spec) consumer(writer int) int {
	if s.Consumers == 1 {
		return 0
	}
	return writer
}

func (s Spec) check() error {
	switch {
	case s.Writers < 1 || s.Channels < 1:
		return fmt.Errorf("%d writers with %d channels each", s.Writers, s.Channels)
	case s.Consumers != 1 && s.Consumers != s.Writers:
		return fmt.Errorf("%d consumers; there can be 1, or one for each of the %d writers", s.Consumers, s.Writers)
	case s.Size != longSize && (s.Size < stampedSizeMin || lengthSize+s.Size > batchSize):
		return fmt.Errorf("records of %d bytes; there are longs of %d, and records of %d to %d", s.Size, longSize, stampedSizeMin, batchSize-lengthSize)
	case s.Timeout < 0 || s.Timeout == 0 && s.Rate == 0:
		return fmt.Errorf("a buffer timeout of %s; flushing every record is for a rate", s.Timeout)
	case s.Rate > 0 && s.Size == longSize:
		return fmt.Errorf("a rate is for records with a stamp, of %d bytes or more", stampedSizeMin)
	case s.Stalled && s.Consumers == 1:
		return fmt.Errorf("a consumer that stands still needs others beside it")
	}
	return nil
}

// parseSpec is strict: coordinator and worker are the same binary.
func parseSpec(params json.RawMessage) (s Spec, err error) {
	d := json.NewDecoder(bytes.NewReader(params))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("parameters: %w", err)
	}
	return s, s.check()
}
