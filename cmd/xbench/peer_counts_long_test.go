//go:build long

// peer_counts_long_test.go: how much the end-to-end tests of peers send with -tags long.

package main

import "time"

const (
	peerRecordsFast = 10_000_000
	peerRecords     = 1_000_000
	peerSlow        = time.Microsecond
)
