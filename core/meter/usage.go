// usage.go: how full pools and queues are. Arithmetic only.

package meter

// Usage is how many buffers of a number of them are in use. What it is made from was read without stopping anybody, so that it may be slightly off:
// Used below 0 counts as 0. It may be above Total: a pool lends beyond its size, to finish a record (overdraft).
type Usage struct{ Used, Total int }

// Plus is both together.
func (u Usage) Plus(v Usage) Usage { return Usage{u.Used + v.Used, u.Total + v.Total} }

// Ratio is the part that is used; 0 where there is nothing to use.
func (u Usage) Ratio() float64 {
	if u.Total <= 0 {
		return 0
	}
	return float64(max(0, u.Used)) / float64(u.Total)
}

// QueueLengths are the lengths of several queues: how many there are, their sum, the shortest and the longest. The zero value is none.
type QueueLengths struct{ Queues, Total, Min, Max int }

// Add counts one more queue.
func (q *QueueLengths) Add(length int) {
	if q.Queues == 0 || length < q.Min {
		q.Min = length
	}
	q.Max = max(q.Max, length)
	q.Total += length
	q.Queues++
}

// Average is the mean length; 0 of none.
func (q QueueLengths) Average() float64 {
	if q.Queues == 0 {
		return 0
	}
	return float64(q.Total) / float64(q.Queues)
}

// Append appends Flink's detailed queue metrics.
func (q QueueLengths) Append(s Snapshot, scope string) Snapshot {
	return append(s,
		Metric{"totalQueueLen", scope, float64(q.Total), UnitBuffers},
		Metric{"minQueueLen", scope, float64(q.Min), UnitBuffers},
		Metric{"maxQueueLen", scope, float64(q.Max), UnitBuffers},
		Metric{"avgQueueLen", scope, q.Average(), UnitBuffers},
	)
}
