//go:build !long

// exhaustive_short_test.go: how many worlds an exploration visits when there is little time: the nearest ones.

package net

const exhaustiveWorlds = 150
