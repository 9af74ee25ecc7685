//go:build !long

// counts_test.go: how often the stress tests repeat themselves in an ordinary run.

package partition

const (
	flushRecords   = 100_000
	registryRounds = 200
	stressBuffers  = 32
	releaseRounds  = 150
	replayRounds   = 80
)
