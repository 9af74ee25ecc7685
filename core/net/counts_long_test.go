//go:build long

// counts_long_test.go: how often a race is tried in a long run.

package net

// rounds is how many of n rounds are run: all of them.
func rounds(n int) int { return n }
