// doc.go: what a workload is.

// Package workloads holds what xbench drives: suites of cases (embedded YAML files, or the user's own), recorded traces,
// generators of keys and payloads, and the driver that puts the exchange under the harness.
//
// A case is one of three workloads:
//
//	longs  values of 8 bytes to all channels in turn, as fast as they go: Flink's network benchmark
//	keyed  records with a timestamp and a payload, to the channel that owns their key
//	trace  the same with the times, keys and payloads of a recorded trace
//
// Each has a number of writers, every one with a partition of its own, and of readers, which share the channels of all
// partitions between them.
package workloads
