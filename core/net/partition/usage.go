// usage.go: what a partition has written and what it holds, for metrics: read by anybody while the task works.

package partition

import "xbench/core/meter"

// Wrote counts a record that is emitted or broadcast, before it is: Builder.Advance counts the others. Task.
func (p *ResultPartition) Wrote() {
	p.own()
	p.records++
}

// publishRecords is called by whoever holds pen.
func (p *ResultPartition) publishRecords() { p.recordsOut.Raise(p.records) }

// RecordsOut is how many records the task has begun to write, up to the last buffer that ended or the last flush; one that goes to all
// subpartitions is one.
func (p *ResultPartition) RecordsOut() uint64 { return p.recordsOut.Load() }

// PoolUsage is how much of the partition's share of the memory is in use. More than all of it is overdraft.
func (p *ResultPartition) PoolUsage() meter.Usage {
	return meter.Usage{Used: p.pool.Used(), Total: p.pool.Size()}
}

// Queued are the lengths of the subpartitions' queues in buffers and events, unfinished ones included, and the bytes in them that nobody has
// polled. The bytes are derived from what is queued, not counted as they come and go (FLINK-32298); what the task has not published is not
// among them.
func (p *ResultPartition) Queued() (lengths meter.QueueLengths, bytes int) {
	for i := range p.subs {
		n, b := p.subs[i].queuedBytes()
		lengths.Add(n)
		bytes += b
	}
	return lengths, bytes
}

// queuedBytes is queued with the bytes.
func (s *subpartition) queuedBytes() (buffers, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.mu.queue.size {
		bytes += s.mu.queue.at(i).Unread()
	}
	return s.mu.queue.size, bytes
}
