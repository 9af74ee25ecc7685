// states_test.go: every state that one channel can be in, for small numbers: never more in flight than there is room for, and
// never stuck.

package credit

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// pipe is messages on their way in one direction, in order. A fixed array, so that worlds compare.
type pipe struct {
	messages [8]message
	n        int
}

func (p *pipe) put(m message) {
	p.messages[p.n] = m
	p.n++
}

func (p *pipe) take() message {
	m := p.messages[0]
	copy(p.messages[:], p.messages[1:])
	p.n--
	p.messages[p.n] = message{}
	return m
}

func (p *pipe) room() bool { return p.n < len(p.messages) }

// count is how many messages of a kind are on their way.
func (p *pipe) count(k kind) (n int) {
	for _, m := range p.messages[:p.n] {
		if m.kind == k {
			n++
		}
	}
	return n
}

type kind uint8

const (
	nothing kind = iota
	data         // number: the backlog
	backlogIs
	barrier
	addCredit // number: how much
	resume
)

type message struct {
	kind   kind
	number int
}

// world is one channel, whole: both ends, both directions of the connection, the pool, the consumer, and another user of the
// pool. It compares, so that a state is recognised.
type world struct {
	budget    Budget
	allowance Allowance

	unwritten int  // data buffers that the task will still write
	queued    int  // that it wrote
	barriers  int  // that it will still send
	blocked   bool // the sender stands still after a barrier

	down, up pipe // data, credit

	due               bool // AddCredit is to be written
	released          bool // between the barrier's arrival and the resume's departure
	credits           int  // on the way up
	exclusive, loaned int  // exclusive, floating buffers with the consumer
	pool              int
	waiting           bool // in the pool's line
	others            int  // floating buffers that somebody else has
	visits            int  // how often it will still take one
}

// actions are what may happen next, each to a copy of the world.
func (w world) actions() map[string]world {
	next := make(map[string]world)
	act := func(name string, may bool, do func(*world)) {
		if !may {
			return
		}
		to := w
		do(&to)
		next[name] = to
	}
	act("write", w.unwritten > 0 && w.down.room(), func(w *world) {
		w.unwritten--
		w.queued++
		w.announceBacklog()
	})
	act("send", w.queued > 0 && !w.blocked && w.budget.Left() > 0 && w.down.room(), func(w *world) {
		w.budget.Spend()
		w.queued--
		w.down.put(message{data, w.queued})
	})
	act("send barrier", w.barriers > 0 && !w.blocked && w.down.room(), func(w *world) {
		w.barriers--
		w.blocked = true
		w.down.put(message{barrier, 0})
	})
	act("arrive", w.down.n > 0, (*world).arrive)
	act("return exclusive", w.exclusive > 0, func(w *world) {
		w.exclusive--
		displaced, announce := w.allowance.ReturnExclusive()
		w.due = w.due || announce
		if displaced {
			w.recycle()
		}
	})
	act("return floating", w.loaned > 0, func(w *world) {
		w.loaned--
		w.recycle()
	})
	act("other takes", w.pool > 0 && w.visits > 0, func(w *world) { w.visits--; w.pool--; w.others++ })
	act("other returns", w.others > 0, func(w *world) { w.others--; w.recycle() })
	act("announce", w.due && w.up.room(), func(w *world) {
		w.due = false
		if n := int(w.allowance.Announce()); n > 0 {
			w.credits += n
			w.up.put(message{addCredit, n})
		}
	})
	act("resume", w.released && w.up.room(), func(w *world) {
		w.released = false
		w.up.put(message{kind: resume})
	})
	act("hear", w.up.n > 0 && w.down.room(), func(w *world) {
		switch m := w.up.take(); m.kind {
		case addCredit:
			w.credits -= m.number
			if err := w.budget.Grant(uint32(m.number)); err != nil {
				panic(err)
			}
		case resume:
			w.budget.Forfeit()
			w.blocked = false
			w.announceBacklog()
		}
	})
	return next
}

func (w *world) announceBacklog() {
	if !w.blocked && w.budget.AnnouncesBacklog(w.queued) {
		w.down.put(message{backlogIs, w.queued})
	}
}

func (w *world) arrive() {
	switch m := w.down.take(); m.kind {
	case data:
		floating, ok := w.allowance.Take()
		if !ok {
			panic("data arrived and there was no buffer")
		}
		if floating {
			w.loaned++
		} else {
			w.exclusive++
		}
		w.backlog(m.number)
	case backlogIs:
		w.backlog(m.number)
	case barrier:
		w.released = true
		for range w.allowance.ReleaseFloating() {
			w.recycle()
		}
	}
}

func (w *world) backlog(b int) {
	w.allowance.Backlog(b)
	w.obtain()
}

func (w *world) obtain() {
	n := 0
	for ; n < w.allowance.Missing() && w.pool > 0; n++ {
		w.pool--
	}
	w.waiting = w.waiting || n < w.allowance.Missing()
	w.due = w.allowance.AddFloating(n) || w.due
}

func (w *world) recycle() {
	w.pool++
	if w.waiting {
		w.waiting = false
		w.obtain() // takes it only if it wants it
	}
}

// wrong is what must not be.
func (w *world) wrong(floats int) string {
	inFlight := w.down.count(data)
	available := w.allowance.Available()
	if inFlight > available {
		return fmt.Sprintf("%d data buffers in flight, %d buffers available", inFlight, available)
	}
	sum := int(w.budget.Left()) + w.credits + int(w.allowance.Unannounced()) + inFlight
	// Between a barrier's arrival and the sender's hearing of the resume, a channel without exclusive buffers has given up
	// buffers whose credit the sender still holds, but may not use.
	if forfeits := w.allowance.own == 0 && w.blocked; sum != available && !forfeits {
		return fmt.Sprintf("left %d + on the way %d + unannounced %d + in flight %d is not available %d",
			w.budget.Left(), w.credits, w.allowance.Unannounced(), inFlight, available)
	}
	if w.allowance.Exclusive()+w.exclusive != w.allowance.own {
		return "an exclusive buffer is lost"
	}
	if w.allowance.Floating()+w.loaned+w.pool+w.others != floats {
		return "a floating buffer is lost"
	}
	if w.allowance.Unannounced() > 0 && !w.due {
		return fmt.Sprintf("%d unannounced and no message due", w.allowance.Unannounced())
	}
	return ""
}

// TestEveryState walks through all states that are reached from the beginning. Where nothing can happen any more, everything
// must have been delivered.
func TestEveryState(t *testing.T) {
	for _, c := range []struct{ exclusive, floats, buffers, barriers int }{
		{0, 1, 3, 2}, {0, 2, 3, 1}, {1, 0, 4, 2}, {1, 1, 4, 1}, {2, 1, 4, 1}, {2, 2, 3, 1},
	} {
		t.Run(fmt.Sprintf("exclusive=%d/floating=%d", c.exclusive, c.floats), func(t *testing.T) {
			start := world{budget: NewBudget(uint32(c.exclusive)), allowance: NewAllowance(c.exclusive),
				unwritten: c.buffers, barriers: c.barriers, pool: c.floats, visits: 2}
			from := map[world]string{start: "the beginning"}
			todo := []world{start}
			ends := 0
			for len(todo) > 0 {
				w := todo[len(todo)-1]
				todo = todo[:len(todo)-1]
				next := w.actions()
				if len(next) == 0 {
					ends++
					if w.unwritten+w.queued+w.down.n != 0 {
						t.Fatalf("stuck: %+v", w)
					}
				}
				for action, to := range next {
					if what := to.wrong(c.floats); what != "" {
						t.Fatalf("%s\nafter %q from %+v", what, action, w)
					}
					if _, seen := from[to]; !seen {
						from[to] = action
						todo = append(todo, to)
					}
				}
			}
			if ends == 0 {
				t.Error("nothing ever ends")
			}
			t.Logf("%d states, %d of them ends", len(from), ends)
		})
	}
}

// TestLongWalks goes where the exhaustive check is too small to get: large numbers, many barriers.
func TestLongWalks(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv("SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("rerun with SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 40 {
		exclusive, floats := rng.IntN(4), 1+rng.IntN(12)
		w := world{budget: NewBudget(uint32(exclusive)), allowance: NewAllowance(exclusive),
			unwritten: 60, barriers: rng.IntN(6), pool: floats, visits: 20}
		for {
			next := w.actions()
			if len(next) == 0 {
				break
			}
			names := slices.Sorted(maps.Keys(next)) // a map's order would not follow the seed
			action := names[rng.IntN(len(names))]
			before := w
			w = next[action]
			if what := w.wrong(floats); what != "" {
				t.Fatalf("%s\nafter %q from %+v", what, action, before)
			}
		}
		if w.unwritten+w.queued+w.down.n != 0 {
			t.Fatalf("stuck: %+v", w)
		}
	}
}
