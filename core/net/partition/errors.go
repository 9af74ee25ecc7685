// errors.go: what can go wrong with a partition, and whose fault it is.

package partition

import (
	"errors"
	"fmt"

	"xbench/core/net/frame"
)

var (
	// ErrPartitionNotFound says that no such partition is registered (any more). It comes inside a *NotFoundError.
	ErrPartitionNotFound = errors.New("partition not found")

	// ErrCancelled marks a failure as secondary: the reason lies elsewhere and is reported there (Flink: CancelTaskException).
	ErrCancelled = errors.New("cancelled")

	// ErrFinished says that a task wrote to a partition after finishing it.
	ErrFinished = errors.New("partition already finished")

	// ErrUnfinished is the cause that consumers see of a partition that was closed and neither finished nor failed.
	ErrUnfinished = errors.New("partition closed before it was finished")

	// ErrRegistered says that a partition of this id is registered already.
	ErrRegistered = errors.New("result partition already registered")

	// ErrShutDown says that the registry is closed.
	ErrShutDown = errors.New("result partition registry already shut down")
)

// NotFoundError is ErrPartitionNotFound with the id, in the words that travel to the consumer.
type NotFoundError struct{ ID frame.ResultPartitionID }

func (e *NotFoundError) Error() string { return fmt.Sprintf("Partition %v not found.", e.ID) }
func (e *NotFoundError) Unwrap() error { return ErrPartitionNotFound }

// ProducerFailedError is what a view's reader finds when the producer gave the partition up (Flink: ProducerFailedException).
// For the reader it is a secondary failure: errors.Is(err, ErrCancelled).
type ProducerFailedError struct{ Cause error }

func (e *ProducerFailedError) Error() string   { return fmt.Sprintf("producer failed: %v", e.Cause) }
func (e *ProducerFailedError) Unwrap() []error { return []error{ErrCancelled, e.Cause} }

// CancelledError is what the writing task finds when somebody else failed or released its partition.
// Cause is nil when it was released without a failure: every consumer is gone.
type CancelledError struct {
	ID    frame.ResultPartitionID
	Cause error
}

func (e *CancelledError) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("partition %v was released while its task was writing", e.ID)
	}
	return fmt.Sprintf("partition %v was released while its task was writing: %v", e.ID, e.Cause)
}

func (e *CancelledError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrCancelled}
	}
	return []error{ErrCancelled, e.Cause}
}

// ConsumerError is the consumer's fault: it asked for something that no correct consumer asks for. It wraps frame.ErrPeer.
type ConsumerError struct {
	ID           frame.ResultPartitionID
	Subpartition int
	Reason       string // Flink's words where it has some: they travel to the consumer
}

func (e *ConsumerError) Error() string { return fmt.Sprintf("%s [%v]", e.Reason, e.ID) }
func (e *ConsumerError) Unwrap() error { return frame.ErrPeer }
