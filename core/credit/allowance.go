// allowance.go: the receiver's end: which buffers it has for the channel, and what the sender should know of them.

package credit

import (
	"fmt"
	"math"
)

// Allowance is the receiver's end of a channel. It counts buffers that are free for the channel; the buffers themselves,
// and the pool that floating ones come from, are with its owner, who guards it together with them.
type Allowance struct {
	own       int // exclusive buffers, free or not: the initial credit
	exclusive int // free
	floating  int // free
	required  int // free ones wanted: the sender's backlog and own, less what was taken since

	earned uint64 // credit ever due: the initial one, and one for each buffer that became free
	told   uint64 // of this, announced
	used   uint64 // data buffers ever received, and credit given up; never above told
}

// NewAllowance begins with its exclusive buffers free. Their credit travels in the partition request, so there is
// nothing to announce.
func NewAllowance(exclusive int) Allowance {
	if exclusive < 0 {
		panic(fmt.Sprintf("credit: %d exclusive buffers", exclusive))
	}
	n := uint64(exclusive)
	return Allowance{own: exclusive, exclusive: exclusive, required: exclusive, earned: n, told: n}
}

// Backlog takes note of how many data buffers the sender has waiting, from whatever message says so. A negative number says
// nothing.
func (a *Allowance) Backlog(b int) {
	if b >= 0 {
		a.required = b + a.own
	}
}

// Missing is how many floating buffers it is worth asking the pool for now.
func (a *Allowance) Missing() int { return max(0, a.required-a.Available()) }

// Wants reports whether a floating buffer that the pool offers would be accepted: never more than required.
func (a *Allowance) Wants() bool { return a.Available() < a.required }

// AddFloating counts n floating buffers obtained. announce says that there was nothing to announce before: now it is time to. Later
// credit travels along.
func (a *Allowance) AddFloating(n int) (announce bool) {
	if n < 0 {
		panic(fmt.Sprintf("credit: %d floating buffers added", n))
	}
	a.floating += n
	return a.earn(n)
}

// ReturnExclusive counts an exclusive buffer that its user recycled. displaced says that there are more than required now, and a
// floating one is to go back to the pool instead (it is no longer counted); that earns no credit, as just as many are
// free as before. announce is as in AddFloating. Panics when all of them are free already.
func (a *Allowance) ReturnExclusive() (displaced, announce bool) {
	if a.exclusive >= a.own {
		panic(fmt.Sprintf("credit: exclusive buffer returned with %d of %d free", a.exclusive, a.own))
	}
	a.exclusive++
	if a.floating > 0 && a.Available() > a.required {
		a.floating--
		a.invariant()
		return true, false
	}
	return false, a.earn(1)
}

func (a *Allowance) earn(n int) (announce bool) {
	announce = n > 0 && a.Unannounced() == 0
	a.earned += uint64(n)
	a.invariant()
	return announce
}

// Take takes a free buffer for data that arrived, a floating one if there is any: exclusive ones return by themselves. Not ok
// is the peer's fault: it sent more than it was told it may.
func (a *Allowance) Take() (floating, ok bool) {
	if a.used == a.told {
		return false, false
	}
	a.used++
	a.required--
	if floating = a.floating > 0; floating {
		a.floating--
	} else {
		a.exclusive--
	}
	a.invariant()
	return floating, true
}

// Unannounced is the credit that the sender has not been told of.
func (a *Allowance) Unannounced() uint64 { return a.earned - a.told }

// Announce is what the AddCredit that is being written should say: all that is unannounced, at most what fits the
// message's signed 32 bits. 0: nothing to say.
func (a *Allowance) Announce() uint32 {
	n := min(a.Unannounced(), math.MaxInt32)
	a.told += n
	return uint32(n)
}

// ReleaseFloating is how many floating buffers are to go back to the pool because a blocking event arrived: all of them, if the channel
// has no buffers of its own; otherwise 0. The sender stands still after that event and gives up its credit when it
// resumes (Budget.Forfeit), so all credit ends here, announced or not. After RemoteInputChannel and FLINK-16641.
func (a *Allowance) ReleaseFloating() int {
	if a.own != 0 {
		return 0
	}
	n := a.floating
	a.floating = 0
	a.required = 0
	a.used, a.told = a.earned, a.earned
	a.invariant()
	return n
}

// Available is how many buffers are free for the channel.
func (a *Allowance) Available() int { return a.exclusive + a.floating }

// Required is how many it would like to be free. It falls with each Take and may become negative.
func (a *Allowance) Required() int { return a.required }

// Exclusive is how many of its own are free.
func (a *Allowance) Exclusive() int { return a.exclusive }

// Floating is how many borrowed ones are free.
func (a *Allowance) Floating() int { return a.floating }

// invariant: every free buffer is one credit that is not used, and nothing is used that was not told, or told that was not
// earned.
func (a *Allowance) invariant() {
	if a.used > a.told || a.told > a.earned || a.earned-a.used != uint64(a.exclusive)+uint64(a.floating) || a.exclusive < 0 {
		panic(fmt.Sprintf("credit: used %d <= told %d <= earned %d with %d + %d free does not hold",
			a.used, a.told, a.earned, a.exclusive, a.floating))
	}
}
