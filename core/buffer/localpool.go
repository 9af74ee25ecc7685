// localpool.go: the share of one partition or gate in the segments of a process.

package buffer

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// LocalOptions describe a LocalBufferPool.
type LocalOptions struct {
	Required      int // segments promised, at least 1
	Max           int // segments at most; 0: no bound
	Subpartitions int // channels that Request may name, 0 for a gate
	MaxPerChannel int // segments that one of them should hold at most; 0: no bound
	Overdraft     int // segments beyond the size, to finish a record with; 0 for gates
}

// check also puts no bound where 0 stands for it.
func (o *LocalOptions) check() error {
	switch {
	case o.Required < 1:
		return fmt.Errorf("buffer: Required %d: a pool without a segment of its own would wait for ever", o.Required)
	case o.Max != 0 && o.Max < o.Required:
		return fmt.Errorf("buffer: Max %d is below Required %d", o.Max, o.Required)
	case o.Subpartitions < 0 || o.MaxPerChannel < 0 || o.Overdraft < 0:
		return fmt.Errorf("buffer: %d subpartitions, %d segments per channel, %d overdraft: negative",
			o.Subpartitions, o.MaxPerChannel, o.Overdraft)
	}
	if o.Max == 0 {
		o.Max = NoBound
	}
	if o.MaxPerChannel == 0 {
		o.MaxPerChannel = NoBound
	}
	return nil
}

// A LocalBufferPool is what one partition or gate may hold of the segments of a NetworkBufferPool: its size, between
// Required and Max, changes as others come and go. Any goroutine may call it. After Flink's class of that name.
//
// It holds one free segment ahead of requests whenever it may, so that being available means that the next request succeeds. It
// is available while a segment is free here and no channel holds its maximum. That maximum is a hint to stop at the next
// record, and so is the size: requests go on succeeding, beyond the size up to the overdraft, so that a record
// under way is finished without standing still in the middle.
//
// Nothing is stored that can be derived: the overdraft in use is requested - size, and so it stays right when
// the size changes.
type LocalBufferPool struct {
	global      *NetworkBufferPool
	options     LocalOptions
	nextWaiting *LocalBufferPool // in the line of the free list; see takeOrWait

	available atomic.Bool   // IsAvailable without the lock
	ready     chan struct{} // one slot, full while available; closed when destroyed
	freed     chan struct{} // one slot: look again, for who blocks in RequestBlocking; closed when destroyed

	mu struct {
		sync.Mutex
		size      int        // what redistribution allows
		requested int        // taken from the global pool and not returned, free ones included
		free      []*Segment // the last recycled is the next lent: its memory is in a cache
		held      []int32    // per channel
		full      int        // channels that hold their maximum, or more
		listeners listenerLine
		blocked   int  // in RequestBlocking
		waiting   bool // in the line of the global pool's free list
		destroyed bool
	}
}

// newLocalBufferPool is a pool that holds nothing yet; the first resize fetches.
func newLocalBufferPool(p *NetworkBufferPool, o LocalOptions) *LocalBufferPool {
	l := &LocalBufferPool{global: p, options: o, ready: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
	l.mu.size = o.Required
	l.mu.held = make([]int32, o.Subpartitions)
	return l
}

// Request lends a buffer for a channel (-1: none), without waiting. A zero Buffer means that there is none now. The error is
// ErrPoolDestroyed.
func (l *LocalBufferPool) Request(channel int) (Buffer, error) {
	l.mu.Lock()
	if l.mu.destroyed {
		l.mu.Unlock()
		return Buffer{}, ErrPoolDestroyed
	}
	s := l.takeLocked()
	if s == nil {
		l.mu.Unlock()
		return Buffer{}, nil
	}
	if channel >= 0 {
		l.mu.held[channel]++
		if int(l.mu.held[channel]) == l.options.MaxPerChannel {
			l.mu.full++
		}
	}
	l.unlock()
	return s.Lend((*recycler)(l), channel), nil
}

// takeLocked is a free segment, or one of the overdraft, or nil. It does not fetch an ordinary one: that was tried when the
// last free one went, and the global pool will tell.
func (l *LocalBufferPool) takeLocked() *Segment {
	if last := len(l.mu.free) - 1; last >= 0 {
		s := l.mu.free[last]
		l.mu.free = l.mu.free[:last]
		return s
	}
	over := l.mu.requested - l.mu.size
	if over < 0 || over >= l.options.Overdraft {
		return nil
	}
	s := l.global.take()
	if s != nil {
		l.mu.requested++
	}
	return s
}

// recycler is the pool as the Recycler of what it lent; nobody else may call Recycle.
type recycler LocalBufferPool

func (r *recycler) Recycle(s *Segment) {
	l := (*LocalBufferPool)(r)
	l.mu.Lock()
	if channel := s.channel; channel >= 0 {
		if int(l.mu.held[channel]) == l.options.MaxPerChannel {
			l.mu.full--
		}
		l.mu.held[channel]--
	}
	l.placeAndUnlock(s)
}

// placeAndUnlock finds a place for a segment that nobody uses: the global pool when the pool holds too many, the
// first listener that accepts it, the free list. A loop, as a chain of listeners that refuse may be long (FLINK-10367).
func (l *LocalBufferPool) placeAndUnlock(s *Segment) {
	for {
		if l.mu.destroyed || l.mu.requested > l.mu.size {
			l.mu.requested--
			l.unlock()
			l.global.give(s)
			l.global.wake()
			return
		}
		x := l.mu.listeners.pop()
		if x == nil {
			l.mu.free = append(l.mu.free, s)
			l.unlock()
			return
		}
		l.unlock()
		b := s.Lend((*recycler)(l), noChannel)
		if x.BufferAvailable(b) {
			return
		}
		s.unlend(b.turn)
		l.mu.Lock()
	}
}

// unlock is the way out of the lock after every change: it fetches ahead, brings availability up to date, and tells who waits for
// it. Signals only, so that nothing foreign runs under the lock.
func (l *LocalBufferPool) unlock() {
	l.fetchLocked()
	l.invariantLocked()
	if !l.mu.destroyed {
		available := len(l.mu.free) > 0 && l.mu.full == 0
		if l.available.Load() != available {
			l.available.Store(available)
		}
		level(l.ready, available)
		if l.mu.blocked > 0 && len(l.mu.free) > 0 {
			level(l.freed, true)
		}
	}
	l.mu.Unlock()
}

// level makes a one-slot channel full or empty. Neither takes the channel's lock when it is so already.
func level(slot chan struct{}, full bool) {
	if full {
		select {
		case slot <- struct{}{}:
		default:
		}
		return
	}
	select {
	case <-slot:
	default:
	}
}

// fetchLocked holds one free segment ahead, if the size allows and the global pool has one; else the pool gets in line for
// the next.
func (l *LocalBufferPool) fetchLocked() {
	if l.mu.destroyed || l.mu.waiting || len(l.mu.free) > 0 || l.mu.requested >= l.mu.size {
		return
	}
	s, waiting := l.global.takeOrWait(l)
	l.mu.waiting = waiting
	if s != nil {
		l.mu.requested++
		l.mu.free = append(l.mu.free, s)
	}
}

func (l *LocalBufferPool) invariantLocked() {
	if l.mu.requested < len(l.mu.free) || l.mu.full < 0 || l.mu.full > len(l.mu.held) {
		panic(fmt.Sprintf("buffer: %d requested with %d free, %d of %d channels full",
			l.mu.requested, len(l.mu.free), l.mu.full, len(l.mu.held)))
	}
}

// globalAvailable is called by the global pool, when it has a segment, for a pool that was in line; no lock is held. What the
// pool does not need any more stays there for others.
func (l *LocalBufferPool) globalAvailable() {
	l.mu.Lock()
	l.mu.waiting = false
	l.unlock()
	l.serve()
}

// IsAvailable reports whether the next Request would succeed and no channel holds its maximum: a task looks here before it
// begins a record. A destroyed pool is available, as asking it does not block but fails. Any goroutine, no lock.
func (l *LocalBufferPool) IsAvailable() bool { return l.available.Load() }

// Available is a signal with one slot that is full while the pool is available: receive from it, then look at IsAvailable
// again. Whoever takes the signal passes it on by its next Request, whatever that returns; several waiters are
// woken one after the other that way. Closed when the pool is destroyed.
func (l *LocalBufferPool) Available() <-chan struct{} { return l.ready }

// Size is how many segments the pool may hold at present.
func (l *LocalBufferPool) Size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.size
}

// Requested is how many segments it holds, free and lent, those beyond Size included.
func (l *LocalBufferPool) Requested() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.requested
}

// Idle is how many of these are not lent.
func (l *LocalBufferPool) Idle() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.mu.free)
}

// Used is how many of these are lent.
func (l *LocalBufferPool) Used() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.requested - len(l.mu.free)
}

// String is the pool in logs and tests.
func (l *LocalBufferPool) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("local buffer pool [size %d, required %d, max %d, requested %d, free %d, listeners %d, "+
		"subpartitions %d, max per channel %d, overdraft %d, destroyed %v]",
		l.mu.size, l.options.Required, l.options.Max, l.mu.requested, len(l.mu.free), l.mu.listeners.len(),
		l.options.Subpartitions, l.options.MaxPerChannel, l.options.Overdraft, l.mu.destroyed)
}
