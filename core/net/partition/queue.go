// queue.go: the buffers of one subpartition in the order in which they leave.

package partition

import "xbench/core/buffer"

// queue is a ring of consumers whose first `priority` ones overtook the rest (Flink: PrioritizedDeque). It grows by doubling
// and keeps its memory: in the steady state nothing is allocated. Elements are values and are named by their position, 0 is the
// head.
type queue struct {
	ring     []buffer.Consumer // the length is a power of two
	head     int
	size     int
	priority int // how many of the first elements have priority
}

func (q *queue) at(i int) *buffer.Consumer { return &q.ring[(q.head+i)&(len(q.ring)-1)] }
func (q *queue) last() *buffer.Consumer    { return q.at(q.size - 1) }

// add puts c at the tail.
func (q *queue) add(c buffer.Consumer) {
	q.grow()
	*q.at(q.size) = c
	q.size++
}

// addPriority puts c behind the elements with priority and ahead of all others.
func (q *queue) addPriority(c buffer.Consumer) {
	q.grow()
	for i := q.size; i > q.priority; i-- {
		*q.at(i) = *q.at(i - 1)
	}
	*q.at(q.priority) = c
	q.size++
	q.priority++
}

// poll takes the head out. The queue must not be empty.
func (q *queue) poll() buffer.Consumer {
	c := *q.at(0)
	*q.at(0) = buffer.Consumer{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.size--
	if q.priority > 0 {
		q.priority--
	}
	return c
}

// remove takes out the element at i. Its cost grows with the length: it is for barriers that change their mind.
func (q *queue) remove(i int) buffer.Consumer {
	c := *q.at(i)
	if i < q.priority {
		q.priority--
	}
	for ; i < q.size-1; i++ {
		*q.at(i) = *q.at(i + 1)
	}
	*q.at(i) = buffer.Consumer{}
	q.size--
	return c
}

// grow makes room for one more.
func (q *queue) grow() {
	if q.size < len(q.ring) {
		return
	}
	larger := make([]buffer.Consumer, max(4, 2*len(q.ring)))
	for i := range q.size {
		larger[i] = *q.at(i)
	}
	q.ring, q.head = larger, 0
}
