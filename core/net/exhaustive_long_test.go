//go:build long

// exhaustive_long_test.go: how many worlds an exploration visits at most: all that there are (8,441 in the largest scene of TestCreditInEveryOrder).

package net

import "testing"

const exhaustiveWorlds = 10_000

// TestCreditInManyOrders: three channels, and more buffers: the nearest worlds.
func TestCreditInManyOrders(t *testing.T) {
	exploreAll(t, scenes(2, 2), 1_500)
	exploreAll(t, scenes(3, 1), 1_500)
}
