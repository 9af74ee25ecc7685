//go:build !long

// counts_test.go: how often a race is tried in a quick run.

package net

// rounds is how many of n rounds are run: a few, with at least one.
func rounds(n int) int { return max(1, n/32) }
