// longs_source.go: the producing tasks of workload longs.

package workloads

import (
	"context"
	"time"

	"xbench/harness"
	"xbench/harness/pace"
)

// sendLongs sends longs as fast as they go. The first record of a batch is an instant.
func (s *source) sendLongs(ctx context.Context, t *harness.SourceTask) error {
	if !t.WaitBegin(ctx) {
		return nil
	}
	l := newLongs(s.p, s.index, s.out, t.Ledger.Entries)
	defer l.enter()
	batch := stampEveryOf(s.p.Size)
	for {
		now := t.Clock()
		if t.Over(now) {
			return nil
		}
		if err := l.stamp(now); err != nil {
			return err
		}
		if err := l.send(batch - 1); err != nil {
			return err
		}
		t.Sent(batch * l.copies())
	}
}

// sendPacedLongs sends longs at their rate, in bursts. The first record of a burst says when it was due.
func (s *source) sendPacedLongs(ctx context.Context, t *harness.SourceTask) error {
	l := newLongs(s.p, s.index, s.out, t.Ledger.Entries)
	defer l.enter()
	burst := uint64(s.p.Burst)
	pacer := t.BurstPacer(pace.Rate{
		Records: s.p.Rate, Per: time.Second, First: uint64(s.index) * burst, Step: uint64(s.p.Writers) * burst,
	}, s.p.Burst)
	for {
		s.out.Idle()
		first, n, ok := pacer.Next(ctx)
		if !ok {
			return nil
		}
		for i := first; i < first+n; i++ {
			if err := l.stamp(pacer.Due(i)); err != nil {
				return err
			}
			if err := l.send(s.p.Burst - 1); err != nil {
				return err
			}
		}
		t.Sent(int(n) * s.p.Burst * l.copies())
	}
}
