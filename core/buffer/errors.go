// errors.go: what the world may do to whoever asks for buffers.

package buffer

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrPoolDestroyed is what requests get from a pool that is gone, also those that were waiting. It is a
// consequence of a cancellation or failure elsewhere, never a cause of its own.
var ErrPoolDestroyed = errors.New("buffer pool has already been destroyed")

// An InsufficientError says that a pool cannot guarantee what was asked for.
type InsufficientError struct {
	Required    int // segments asked for
	Available   int // segments not yet promised to anybody
	Total       int // segments of the NetworkBufferPool
	SegmentSize int // bytes each
}

func (e *InsufficientError) Error() string {
	return fmt.Sprintf("insufficient number of network buffers: required %d, but only %d available; "+
		"the total number of network buffers is currently set to %d of %d bytes each and has to be raised",
		e.Required, e.Available, e.Total, e.SegmentSize)
}

// A RequestTimeoutError says that segments which had been promised did not come back from their users in time: typically
// two tasks wait for each other's.
type RequestTimeoutError struct {
	Required, Obtained int // segments
	Free, Total        int // segments of the NetworkBufferPool
	SegmentSize        int // bytes each
	Timeout            time.Duration
}

func (e *RequestTimeoutError) Error() string {
	return fmt.Sprintf("timeout triggered when requesting exclusive buffers: obtained %d of %d within %v; "+
		"the total number of network buffers is currently set to %d of %d bytes each, %d of them free: "+
		"raise that number or the request timeout",
		e.Obtained, e.Required, e.Timeout, e.Total, e.SegmentSize, e.Free)
}

// A LeakError says which segments are not home although the pool is about to be freed.
type LeakError struct {
	Missing, Total int
	Segments       []string // the first few, with turn and references
}

func (e *LeakError) Error() string {
	return fmt.Sprintf("%d of %d segments are not home: %s", e.Missing, e.Total, strings.Join(e.Segments, "; "))
}
