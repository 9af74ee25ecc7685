// doc.go: what this package is for, and the rule of ownership that everything here follows.

// Package buffer holds the memory of the exchange: fixed-size segments off the Go heap, the pools that hand them
// out, reference-counted views on them, and the pair of builder and consumer through which a writing task
// and a reading connection share one segment without a lock. After Flink's io.network.buffer.
//
// # Ownership
//
// Whoever obtains a Buffer recycles it or passes it on, exactly once; passing it on passes the duty on, also when
// the call that took it fails. The convention is checked at run time: lending a segment begins a turn, the last
// Recycle ends it, and a Buffer remembers its turn. Any use of a Buffer after its turn panics with both numbers. Under the
// build tags own and race the memory of a turn that ended is filled with 0xDD, and segments lie on
// the Go heap where the race detector sees them.
//
// # Locks
//
// In this order, each taken while the ones before it may be held: the factory lock of a NetworkBufferPool (who gets how
// many), the lock of a LocalBufferPool (its free segments), the free list of a NetworkBufferPool. Requesting and recycling
// never take the factory lock. Listeners, recyclers and observers are called with none of them held.
package buffer
