// allowance_test.go: the receiver's end alone, where no conversation gets to.

package credit

import (
	"math"
	"testing"
)

// R3.1: floating buffers go first, as exclusive ones return by themselves.
func TestTakePrefersFloating(t *testing.T) {
	a := NewAllowance(1)
	a.Backlog(2)
	if !a.AddFloating(2) {
		t.Error("two credits after none are to be announced")
	}
	if got := a.Announce(); got != 2 {
		t.Errorf("announced %d", got)
	}
	for i, want := range []bool{true, true, false} {
		if floating, ok := a.Take(); !ok || floating != want {
			t.Errorf("take %d: floating %v, %v", i, floating, ok)
		}
	}
	if _, ok := a.Take(); ok {
		t.Error("took a fourth of three")
	}
	if a.Exclusive() != 0 || a.Floating() != 0 || a.Required() != 0 {
		t.Errorf("%+v", a)
	}
}

// A channel never holds more than required, and a buffer that is refused is not counted.
func TestWantsUpToRequired(t *testing.T) {
	a := NewAllowance(2)
	if a.Wants() || a.Missing() != 0 {
		t.Error("wants more than its own without a backlog")
	}
	a.Backlog(1)
	if !a.Wants() || a.Missing() != 1 {
		t.Errorf("missing %d, want 1", a.Missing())
	}
	a.AddFloating(1)
	if a.Wants() {
		t.Error("wants more than required")
	}
	a.Backlog(-1) // a buffer response without a backlog
	if a.Required() != 3 {
		t.Errorf("required %d after a backlog of -1, want 3 as before", a.Required())
	}
}

func TestAnnounceIsDueOnceFromNothingToSomething(t *testing.T) {
	a := NewAllowance(3)
	for range 3 {
		a.Take()
	}
	for i, want := range []bool{true, false, false} {
		if displaced, announce := a.ReturnExclusive(); displaced || announce != want {
			t.Errorf("return %d: displaced %v, announce %v", i, displaced, announce)
		}
	}
	if a.AddFloating(0) {
		t.Error("nothing is not something")
	}
	if got := a.Announce(); got != 3 {
		t.Errorf("announced %d, want 3", got)
	}
	if got := a.Announce(); got != 0 {
		t.Errorf("announced %d more", got)
	}
	panics(t, "3 of 3 free", func() { a.ReturnExclusive() })
}

// The message has 32 bits with a sign; what does not fit follows.
func TestAnnounceFitsTheMessage(t *testing.T) {
	a := NewAllowance(0)
	a.AddFloating(math.MaxInt32)
	a.AddFloating(5)
	if got := a.Announce(); got != math.MaxInt32 {
		t.Errorf("announced %d", got)
	}
	if got := a.Announce(); got != 5 {
		t.Errorf("announced %d, want the rest", got)
	}
}

func TestAllowanceRefusesNonsense(t *testing.T) {
	panics(t, "-1 exclusive", func() { NewAllowance(-1) })
	panics(t, "-1 floating", func() { a := NewAllowance(0); a.AddFloating(-1) })
}
