// remote_credit.go: how a remote channel comes by buffers, and when it tells the producer (Flink: BufferManager).

package gate

import "xbench/core/buffer"

// OnBacklog hears how many buffers the producer could send beyond the credit it has; the channel takes floating buffers for them.
func (c *RemoteChannel) OnBacklog(backlog int) {
	c.mu.Lock()
	announce := !c.mu.released && c.backlogLocked(backlog)
	c.mu.Unlock()
	if announce {
		c.post(c, AnnounceCredit)
	}
}

// backlogLocked reports whether credit arose where there was none to announce: then an announcement is due.
func (c *RemoteChannel) backlogLocked(backlog int) (announce bool) {
	c.mu.allowance.Backlog(backlog)
	return c.requestLocked()
}

// requestLocked takes floating buffers until the channel has what it requires, or waits in line for one. The pool
// refuses a listener while it has a buffer: then the request is worth another try.
func (c *RemoteChannel) requestLocked() (announce bool) {
	for c.mu.allowance.Missing() > 0 && !c.mu.waiting {
		b, err := c.gate.floating.Request(-1)
		if err != nil {
			return announce // the pool is gone: so is the gate
		}
		if b.IsZero() {
			c.mu.waiting = c.gate.floating.AddListener(c)
			continue
		}
		c.mu.floating = append(c.mu.floating, b)
		announce = c.mu.allowance.AddFloating(1) || announce
	}
	return announce
}

// BufferAvailable is the floating pool's offer to a channel in line. A channel that needs it no more refuses, and the pool
// asks the next one. Accepting, it may take further ones, or queue again at the tail (FLINK-8747).
func (c *RemoteChannel) BufferAvailable(b buffer.Buffer) (accepted bool) {
	c.mu.Lock()
	c.mu.waiting = false
	if c.mu.released || !c.mu.allowance.Wants() {
		c.mu.Unlock()
		return false
	}
	c.mu.floating = append(c.mu.floating, b)
	announce := c.mu.allowance.AddFloating(1)
	announce = c.requestLocked() || announce
	c.mu.Unlock()
	if announce {
		c.post(c, AnnounceCredit)
	}
	return true
}

// PoolDestroyed says that nothing will come any more.
func (c *RemoteChannel) PoolDestroyed() {}

// Recycle takes an exclusive segment home. Where the channel has more than it requires, a floating buffer goes back to the others in
// its place, and no credit arises.
func (c *RemoteChannel) Recycle(s *buffer.Segment) {
	c.mu.Lock()
	if c.mu.released {
		c.mu.Unlock()
		c.gate.o.Pool.RecycleUnpooled([]*buffer.Segment{s})
		return
	}
	c.gate.reserve.put(s)
	displaced, announce := c.mu.allowance.ReturnExclusive()
	var spare buffer.Buffer
	if displaced {
		last := len(c.mu.floating) - 1
		spare = c.mu.floating[last]
		c.mu.floating = c.mu.floating[:last]
	}
	c.mu.Unlock()
	if displaced {
		spare.Recycle()
	}
	if announce {
		c.post(c, AnnounceCredit)
	}
}

// AnnouncedCredit takes all the credit that the producer does not know of, for an AddCredit that is being written. 0: none.
func (c *RemoteChannel) AnnouncedCredit() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.released {
		return 0
	}
	return c.mu.allowance.Announce()
}

// releaseFloatingLocked gives up all floating buffers at a blocking event, if the channel has no exclusive ones: the producer, which stands
// still now, will forget their credit as well.
func (c *RemoteChannel) releaseFloatingLocked() []buffer.Buffer {
	if c.mu.allowance.ReleaseFloating() == 0 {
		return nil
	}
	spare := c.mu.floating
	c.mu.floating = nil
	return spare
}
