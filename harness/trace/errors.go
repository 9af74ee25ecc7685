// errors.go: what can be wrong with a trace.

package trace

import (
	"errors"
	"fmt"
)

// ErrOrder is wrapped by errors about an event that is earlier than the one before it.
var ErrOrder = errors.New("events are not in the order of their times")

// ErrVersion is wrapped by errors about a trace of a version that this package does not know.
var ErrVersion = errors.New("unknown version of the trace format")

// CorruptError says where a trace stops to be readable. All events before are good: their
// checksums were right.
type CorruptError struct {
	Offset int64  // of the part (header, block, index, trailer) that is bad, in bytes
	Events uint64 // good ones before it
	Torn   bool   // the file ends too early
	Reason string
}

func (e *CorruptError) Error() string {
	what := "corrupt"
	if e.Torn {
		what = "torn"
	}
	return fmt.Sprintf("trace: %s at byte %d: %s; the %d events before it are good", what, e.Offset, e.Reason, e.Events)
}
