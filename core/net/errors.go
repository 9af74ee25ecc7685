// errors.go: what can go wrong with a connection, and whose fault it is.

package net

import (
	"errors"
	"fmt"

	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// RemoteTransportError is a failure at the other end, or of the way there (Flink: RemoteTransportException).
type RemoteTransportError struct {
	Peer  string
	Text  string
	Cause error
}

func (e *RemoteTransportError) Error() string { return transportText(e.Text, e.Peer, e.Cause) }
func (e *RemoteTransportError) Unwrap() error { return e.Cause }

// LocalTransportError is a failure at this end (Flink: LocalTransportException).
type LocalTransportError struct {
	Peer  string
	Text  string
	Cause error
}

func (e *LocalTransportError) Error() string { return transportText(e.Text, e.Peer, e.Cause) }
func (e *LocalTransportError) Unwrap() error { return e.Cause }

func transportText(text, peer string, cause error) string {
	if cause == nil {
		return fmt.Sprintf("%s (connection to %s)", text, peer)
	}
	return fmt.Sprintf("%s (connection to %s): %v", text, peer, cause)
}

// FloodError says that a peer sends requests and does not read what comes of them: its connection ends.
type FloodError struct {
	Peer  string
	Notes int // requests that wait
}

func (e *FloodError) Error() string {
	return fmt.Sprintf("peer %s does not read, and has %d requests waiting", e.Peer, e.Notes)
}

func (e *FloodError) Unwrap() error { return frame.ErrPeer }

// RemoteError is an ErrorResponse: what the producer says went wrong there.
type RemoteError struct {
	Class   string // Java class of the throwable
	Message string
}

func (e *RemoteError) Error() string { return fmt.Sprintf("%s: %s", e.Class, e.Message) }

// PartitionNotFoundError is the producer's word that it does not have the partition.
type PartitionNotFoundError struct{ Message string }

func (e *PartitionNotFoundError) Error() string { return e.Message }

// errorResponse is the message that fails one channel at the consumer.
func errorResponse(err error, channel frame.ChannelID) []byte {
	var notFound *partition.NotFoundError
	cause := frame.NewThrowable(frame.ClassIOException, err.Error())
	if errors.As(err, &notFound) {
		cause = frame.PartitionNotFound(notFound.ID)
	}
	return frame.ErrorResponse{Cause: cause, Channel: channel}.AppendTo(nil)
}

// appendFatal appends the message that fails the whole connection at the consumer.
func appendFatal(dst []byte, err error) []byte {
	return frame.ErrorResponse{Cause: frame.NewThrowable(frame.ClassIllegalState, err.Error()), Fatal: true}.AppendTo(dst)
}
