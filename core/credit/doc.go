// doc.go: what credit is, and the sum that holds at every instant.

// Package credit says how many data buffers may be in flight on one channel. It is arithmetic only: no lock, no
// clock, no socket, no buffers. Each value belongs to whoever owns its end of the channel and is guarded by that owner. After Flink's
// credit-based flow control (BufferManager, RemoteInputChannel, CreditBasedSequenceNumberingViewReader).
//
// The receiver has buffers of the channel's own (exclusive) and borrows more (floating) when the sender's backlog
// says that they would be of use. Every buffer that is free for the channel is one credit; the sender spends one per data buffer,
// so one that arrives finds a free buffer, always, and the connection never waits for memory. Events cost nothing. Per channel, at
// every instant:
//
//	Budget.Left + credit announced but not arrived + Allowance.Unannounced + data buffers on the wire = Allowance.Available
//
// Inside both ends only totals exist, which grow and never shrink: what may be sent and what was, what was earned, told
// and used. Increments exist on the wire alone.
package credit
