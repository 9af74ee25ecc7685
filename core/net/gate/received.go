// received.go: what a remote channel has received and nobody has polled yet.

package gate

import "xbench/core/buffer"

// arrival is a buffer with its sequence number on the wire.
type arrival struct {
	buf      buffer.Buffer
	sequence int32
}

// received is a ring of arrivals whose first `priority` ones overtook the rest (Flink: PrioritizedDeque).
// It grows by doubling and keeps its memory: in the steady state nothing is allocated.
type received struct {
	slots    []arrival
	head     int
	count    int
	priority int
	bytes    int
}

func (q *received) at(k int) *arrival { return &q.slots[(q.head+k)&(len(q.slots)-1)] }

func (q *received) grow() {
	if q.count < len(q.slots) {
		return
	}
	larger := make([]arrival, max(8, 2*len(q.slots)))
	for k := range q.count {
		larger[k] = *q.at(k)
	}
	q.slots, q.head = larger, 0
}

func (q *received) push(a arrival) {
	q.grow()
	q.count++
	*q.at(q.count - 1) = a
	q.bytes += a.buf.Len()
}

// pushPriority puts a behind the others with priority and ahead of everything else.
func (q *received) pushPriority(a arrival) {
	q.grow()
	q.count++
	for k := q.count - 1; k > q.priority; k-- {
		*q.at(k) = *q.at(k - 1)
	}
	*q.at(q.priority) = a
	q.priority++
	q.bytes += a.buf.Len()
}

func (q *received) pop() (a arrival, ok bool) {
	if q.count == 0 {
		return arrival{}, false
	}
	a = *q.at(0)
	*q.at(0) = arrival{}
	q.head = (q.head + 1) & (len(q.slots) - 1)
	q.count--
	if q.priority > 0 {
		q.priority--
	}
	q.bytes -= a.buf.Len()
	return a, true
}

// take removes the event of a type, without priority, that has this sequence number, wherever it is.
func (q *received) take(sequence int32, t buffer.DataType) (a arrival, ok bool) {
	for k := q.priority; k < q.count; k++ {
		if a = *q.at(k); a.sequence != sequence || a.buf.Type() != t {
			continue
		}
		for ; k < q.count-1; k++ {
			*q.at(k) = *q.at(k + 1)
		}
		*q.at(q.count - 1) = arrival{}
		q.count--
		q.bytes -= a.buf.Len()
		return a, true
	}
	return arrival{}, false
}
