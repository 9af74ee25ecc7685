// fifo.go: the line of readers that wait for their turn.

package net

// fifo is a ring of readers, each in it at most once. It grows by doubling and keeps its memory.
type fifo struct {
	slots []*viewReader
	head  int
	count int
}

func (q *fifo) push(r *viewReader) {
	if q.count == len(q.slots) {
		larger := make([]*viewReader, max(16, 2*len(q.slots)))
		for k := range q.count {
			larger[k] = q.slots[(q.head+k)&(len(q.slots)-1)]
		}
		q.slots, q.head = larger, 0
	}
	q.slots[(q.head+q.count)&(len(q.slots)-1)] = r
	q.count++
}

func (q *fifo) pop() (r *viewReader, ok bool) {
	if q.count == 0 {
		return nil, false
	}
	r = q.slots[q.head]
	q.slots[q.head] = nil
	q.head = (q.head + 1) & (len(q.slots) - 1)
	q.count--
	return r, true
}
