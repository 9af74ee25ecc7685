// networkpool.go: all segments of a process, and the list of those that are free.

package buffer

import (
	"fmt"
	"math"
	"sync"
	"time"

	"xbench/core/meter"
)

// requestTimeout is how long a batch of segments is waited for when the options do not say.
const requestTimeout = 30 * time.Second

// PoolOptions describe a NetworkBufferPool.
type PoolOptions struct {
	Segments       int            // how many, at least 1; they are made at once
	SegmentSize    int            // bytes each, at least 1 (in earnest 4 KiB to 64 KiB)
	RequestTimeout time.Duration  // for RequestUnpooled and Reserve; 0 is 30 s
	Clock          meter.Clock    // needed with Waits
	Waits          meter.Observer // is told of every wait for a buffer; nil: nobody
}

func (o *PoolOptions) check() error {
	switch {
	case o.Segments < 1 || o.Segments > math.MaxInt32:
		return fmt.Errorf("buffer: Segments %d: a pool has at least one", o.Segments)
	case o.SegmentSize < 1 || o.SegmentSize > math.MaxInt32-2*HeaderRoom:
		return fmt.Errorf("buffer: SegmentSize %d: positions are 32 bits wide", o.SegmentSize)
	case o.Segments > math.MaxInt/strideOf(o.SegmentSize):
		return fmt.Errorf("buffer: %d segments of %d bytes exceed the address space", o.Segments, o.SegmentSize)
	case o.RequestTimeout < 0:
		return fmt.Errorf("buffer: RequestTimeout %v: 0 means %v", o.RequestTimeout, requestTimeout)
	case o.Waits != nil && o.Clock == nil:
		return fmt.Errorf("buffer: Waits without a Clock: nothing to stamp them with")
	}
	return nil
}

// A NetworkBufferPool holds all segments of a process. Local pools and channels with exclusive buffers take from it and
// return to it; how many each may hold is decided in networkpool_share.go. Any goroutine may call it. After Flink's class of that
// name.
type NetworkBufferPool struct {
	options  PoolOptions
	arena    *arena
	segments []Segment

	factory struct { // who may hold how many
		sync.Mutex
		pools     []*LocalBufferPool // in the order of creation, which is the order of redistribution
		required  int                // promised: of the local pools, and unpooled
		unpooled  int                // of these, not of a local pool
		destroyed bool
	}
	mu struct { // the free list
		sync.Mutex
		free        []*Segment
		first, last *LocalBufferPool // pools that wait for a free segment, linked by nextWaiting
		changed     chan struct{}    // closed at the next change, made by who waits for one
		destroyed   bool
		freed       bool
	}
}

// strideOf is the distance of two segments in bytes: header room and memory, rounded up to an odd number of 64-byte lines. Odd, so that
// the starts of segments, where most of the writing is, spread over all sets of a cache; with 32 KiB apart they
// share a few of them, which costs an eighth of the throughput.
func strideOf(segmentSize int) int {
	lines := (HeaderRoom + segmentSize + 63) / 64
	return (lines | 1) * 64
}

// NewNetworkBufferPool makes all segments at once, resident in memory.
func NewNetworkBufferPool(o PoolOptions) (*NetworkBufferPool, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = requestTimeout
	}
	stride := strideOf(o.SegmentSize)
	a, err := newArena(o.Segments, stride)
	if err != nil {
		return nil, fmt.Errorf("buffer: allocating %d MiB for %d network buffers of %d bytes: %w",
			o.Segments*stride>>20, o.Segments, o.SegmentSize, err)
	}
	p := &NetworkBufferPool{options: o, arena: a, segments: make([]Segment, o.Segments)}
	p.mu.free = make([]*Segment, o.Segments)
	for i := range p.segments {
		s := &p.segments[i]
		s.block = a.block(i)[: HeaderRoom+o.SegmentSize : HeaderRoom+o.SegmentSize]
		s.body, s.index, s.channel = HeaderRoom, int32(i), noChannel
		s.state.Store(homeBit)
		p.mu.free[o.Segments-1-i] = s // the first is taken first
	}
	return p, nil
}

// Segments is how many there are, home or not.
func (p *NetworkBufferPool) Segments() int { return len(p.segments) }

// SegmentSize is the memory of each in bytes.
func (p *NetworkBufferPool) SegmentSize() int { return p.options.SegmentSize }

// Available is how many are free right now.
func (p *NetworkBufferPool) Available() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.mu.free)
}

// take is a free segment, or nil. It does not look at promises: local pools keep to their size themselves.
func (p *NetworkBufferPool) take() *Segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.takeLocked()
}

func (p *NetworkBufferPool) takeLocked() *Segment {
	last := len(p.mu.free) - 1
	if last < 0 || p.mu.destroyed {
		return nil
	}
	s := p.mu.free[last]
	p.mu.free = p.mu.free[:last]
	s.leaveHome()
	return s
}

// takeOrWait is a free segment, or nil and a place in the line of pools that are told of the next. The caller holds l's lock
// and is not in the line. No pool gets in line when the pool is destroyed: nothing would come.
func (p *NetworkBufferPool) takeOrWait(l *LocalBufferPool) (s *Segment, waiting bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.takeLocked(); s != nil || p.mu.destroyed {
		return s, false
	}
	if p.mu.last == nil {
		p.mu.first = l
	} else {
		p.mu.last.nextWaiting = l
	}
	p.mu.last = l
	return nil, true
}

// give returns segments to the free list. It tells nobody: the caller may hold locks. Once it does not, it calls wake.
func (p *NetworkBufferPool) give(segments ...*Segment) {
	if len(segments) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range segments {
		if s.index < 0 || int(s.index) >= len(p.segments) || s != &p.segments[s.index] {
			panic(fmt.Sprintf("buffer: segment %d returned to a pool it is not from", s.index))
		}
		s.comeHome()
		p.mu.free = append(p.mu.free, s)
	}
	p.changeLocked()
}

// changeLocked wakes who waits for a batch (see await).
func (p *NetworkBufferPool) changeLocked() {
	if p.mu.changed != nil {
		close(p.mu.changed)
		p.mu.changed = nil
	}
}

// stir wakes who waits for a batch although nothing came: what it waits for may have ended.
func (p *NetworkBufferPool) stir() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changeLocked()
}

// change is closed at the next change of the free list. Ask for it before looking at the list.
func (p *NetworkBufferPool) change() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.changed == nil {
		p.mu.changed = make(chan struct{})
	}
	return p.mu.changed
}

// wake tells the pools in line that segments are free. All of them, as each takes what it needs and the others get in line
// again; in the order they came. The caller holds no lock, as listeners may be called from here.
func (p *NetworkBufferPool) wake() {
	p.mu.Lock()
	if p.mu.first == nil || len(p.mu.free) == 0 {
		p.mu.Unlock()
		return
	}
	next := p.mu.first
	p.mu.first, p.mu.last = nil, nil
	p.mu.Unlock()
	for next != nil {
		l := next
		next, l.nextWaiting = l.nextWaiting, nil // l may be in the line again when globalAvailable returns
		l.globalAvailable()
	}
}

// Destroy ends the pool: all local pools are destroyed, requests fail from now on, those waiting included. Segments that are
// out come home when their users recycle them. A second call does nothing.
func (p *NetworkBufferPool) Destroy() {
	p.factory.Lock()
	p.factory.destroyed = true
	pools := append([]*LocalBufferPool(nil), p.factory.pools...)
	p.factory.Unlock()
	p.mu.Lock()
	p.mu.destroyed = true
	p.changeLocked()
	p.mu.Unlock()
	for _, l := range pools {
		l.Destroy()
	}
}

// leaksNamed is how many missing segments a LeakError describes.
const leaksNamed = 8

// Free gives the memory back to the system, after Destroy if that has not been called. Unless every segment is home it
// does nothing and says what is missing: unmapping under a late reader would be a crash without a stack. It may be called
// again then. Calling it after it succeeded does nothing; under the build tags own and race it panics, as a second owner of
// the pool's life is a bug waiting (R1.1).
func (p *NetworkBufferPool) Free() error {
	p.Destroy()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.freed {
		if owned {
			panic("buffer: a pool can be freed only once")
		}
		return nil
	}
	if missing := len(p.segments) - len(p.mu.free); missing > 0 {
		return p.leak(missing)
	}
	p.mu.freed = true
	for i := range p.segments {
		p.segments[i].block = nil // a stale handle panics instead of reading unmapped memory
		p.segments[i].body = 0
	}
	if err := p.arena.free(); err != nil {
		return fmt.Errorf("buffer: unmapping the pool: %w", err)
	}
	return nil
}

func (p *NetworkBufferPool) leak(missing int) error {
	e := &LeakError{Missing: missing, Total: len(p.segments)}
	for i := range p.segments {
		s := &p.segments[i]
		if state := s.state.Load(); !isHome(state) && len(e.Segments) < leaksNamed {
			e.Segments = append(e.Segments, s.describe(state))
		}
	}
	return e
}
