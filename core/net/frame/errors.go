// errors.go: what is wrong with bytes that a peer sent.

package frame

import (
	"errors"
	"fmt"
)

// ErrPeer is what every fault of the other end wraps: it broke the protocol, and the connection to it must close.
var ErrPeer = errors.New("the peer broke the protocol")

// Reasons of a CorruptError. The first two are Flink's own words.
const (
	reasonMagic          = "Network stream corrupted: received incorrect magic number."
	reasonUnknownMessage = "Received unknown message from producer:"
	reasonLength         = "Network stream corrupted: received incorrect frame length."
	reasonBody           = "Network stream corrupted: received incorrect message body."
	reasonEvent          = "Network stream corrupted: received incorrect event."
	reasonTorn           = "Network stream ends inside a frame."
)

// CorruptError says that bytes are no message, with the reason in Flink's words where Flink has some. It wraps ErrPeer.
type CorruptError struct {
	Reason string
	Detail string // what was found, with the numbers
	Offset int64  // where in the stream the bad frame begins; -1 when only a piece was parsed and the caller knows where it was
}

func corruptf(reason, format string, args ...any) *CorruptError {
	return &CorruptError{Reason: reason, Detail: fmt.Sprintf(format, args...), Offset: -1}
}

// Error is the reason, then what was found, then where.
func (e *CorruptError) Error() string {
	s := e.Reason
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	if e.Offset >= 0 {
		s += fmt.Sprintf(" At offset %d.", e.Offset)
	}
	return s
}

// Unwrap makes errors.Is(err, ErrPeer) true.
func (e *CorruptError) Unwrap() error { return ErrPeer }
