//go:build long

// counts_long_test.go: how often the stress tests repeat themselves when there is time.

package partition

const (
	flushRecords   = 20_000_000
	registryRounds = 20_000
	stressBuffers  = 128 // Flink's PipelinedSubpartitionTest
	releaseRounds  = 8192
	replayRounds   = 4096
)
