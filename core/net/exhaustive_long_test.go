//go:build long

// exhaustive_long_test.go: how many worlds an exploration visits at most: all of them where the numbers are small.

package net

import "testing"

const exhaustiveWorlds = 4_000

// TestCreditInManyOrders: three channels, and more buffers: the nearest worlds.
func TestCreditInManyOrders(t *testing.T) {
	exploreAll(t, scenes(2, 2), 1_500)
	exploreAll(t, scenes(3, 1), 1_500)
}
