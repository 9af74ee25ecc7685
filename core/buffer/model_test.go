// model_test.go: random histories of a process's pools, and what holds after every step of them.

package buffer

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// model is the pools of a process together with everything they lent.
type model struct {
	p        *NetworkBufferPool
	live     []*LocalBufferPool
	dead     []*LocalBufferPool
	lent     []loan
	unpooled [][]*Segment
}

// loan is a buffer, and the pool that it goes back to.
type loan struct {
	b    Buffer
	from *LocalBufferPool
}

func TestPoolsHoldInAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(1, 24).Draw(t, "total")
		p, err := NewNetworkBufferPool(PoolOptions{Segments: total, SegmentSize: 16})
		if err != nil {
			t.Fatal(err)
		}
		m := &model{p: p}
		t.Repeat(map[string]func(*rapid.T){
			"create":        m.create,
			"request":       m.request,
			"request more":  m.request,
			"recycle":       m.recycle,
			"recycle more":  m.recycle,
			"listen":        m.listen,
			"take unpooled": m.takeUnpooled,
			"give unpooled": m.giveUnpooled,
			"destroy":       m.destroy,
			"":              m.check,
		})
		for len(m.lent) > 0 { // a listener may lend it anew
			b := m.lent[0].b
			m.lent = m.lent[1:]
			b.Recycle()
		}
		for _, s := range m.unpooled {
			p.RecycleUnpooled(s)
		}
		if err := p.Free(); err != nil {
			t.Fatal(err)
		}
	})
}

func (m *model) create(t *rapid.T) {
	o := LocalOptions{
		Required:      rapid.IntRange(1, 4).Draw(t, "required"),
		Subpartitions: 3,
		MaxPerChannel: rapid.IntRange(0, 3).Draw(t, "per channel"),
		Overdraft:     rapid.IntRange(0, 2).Draw(t, "overdraft"),
	}
	if rapid.Bool().Draw(t, "bounded") {
		o.Max = o.Required + rapid.IntRange(0, 6).Draw(t, "more")
	}
	left := m.p.Segments() - m.p.factory.required
	l, err := m.p.CreateLocal(o)
	if o.Required > left {
		var insufficient *InsufficientError
		if !errors.As(err, &insufficient) || insufficient.Available != left {
			t.Fatalf("%d of %d left promised: %v", o.Required, left, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.live = append(m.live, l)
}

func (m *model) pick(t *rapid.T) *LocalBufferPool {
	if len(m.live) == 0 {
		t.Skip("no pool")
	}
	return rapid.SampledFrom(m.live).Draw(t, "pool")
}

func (m *model) request(t *rapid.T) {
	l := m.pick(t)
	over := l.Requested() - l.Size()
	want := l.Idle() > 0 || (over >= 0 && over < l.options.Overdraft && m.p.Available() > 0)
	b, err := l.Request(rapid.IntRange(-1, 2).Draw(t, "channel"))
	if err != nil || b.IsZero() == want {
		t.Fatalf("%v, %v; want one: %v; %v", b, err, want, l)
	}
	if want {
		m.lent = append(m.lent, loan{b, l})
	}
}

func (m *model) recycle(t *rapid.T) {
	if len(m.lent) == 0 {
		t.Skip("nothing is lent")
	}
	i := rapid.IntRange(0, len(m.lent)-1).Draw(t, "buffer")
	b := m.lent[i].b
	m.lent = append(m.lent[:i], m.lent[i+1:]...)
	b.Recycle() // a listener may lend it anew
}

func (m *model) listen(t *rapid.T) {
	l := m.pick(t)
	accepts := rapid.Bool().Draw(t, "accepts")
	idle := l.Idle()
	registered := l.AddListener(&callback{do: func(b Buffer) bool {
		if accepts {
			m.lent = append(m.lent, loan{b, l})
		}
		return accepts
	}})
	if registered != (idle == 0) {
		t.Fatalf("registered %v with %d idle", registered, idle)
	}
}

func (m *model) takeUnpooled(t *rapid.T) {
	n := rapid.IntRange(1, 4).Draw(t, "n")
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // only what is there: others would have to recycle, in this goroutine
	s, err := m.p.RequestUnpooled(ctx, n)
	if err == nil {
		m.unpooled = append(m.unpooled, s)
	}
}

func (m *model) giveUnpooled(t *rapid.T) {
	if len(m.unpooled) == 0 {
		t.Skip("nothing is out")
	}
	m.p.RecycleUnpooled(m.unpooled[0])
	m.unpooled = m.unpooled[1:]
}

func (m *model) destroy(t *rapid.T) {
	l := m.pick(t)
	l.Destroy()
	for i := range m.live {
		if m.live[i] == l {
			m.live = append(m.live[:i], m.live[i+1:]...)
			break
		}
	}
	m.dead = append(m.dead, l)
}

// check is what holds after every step.
func (m *model) check(t *rapid.T) {
	free := m.p.Available()
	all, sum, usable, unpooled := free, 0, 0, 0
	for _, s := range m.unpooled {
		unpooled += len(s)
	}
	all += unpooled
	lent := map[*LocalBufferPool]int{}
	for _, x := range m.lent {
		lent[x.from]++
	}
	for _, l := range m.live {
		all += l.Requested()
		sum += l.Size()
		usable += min(l.options.Max, m.p.Segments())
		if l.Size() < l.options.Required || l.Size() > l.options.Max {
			t.Fatalf("size out of bounds: %v", l)
		}
		if l.Used() != lent[l] {
			t.Fatalf("%d lent: %v", lent[l], l)
		}
		full := 0
		for _, held := range l.mu.held {
			if int(held) >= l.options.MaxPerChannel {
				full++
			}
		}
		if want := l.Idle() > 0 && full == 0; l.IsAvailable() != want || signalled(l) != want {
			t.Fatalf("available %v, signal %v, want %v: %v", l.IsAvailable(), signalled(l), want, l)
		}
		if l.Idle() == 0 && l.Requested() < l.Size() && free > 0 {
			t.Fatalf("starves with %d free: %v", free, l)
		}
		if l.mu.listeners.len() > 0 && l.Idle() > 0 {
			t.Fatalf("keeps from listeners: %v", l)
		}
	}
	for _, l := range m.dead {
		all += l.Requested()
		if l.Idle() != 0 || l.Used() != lent[l] {
			t.Fatalf("%d lent, destroyed: %v", lent[l], l)
		}
	}
	if all != m.p.Segments() {
		t.Fatalf("%d segments of %d", all, m.p.Segments())
	}
	if want := min(m.p.Segments()-unpooled, usable); len(m.live) > 0 && sum != want {
		t.Fatalf("sizes add up to %d, want %d", sum, want)
	}
}
