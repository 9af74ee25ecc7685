// local.go: an input channel whose producer lives in the same process: no copy, no credit, no connection.

package gate

import (
	"errors"
	"sync"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// localChannel reads a subpartition of this process directly (Flink: LocalInputChannel). What the producer has written is readable at
// once; what it is still writing, up to the last published byte.
type localChannel struct {
	index int
	gate  *InputGate

	mu struct {
		sync.Mutex
		early    *partition.EarlyRequest // nil: the partition was there
		view     *partition.View
		err      error
		released bool
	}
}

// OpenLocal makes channel i of the gate a local one and requests subpartition sub of a partition of this process; where that is not
// there yet, it is waited for. What goes wrong the task finds at its next poll.
func (g *InputGate) OpenLocal(i int, registry *partition.Registry, id frame.ResultPartitionID, sub int) {
	c := &localChannel{index: i, gate: g}
	g.waiter.join(nil)
	if g.install(i, c) != nil {
		return
	}
	view, early, err := registry.ViewOrListen(id, sub, c, c.opened)
	if early == nil {
		c.opened(view, err)
		return
	}
	c.mu.Lock()
	c.mu.early = early
	released := c.mu.released
	c.mu.Unlock()
	if released { // before early was known
		early.Cancel()
	}
}

// opened stores the view, or the first reason why the channel failed. Data may have been there before, so the gate looks (FLINK-19391).
func (c *localChannel) opened(v *partition.View, err error) {
	c.mu.Lock()
	released := c.mu.released
	c.mu.view = v
	if c.mu.err == nil {
		c.mu.err = err
	}
	c.mu.Unlock()
	if released && v != nil {
		v.Release()
		return
	}
	c.gate.dataAvailable(c.index)
}

func (c *localChannel) DataAvailable()                   { c.gate.dataAvailable(c.index) }
func (c *localChannel) DataPending()                     { c.DataAvailable() }
func (c *localChannel) Push()                            {}
func (c *localChannel) PriorityAvailable(sequence int32) { c.gate.priorityAvailable(c.index, sequence) }

func (c *localChannel) look() (v *partition.View, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.err != nil {
		return nil, c.mu.err
	}
	if c.mu.released {
		return nil, errChannelReleased
	}
	return c.mu.view, nil
}

func (c *localChannel) poll() (a arrival, more, priority, ok bool, err error) {
	v, err := c.look()
	if v == nil || err != nil {
		return arrival{}, false, false, false, err
	}
	for {
		p, ok := v.Poll()
		if !ok {
			if v.IsReleased() {
				return arrival{}, false, false, false, errors.Join(errors.New("consumed partition has been released"), v.Failure())
			}
			return arrival{}, false, false, false, nil
		}
		if p.Buffer.Len() == 0 && p.Buffer.Type().IsBuffer() {
			p.Buffer.Recycle() // nothing to read, but it used a number (FLINK-1761)
			continue
		}
		return arrival{buf: p.Buffer, sequence: p.Sequence}, p.Next != buffer.None, p.Next.HasPriority(), true, nil
	}
}

func (c *localChannel) resume() error {
	v, err := c.look()
	if v == nil || err != nil {
		return errors.Join(errors.New("nothing to resume"), err)
	}
	if err := v.Resume(); err != nil {
		return err
	}
	c.gate.dataAvailable(c.index) // resuming notifies nobody: look
	return nil
}

func (c *localChannel) acknowledge() error {
	v, err := c.look()
	if v == nil || err != nil {
		return errors.Join(errors.New("nothing to acknowledge"), err)
	}
	v.AckAllRecordsProcessed()
	return nil
}

func (c *localChannel) setBufferSize(n int) {
	if v, _ := c.look(); v != nil {
		_ = v.SetBufferSize(n)
	}
}

func (c *localChannel) OnError(err error) {
	c.mu.Lock()
	if c.mu.err == nil {
		c.mu.err = err
	}
	c.mu.Unlock()
	c.gate.dataAvailable(c.index)
}

func (c *localChannel) queued() (buffers, bytes int) {
	v, _ := c.look()
	if v == nil {
		return 0, 0
	}
	return v.QueuedBuffers(), 0
}

func (c *localChannel) inUse() int {
	buffers, _ := c.queued()
	return buffers
}

func (c *localChannel) release() {
	c.mu.Lock()
	v, early := c.mu.view, c.mu.early
	first := !c.mu.released
	c.mu.released = true
	c.mu.Unlock()
	if first && early != nil {
		early.Cancel()
	}
	if first && v != nil {
		v.Release()
	}
}
