// networkpool_share.go: who may hold how many segments. The promises, and the spare ones beyond them.

package buffer

import (
	"fmt"
	"slices"
)

// CreateLocal promises o.Required segments to a new local pool, which gets a share of the spare ones besides. An
// *InsufficientError says that so many are not left to be promised, ErrPoolDestroyed that the pool is gone. Nothing is waited
// for: segments promised may still be in other hands, and come to the new pool as these recycle them.
func (p *NetworkBufferPool) CreateLocal(o LocalOptions) (*LocalBufferPool, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p.factory.Lock()
	if err := p.promiseLocked(o.Required); err != nil {
		p.factory.Unlock()
		return nil, err
	}
	l := newLocalBufferPool(p, o)
	p.factory.pools = append(p.factory.pools, l)
	p.redistributeAndUnlock()
	return l, nil
}

// promiseLocked counts n segments as required, if so many are left. To be followed by redistributeAndUnlock.
func (p *NetworkBufferPool) promiseLocked(n int) error {
	if p.factory.destroyed {
		return ErrPoolDestroyed
	}
	left := len(p.segments) - p.factory.required
	if n > left {
		return &InsufficientError{Required: n, Available: left, Total: len(p.segments), SegmentSize: p.options.SegmentSize}
	}
	p.factory.required += n
	return nil
}

// remove takes back what was promised to l, which is destroyed.
func (p *NetworkBufferPool) remove(l *LocalBufferPool) {
	p.factory.Lock()
	i := slices.Index(p.factory.pools, l)
	p.factory.pools = slices.Delete(p.factory.pools, i, i+1)
	p.factory.required -= l.options.Required
	p.redistributeAndUnlock()
}

// redistributeAndUnlock gives every local pool its size, leaves the factory lock, and only then tells pools what they may
// have got: their listeners are foreign.
func (p *NetworkBufferPool) redistributeAndUnlock() {
	pools := slices.Clone(p.factory.pools)
	rooms := make([]int, len(pools))
	for i, l := range pools {
		rooms[i] = l.options.Max - l.options.Required
	}
	for i, more := range spread(len(p.segments)-p.factory.required, rooms) {
		pools[i].resize(pools[i].options.Required + more)
	}
	p.factory.Unlock()
	p.wake()
	for _, l := range pools {
		l.serve()
	}
}

// spread divides the spare segments among pools that could use rooms[i] more each. Shares are proportional to what
// a pool could still use, at most all of the spare ones, so that pools without a bound get equal shares and nearly
// everything. Rounding is of the running sum: everything is handed out, and who gets one more than another depends on the
// order, which is the order of creation here (a hash set's in Flink). After NetworkBufferPool.redistributeBuffers.
func spread(spare int, rooms []int) []int {
	shares := make([]int, len(rooms))
	var all int64 // what all could use together: at most pools x segments, far from overflow even times spare
	for _, room := range rooms {
		all += int64(min(spare, room))
	}
	if all == 0 {
		return shares
	}
	hand := min(int64(spare), all)
	var used, given int64
	for i, room := range rooms {
		used += int64(min(spare, room))
		share := hand*used/all - given
		given += share
		shares[i] = int(share)
	}
	if used != all || given != hand {
		panic(fmt.Sprintf("buffer: handed out %d of %d spare segments", given, hand))
	}
	return shares
}

// RequestedSegments estimates how many segments the present users would like to have: the most a bounded pool may get, twice
// its promise for one without a bound, and what is out unpooled.
func (p *NetworkBufferPool) RequestedSegments() int {
	p.factory.Lock()
	defer p.factory.Unlock()
	n := p.factory.unpooled
	for _, l := range p.factory.pools {
		if l.options.Max == NoBound {
			n += 2 * l.options.Required
		} else {
			n += l.options.Max
		}
	}
	return n
}

// RequestedUsage is RequestedSegments in percent of all there are. From 100 on, pools are smaller than their users would
// like, and throughput may suffer: worth a warning, each time the figure changes.
func (p *NetworkBufferPool) RequestedUsage() int {
	return int(int64(100) * int64(p.RequestedSegments()) / int64(len(p.segments)))
}
