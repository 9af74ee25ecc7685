// example_test.go: a channel with one buffer of its own and a backlog of three.

package credit_test

import (
	"fmt"

	"xbench/core/credit"
)

func Example() {
	receiver := credit.NewAllowance(1)
	sender := credit.NewBudget(1) // travels in the partition request

	sender.Spend() // one data buffer, which says that two more wait
	_, ok := receiver.Take()
	receiver.Backlog(2)
	fmt.Println("there was a buffer:", ok, "- missing now:", receiver.Missing())

	if receiver.AddFloating(2) { // from the gate's pool
		n := receiver.Announce()
		fmt.Println("AddCredit", n, sender.Grant(n))
	}
	fmt.Println("may send:", sender.Left())
	// Output:
	// there was a buffer: true - missing now: 3
	// AddCredit 2 <nil>
	// may send: 2
}
