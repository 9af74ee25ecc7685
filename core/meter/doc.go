// doc.go: what this package is for.

// Package meter is the leaf under the exchange: the monotonic clock that is handed in, the counters
// of a connection, and the observer that is told whenever somebody stood still. It imports nothing
// of ours, so that every part of the exchange may use it.
package meter
