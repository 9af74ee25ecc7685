// ready.go: the FIFO of those that have something to poll, each in it at most once, priority first.

package gate

// ready is a FIFO of indices below a fixed number. An index is in it once at most; those with priority come out first, in
// the order in which they got it (Flink: PrioritizedDeque of channels with its BitSet).
type ready struct {
	place    []place
	ordinary indexRing
	priority indexRing
}

type place uint8

const (
	absent place = iota
	inOrdinary
	inPriority
)

func newReady(n int) ready {
	return ready{place: make([]place, n), ordinary: newIndexRing(n), priority: newIndexRing(n)}
}

func (r *ready) empty() bool { return r.ordinary.count+r.priority.count == 0 }

// push puts i at the tail unless it is there already. It reports whether the FIFO was empty before.
func (r *ready) push(i int) (wasEmpty bool) {
	if r.place[i] != absent {
		return false
	}
	wasEmpty = r.empty()
	r.place[i] = inOrdinary
	r.ordinary.push(i)
	return wasEmpty
}

// pushPriority puts i behind those with priority, moving it there if it waited among the others.
// It reports whether there was nobody with priority before.
func (r *ready) pushPriority(i int) (first bool) {
	switch r.place[i] {
	case inPriority:
		return false
	case inOrdinary:
		r.ordinary.remove(i)
	}
	first = r.priority.count == 0
	r.place[i] = inPriority
	r.priority.push(i)
	return first
}

func (r *ready) pop() (i int, ok bool) {
	from := &r.priority
	if from.count == 0 {
		from = &r.ordinary
	}
	if from.count == 0 {
		return 0, false
	}
	i = from.pop()
	r.place[i] = absent
	return i, true
}

func (r *ready) remove(i int) {
	switch r.place[i] {
	case inOrdinary:
		r.ordinary.remove(i)
	case inPriority:
		r.priority.remove(i)
	}
	r.place[i] = absent
}

// indexRing is a ring of a fixed capacity: as many as there are indices, so it is never too small.
type indexRing struct {
	slots []int32
	head  int
	count int
}

func newIndexRing(n int) indexRing { return indexRing{slots: make([]int32, n)} }

func (q *indexRing) at(k int) int {
	k += q.head
	if k >= len(q.slots) {
		k -= len(q.slots)
	}
	return k
}

func (q *indexRing) push(i int) {
	q.slots[q.at(q.count)] = int32(i)
	q.count++
}

func (q *indexRing) pop() int {
	i := int(q.slots[q.head])
	q.head = q.at(1)
	q.count--
	return i
}

// remove takes i out, wherever it is. Its cost grows with the length: for the rare cases, priority and end of partition.
func (q *indexRing) remove(i int) {
	for k := range q.count {
		if int(q.slots[q.at(k)]) != i {
			continue
		}
		for ; k < q.count-1; k++ {
			q.slots[q.at(k)] = q.slots[q.at(k+1)]
		}
		q.count--
		return
	}
}
