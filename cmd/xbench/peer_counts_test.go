//go:build !long

// peer_counts_test.go: how much the end-to-end tests of peers send; -tags long sends all of it.

package main

import "time"

const (
	peerRecordsFast = 20_000 // in the default configuration
	peerRecords     = 5_000
	peerSlow        = 20 * time.Microsecond
)
