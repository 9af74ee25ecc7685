// request.go: a consumer's request for a subpartition, and for how long it is repeated when the producer does not have it.

package net

import (
	"time"

	"xbench/core/net/frame"
	"xbench/core/net/gate"
)

// Defaults of the patience with a partition that is not there: Flink's partition-request-timeout and request-backoff.max.
const (
	DefaultPartitionTimeout = 10 * time.Second
	DefaultBackoffMax       = 10 * time.Second
)

// request is one channel of a client connection, and what was asked for it. The connection's lock guards it.
type request struct {
	channel *gate.RemoteChannel
	message frame.PartitionRequest
	backoff backoff
}

// backoff counts how long a partition has been asked for in vain. The producer keeps a request for one timeout before it says
// so; asking goes on at once until that adds up to twice the most (Flink: RemoteInputChannel with request listeners).
type backoff struct {
	timeout, most time.Duration
	asked         time.Duration
}

// again reports whether to ask once more, after one more "not found".
func (b *backoff) again() bool {
	if b.timeout <= 0 {
		return false
	}
	b.asked += b.timeout
	return b.asked < 2*b.most
}

// notFound repeats the request of a channel, or fails the channel when it has been repeated for long enough.
func (c *clientConn) notFound(id frame.ChannelID, cause *PartitionNotFoundError) {
	c.mu.Lock()
	r := c.mu.requests[id]
	again := r != nil && r.backoff.again()
	c.mu.Unlock()
	switch {
	case r == nil: // the channel is gone
	case again:
		c.inbox.put(intent{kind: kindRequest, channel: r.channel, request: r.message})
	default:
		r.channel.OnError(cause)
	}
}
