// doc.go: what an input gate is.

// Package gate is the consuming end of the exchange: input gates, their local and remote channels, and the union of several
// gates.
//
// A channel is filled by its connection's reader (remote) or looks into the producer's subpartition itself (local); a gate
// is drained by exactly one task. The gate keeps a FIFO of the channels that have something, hands out one buffer of each
// in turn, and lets events with priority go first (Flink: SingleInputGate).
//
// Locks, in the order in which they may be taken: none of this package's is held while another of it is taken. A channel asks
// the floating pool for buffers under its own lock (the pool never calls back under its lock); everything that calls out,
// the gate's wake-up, the connection's Post, a buffer's way home, happens with no lock held.
package gate
