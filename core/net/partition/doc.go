// doc.go: what a result partition is, who may call what, and the order of the locks.

// Package partition is the producing end of the exchange: result partitions, their subpartitions, the views that consumers read
// them through, and the registry that brings the two together.
//
// # Pipelined
//
// A writing task appends records to the builder of a subpartition, or to one builder for all of them. A buffer joins its
// subpartition's queue while it is still empty; what the task publishes becomes readable through the buffer's own position
// marker. So per record nothing is locked and nothing allocated, and the subpartition's lock is taken once per buffer.
//
// A view is told only on the edge from "nothing to send" to "something to send"; after that it polls until Polled.Next is None.
// The rules, numbered R2.1 to R2.5 in the tests, are Flink's: PipelinedSubpartition.
//
// # Replayable
//
// The task writes each buffer that ends into a file, compressed if that makes it smaller; there are no queues, and nothing waits for a
// consumer. When the partition is finished, every view is a way of its own through the file, with two buffers of its own to read into; it
// reads when it is polled. The files are unnamed and vanish with the last descriptor: when the partition is released and its last view is.
//
// # Who may call
//
// The methods of ResultPartition marked "task" belong to the one goroutine that writes. Everything else may come
// from any goroutine at any time, also Fail and Release while the task is in the middle of a record: they never touch a
// builder, the task closes its builders itself.
//
// Locks: a subpartition's, a replaying view's, the partition's and the registry's. None is held while another is taken, while a listener or a
// capture is called, or while the last reference to a buffer may go home. The task's pen is no lock in this sense but the
// right to write: whoever has it does call listeners, and nothing but the task ever waits for it.
package partition
