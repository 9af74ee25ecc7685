// partition_event.go: events behind, and ahead of, the records: barriers, the end of the data, the end of the partition. Task.

package partition

import (
	"fmt"
	"slices"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// BroadcastEvent puts an event behind everything written so far, or ahead of it if t has priority, in every subpartition.
// content is copied. It needs no buffer of the pool and does not wait. In a replayable partition it keeps its place in any case.
// Task. Errors: ErrFinished, *CancelledError, *StorageError.
func (p *ResultPartition) BroadcastEvent(content []byte, t buffer.DataType) error {
	if !t.IsEvent() {
		panic(fmt.Sprintf("partition: broadcasting %v as an event", t))
	}
	p.own()
	if p.finished {
		return ErrFinished
	}
	checkBarrier(content, t)
	if err := p.endAll(); err != nil {
		return err
	}
	if p.store != nil {
		return p.store.keepEvent(content, t)
	}
	event := buffer.FinishedConsumer(buffer.Unpooled(slices.Clone(content), t))
	for i := range p.subs {
		p.subs[i].add(event.Copy())
	}
	event.Close()
	if p.IsReleased() {
		return p.cancelledError()
	}
	return nil
}

// checkBarrier panics when a checkpoint barrier would go out as something that it is not: its type decides whom it overtakes
// and blocks.
func checkBarrier(content []byte, t buffer.DataType) {
	if t != buffer.PrioritizedEvent && t != buffer.TimeoutableBarrier {
		return
	}
	event, err := frame.ParseEvent(content)
	if err != nil {
		panic(fmt.Sprintf("partition: broadcasting what is no event: %v", err))
	}
	barrier, ok := event.(frame.CheckpointBarrier)
	switch {
	case t == buffer.TimeoutableBarrier && !(ok && barrier.IsTimeoutable()):
		panic(fmt.Sprintf("partition: %+v is no timeoutable barrier", event))
	case ok && t.HasPriority() && barrier.Alignment != frame.Unaligned:
		panic(fmt.Sprintf("partition: barrier %d of alignment %d has priority: only unaligned ones have", barrier.ID, barrier.Alignment))
	}
}

// NotifyEndOfData says that no record follows: drain if the input came to its end, not if the job was stopped. Only the first
// call counts. The task goes on to Finish when AllDataProcessed says so. Task. Errors as BroadcastEvent.
func (p *ResultPartition) NotifyEndOfData(drain bool) error {
	if p.ended {
		return nil
	}
	p.ended = true
	return p.BroadcastEvent(frame.AppendEvent(nil, frame.EndOfData{NoDrain: !drain}), buffer.EndOfData)
}

// Finish ends every subpartition; nothing can be written afterwards, and what is replayable can be read. Task. Errors:
// ErrFinished the second time, *CancelledError, *StorageError.
func (p *ResultPartition) Finish() error {
	p.own()
	if p.finished {
		return ErrFinished
	}
	if err := p.endAll(); err != nil {
		return err
	}
	p.finished = true
	if p.store != nil {
		return p.store.finish()
	}
	for i := range p.subs {
		p.subs[i].finish()
	}
	if p.IsReleased() {
		return p.cancelledError()
	}
	return nil
}
