// networkpool_batch.go: segments in batches and out of any local pool: the exclusive buffers of channels.

package buffer

import (
	"context"
	"fmt"
	"time"

	"xbench/core/meter"
)

// RequestUnpooled is n segments for the caller to lend: the exclusive buffers of a channel. They count as promised, so it
// fails at once with an *InsufficientError when fewer are left. Segments that are promised but still in other hands are waited
// for, up to the request timeout (*RequestTimeoutError). On any failure nothing is kept and the promise is taken back: two
// tasks that each hold half of what both need fail instead of hanging. Panics when n is negative.
func (p *NetworkBufferPool) RequestUnpooled(ctx context.Context, n int) ([]*Segment, error) {
	if n < 0 {
		panic(fmt.Sprintf("buffer: %d segments requested", n))
	}
	if n == 0 {
		return nil, nil
	}
	p.factory.Lock()
	if err := p.promiseLocked(n); err != nil {
		p.factory.Unlock()
		return nil, err
	}
	p.factory.unpooled += n
	p.redistributeAndUnlock()
	got := make([]*Segment, 0, n)
	err := p.await(ctx, n, func() (int, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.mu.destroyed {
			return len(got), ErrPoolDestroyed
		}
		for len(got) < n {
			s := p.takeLocked()
			if s == nil {
				break
			}
			got = append(got, s)
		}
		return len(got), nil
	})
	if err != nil {
		p.RecycleUnpooled(got)
		p.unpromise(n - len(got))
		return nil, err
	}
	return got, nil
}

// RecycleUnpooled returns segments that RequestUnpooled handed out, none of them lent. Each call shares out anew, so give back
// a channel's segments together.
func (p *NetworkBufferPool) RecycleUnpooled(segments []*Segment) {
	if len(segments) == 0 {
		return
	}
	p.give(segments...)
	p.unpromise(len(segments))
}

// unpromise takes back the promise of n unpooled segments.
func (p *NetworkBufferPool) unpromise(n int) {
	if n == 0 {
		return
	}
	p.factory.Lock()
	p.factory.unpooled -= n
	p.factory.required -= n
	if p.factory.unpooled < 0 {
		panic(fmt.Sprintf("buffer: %d more unpooled segments returned than were requested", -p.factory.unpooled))
	}
	p.redistributeAndUnlock()
}

// await calls try until it has obtained n segments or fails, and in between sleeps until the free list changes. The last try
// follows a cancellation or timeout: what it obtains counts more.
func (p *NetworkBufferPool) await(ctx context.Context, n int, try func() (obtained int, err error)) error {
	changed := p.change()
	obtained, err := try()
	if err != nil || obtained >= n {
		return err
	}
	timeout := time.NewTimer(p.options.RequestTimeout)
	defer timeout.Stop()
	from := p.now()
	defer func() { p.waited(noChannel, from) }()
	var over error
	for over == nil {
		select {
		case <-changed:
		case <-ctx.Done():
			over = fmt.Errorf("interrupted with %d of %d network buffers obtained: %w", obtained, n, context.Cause(ctx))
		case <-timeout.C:
			over = &RequestTimeoutError{Required: n, Obtained: obtained, Free: p.Available(), Total: len(p.segments),
				SegmentSize: p.options.SegmentSize, Timeout: p.options.RequestTimeout}
		}
		changed = p.change()
		if obtained, err = try(); err != nil || obtained >= n {
			return err
		}
	}
	return over
}

// now is a stamp for waited.
func (p *NetworkBufferPool) now() meter.Time {
	if p.options.Waits == nil {
		return 0
	}
	return p.options.Clock()
}

// waited reports a wait for a buffer that is over. No lock is held.
func (p *NetworkBufferPool) waited(channel int, from meter.Time) {
	if p.options.Waits != nil {
		p.options.Waits.Waited(meter.Pool, channel, from, p.options.Clock())
	}
}
