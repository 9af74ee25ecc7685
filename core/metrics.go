// metrics.go: what an exchange, its writers and its readers say of themselves, under Flink's names and in Flink's sense.

package core

import (
	"xbench/core/meter"
	"xbench/core/net/gate"
)

// NewTaskTime begins the account of one task's time, for a task that has several readers and writers: handed to all of them, it says what the
// task as a whole does. The task makes it when it begins.
func (x *Exchange) NewTaskTime() *meter.TaskTime { return meter.NewTaskTime(x.o.Clock) }

// Metrics are those of the memory (Flink: Shuffle.Netty of a task manager).
func (x *Exchange) Metrics() meter.Snapshot {
	total, available, size := x.pool.Segments(), x.pool.Available(), x.pool.SegmentSize()
	var s meter.Snapshot
	add := func(name string, v int, unit meter.Unit) {
		s = append(s, meter.Metric{Name: name, Scope: meter.ScopeExchange, Value: float64(v), Unit: unit})
	}
	add("TotalMemorySegments", total, meter.UnitSegments)
	add("AvailableMemorySegments", available, meter.UnitSegments)
	add("UsedMemorySegments", total-available, meter.UnitSegments)
	add("TotalMemory", total*size, meter.UnitBytes)
	add("AvailableMemory", available*size, meter.UnitBytes)
	add("UsedMemory", (total-available)*size, meter.UnitBytes)
	add("RequestedMemoryUsage", x.pool.RequestedUsage(), meter.UnitPercent)
	return s
}

// Metrics are those of the task's output, of its partition, and of the task's time. Anybody may call it, also while the task writes, and the task pays
// nothing for it.
//
// What is counted is counted when a buffer ends, as in Flink: the numbers lag behind the open buffers. numRecordsOut counts a record that is
// broadcast once, numBuffersOut and numBytesOut once for each subpartition; events are in neither.
func (w *Writer) Metrics() meter.Snapshot {
	lengths, bytes := w.part.Queued()
	var s meter.Snapshot
	add := func(name string, v float64, unit meter.Unit) {
		s = append(s, meter.Metric{Name: name, Scope: meter.ScopeWriter, Value: v, Unit: unit})
	}
	add("outputQueueLength", float64(lengths.Total), meter.UnitBuffers)
	add("outputQueueSize", float64(bytes), meter.UnitBytes)
	add("outPoolUsage", w.part.PoolUsage().Ratio(), meter.UnitRatio)
	add("numBytesOut", float64(w.part.BytesOut()), meter.UnitBytes)
	add("numBuffersOut", float64(w.part.BuffersOut()), meter.UnitBuffers)
	add("numRecordsOut", float64(w.part.RecordsOut()), meter.UnitRecords)
	s = lengths.Append(s, meter.ScopePartition)
	return w.time.Append(s)
}

// Metrics are those of the task's input, of its gates, and of the task's time. Anybody may call it, also while the task reads.
//
// What is counted is counted when the task takes a buffer, records when it has used it up. As in Flink, events count as buffers here, numBytesIn is of
// what the task gets and numBytesInLocal and -Remote of what came, which may be compressed; and the totals of the queues in a gate are of its
// remote channels.
func (r *Reader) Metrics() meter.Snapshot {
	loads := make([]gate.Load, len(r.gates))
	var all gate.Load
	for k, g := range r.gates {
		loads[k] = g.Load()
		all = all.Plus(loads[k])
	}
	var s meter.Snapshot
	add := func(name string, v float64, unit meter.Unit) {
		s = append(s, meter.Metric{Name: name, Scope: meter.ScopeReader, Value: v, Unit: unit})
	}
	add("inputQueueLength", float64(all.Queued), meter.UnitBuffers)
	add("inputQueueSize", float64(all.QueuedBytes), meter.UnitBytes)
	add("inPoolUsage", all.Exclusive.Plus(all.Floating).Ratio(), meter.UnitRatio)
	add("inputFloatingBuffersUsage", all.Floating.Ratio(), meter.UnitRatio)
	add("inputExclusiveBuffersUsage", all.Exclusive.Ratio(), meter.UnitRatio)
	add("numBytesInLocal", float64(all.Local.Bytes), meter.UnitBytes)
	add("numBytesInRemote", float64(all.Remote.Bytes), meter.UnitBytes)
	add("numBuffersInLocal", float64(all.Local.Buffers), meter.UnitBuffers)
	add("numBuffersInRemote", float64(all.Remote.Buffers), meter.UnitBuffers)
	add("numRecordsIn", float64(r.recordsIn.Load()), meter.UnitRecords)
	add("numBytesIn", float64(r.bytesIn.Load()), meter.UnitBytes)
	add("estimatedTimeToConsumeBuffersMs", float64(all.TimeToConsume.Milliseconds()), meter.UnitMilliseconds)
	for k, l := range loads {
		scope := meter.GateScope(k)
		s = l.RemoteQueues.Append(s, scope)
		s = append(s,
			meter.Metric{Name: "estimatedTimeToConsumeBuffersMs", Scope: scope, Value: float64(l.TimeToConsume.Milliseconds()), Unit: meter.UnitMilliseconds},
			meter.Metric{Name: "debloatedBufferSize", Scope: scope, Value: float64(l.BufferSize), Unit: meter.UnitBytes},
		)
	}
	return r.time.Append(s)
}
