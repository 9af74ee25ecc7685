// budget_test.go: the sender's end alone.

package credit

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func panics(t *testing.T, say string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		what, _ := recover().(string)
		if !strings.Contains(what, say) {
			t.Errorf("panic %q, want one with %q", what, say)
		}
	}()
	f()
}

func TestBudgetSpendsWhatItWasGranted(t *testing.T) {
	b := NewBudget(2)
	b.Spend()
	if err := b.Grant(3); err != nil {
		t.Fatal(err)
	}
	for want := uint64(4); want > 0; want-- {
		if got := b.Left(); got != want {
			t.Fatalf("left %d, want %d", got, want)
		}
		b.Spend()
	}
	panics(t, "5 granted, 5 spent", b.Spend)
}

// The peer's numbers are checked before they count.
func TestGrantRefusesWhatNoReceiverHas(t *testing.T) {
	for _, c := range []struct {
		initial, grant uint32
		ok             bool
	}{
		{0, 1, true}, {0, 0, false}, {5, 0, false},
		{0, math.MaxInt32, true}, {1, math.MaxInt32, false}, {math.MaxInt32, 1, false}, {0, math.MaxUint32, false},
	} {
		b := NewBudget(c.initial)
		err := b.Grant(c.grant)
		var wrong *GrantError
		if (err == nil) != c.ok || (err != nil && !errors.As(err, &wrong)) {
			t.Errorf("%d granted on %d: %v", c.grant, c.initial, err)
		}
		if want := uint64(c.initial); err != nil && b.Left() != want {
			t.Errorf("%d left after a refused grant, want %d", b.Left(), want)
		}
	}
	// A channel that runs for long is granted more than 32 bits in the course of time.
	b := NewBudget(0)
	b.granted, b.spent = 1<<40, 1<<40-1
	if err := b.Grant(7); err != nil || b.Left() != 8 {
		t.Errorf("%v, left %d, want 8", err, b.Left())
	}
}

// CreditBasedSequenceNumberingViewReaderTest: resuming resets credit only without exclusive buffers, and the backlog is announced only
// with neither these nor credit.
func TestBudgetWithoutExclusiveBuffers(t *testing.T) {
	for _, c := range []struct {
		initial, grant uint32
		leftAfter      uint64 // a Forfeit
		announces      bool   // before it, a backlog of 1
	}{
		{initial: 2, grant: 0, leftAfter: 2},
		{initial: 2, grant: 3, leftAfter: 5},
		{initial: 0, grant: 3, leftAfter: 0},
		{initial: 0, grant: 0, leftAfter: 0, announces: true},
	} {
		b := NewBudget(c.initial)
		if c.grant > 0 {
			if err := b.Grant(c.grant); err != nil {
				t.Fatal(err)
			}
		}
		if got := b.AnnouncesBacklog(1); got != c.announces {
			t.Errorf("%+v: announces %v", c, got)
		}
		if b.AnnouncesBacklog(0) {
			t.Errorf("%+v: announces no backlog at all", c)
		}
		b.Forfeit()
		if got := b.Left(); got != c.leftAfter {
			t.Errorf("%+v: left %d", c, got)
		}
	}
	b := NewBudget(1) // dry, but the exclusive buffer will come back
	b.Spend()
	if b.AnnouncesBacklog(1) {
		t.Error("a channel with exclusive buffers announced its backlog")
	}
}
