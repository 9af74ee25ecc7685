// consumed_test.go: who has left a partition, and whether too early.

package partition

import "testing"

func TestAllConsumed(t *testing.T) {
	open := func(f *fixture) bool {
		select {
		case <-f.AllConsumed():
			return false
		default:
			return true
		}
	}
	for _, c := range []struct {
		name     string
		leave    func(t *testing.T, f *fixture, views []*View)
		deserted int
	}{
		{"behind the end", func(t *testing.T, f *fixture, views []*View) {
			for _, v := range views {
				v.AckAllRecordsProcessed()
			}
			if !open(f) {
				t.Error("consumed while both still read")
			}
			views[0].Release()
			views[0].Release()
			if !open(f) {
				t.Error("consumed while one still reads")
			}
			views[1].Release()
		}, 0},
		{"one too early", func(t *testing.T, f *fixture, views []*View) {
			views[1].Release()
			views[0].AckAllRecordsProcessed()
			views[0].Release()
		}, 1},
		{"both too early", func(t *testing.T, f *fixture, views []*View) {
			views[1].Release()
			views[0].Release()
		}, 2},
		{"failed", func(t *testing.T, f *fixture, views []*View) {
			f.Fail(errTestOver)
			views[0].Release()
			views[1].Release()
		}, 0},
		{"failed when one had left", func(t *testing.T, f *fixture, views []*View) {
			views[0].Release()
			f.Fail(errTestOver)
			views[1].Release()
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, shape{subs: 2, segments: 3, segmentSize: 16})
			a, _ := f.view(0)
			b, _ := f.view(1)
			f.emit(0, 8)
			c.leave(t, f, []*View{a, b})
			within(t, f.AllConsumed(), "the last consumer")
			if n := f.Deserted(); n != c.deserted {
				t.Errorf("%d deserted, want %d", n, c.deserted)
			}
		})
	}
}
