// longs_source.go: the producing tasks of workload longs.

package workloads

import (
	"context"

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

// sendPacedLongs sends longs at their rate. Of the records that are due at once the first, which has waited longest, says since when.
func (s *source) sendPacedLongs(ctx context.Context, t *harness.SourceTask) error {
	l := newLongs(s.p, s.index, s.out, t.Ledger.Entries)
	defer l.enter()
	pacer := t.Pacer(pace.PerSecond(s.p.Rate, s.index, s.p.Writers))
	for {
		s.out.Idle()
		first, n, ok := pacer.Next(ctx)
		if !ok {
			return nil
		}
		if err := l.stamp(pacer.Due(first)); err != nil {
			return err
		}
		if err := l.send(int(n) - 1); err != nil {
			return err
		}
		t.Sent(int(n) * l.copies())
	}
}
