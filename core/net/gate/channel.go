// channel.go: what a gate asks of its channels, and what a task gets from the gate.

package gate

import (
	"fmt"

	"xbench/core/buffer"
)

// Item is one buffer that a task got from a gate: data or the content of an event. The task owns the buffer and recycles it.
type Item struct {
	Channel int // index in the gate; in a union, counted on over its gates
	Buffer  buffer.Buffer
	// Sequence is the number of the buffer in its channel.
	Sequence int32
}

// channel is one input of a gate: remote or local. The task calls it, through the gate; Release anybody may call.
type channel interface {
	// poll takes the next buffer. more says that another can be polled now; priority that it has priority.
	// Nothing there and nothing wrong: ok is false.
	poll() (a arrival, more, priority, ok bool, err error)
	resume() error
	acknowledge() error
	setBufferSize(n int)
	// OnError is the end of the channel: every further poll gives err, unless there was an error before. Anybody may call it.
	OnError(err error)
	release()
	queued() (buffers, bytes int)
	inUse() int // buffers in flight: queued here, and waiting at the producer as far as is known
}

// ChannelError is a failure of one channel. The gate's other channels go on, if the task lets them.
type ChannelError struct {
	Channel int
	Err     error
}

func (e *ChannelError) Error() string { return fmt.Sprintf("input channel %d: %v", e.Channel, e.Err) }
func (e *ChannelError) Unwrap() error { return e.Err }

// ReorderingError is a gap or a repetition in a channel's sequence numbers: the peer's fault, fatal for the channel.
type ReorderingError struct{ Want, Got int32 }

func (e *ReorderingError) Error() string {
	return fmt.Sprintf("buffer re-ordering: expected buffer with sequence number %d, but received %d", e.Want, e.Got)
}
