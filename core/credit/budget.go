// budget.go: the sender's end: what it may still send.

package credit

import (
	"fmt"
	"math"
)

// Budget is the sender's end of a channel: one data buffer, one credit. It is owned by one goroutine.
type Budget struct {
	granted uint64 // credit the receiver ever gave
	spent   uint64 // data buffers ever sent, and credit given up; never above granted
	initial uint32 // the first grant: how many buffers of its own the receiver has
}

// leftMax is the most credit that may be open: the receiver's count of its buffers is a 32-bit number.
const leftMax = math.MaxInt32

// NewBudget begins with the credit of the partition request: the number of exclusive buffers.
func NewBudget(initial uint32) Budget {
	return Budget{granted: uint64(initial), initial: initial}
}

// A GrantError says that the peer announced credit that no receiver can have.
type GrantError struct {
	Granted uint32 // what was announced
	Left    uint64 // what was open before
}

func (e *GrantError) Error() string {
	if e.Granted == 0 {
		return "credit: the peer announced no credit"
	}
	return fmt.Sprintf("credit: the peer announced %d with %d open: more than %d together", e.Granted, e.Left, leftMax)
}

// Grant adds what an AddCredit announces. A *GrantError is the peer's fault: nothing, or more than there can be.
func (b *Budget) Grant(n uint32) error {
	if n == 0 || b.Left()+uint64(n) > leftMax {
		return &GrantError{Granted: n, Left: b.Left()}
	}
	b.granted += uint64(n)
	return nil
}

// Left is how many data buffers may be sent now.
func (b *Budget) Left() uint64 { return b.granted - b.spent }

// Spend counts a data buffer that is sent. Panics when there is no credit: look at Left first.
func (b *Budget) Spend() {
	if b.spent >= b.granted {
		panic(fmt.Sprintf("credit: spending without credit: %d granted, %d spent", b.granted, b.spent))
	}
	b.spent++
}

// Forfeit gives up what is left when the channel resumes after a blocking event, if the receiver has no buffers of its own: it
// released the floating ones that this credit stood for (see Allowance.ReleaseFloating). Otherwise it does nothing: exclusive
// buffers stay. After CreditBasedSequenceNumberingViewReader.resumeConsumption.
func (b *Budget) Forfeit() {
	if b.initial == 0 {
		b.spent = b.granted
	}
}

// AnnouncesBacklog reports whether the receiver has to be told of the backlog in a message of its own: it has no buffers of its own
// and no credit is left, so no data will carry the number to it, and no credit would ever come.
func (b *Budget) AnnouncesBacklog(backlog int) bool {
	return b.initial == 0 && b.Left() == 0 && backlog > 0
}
