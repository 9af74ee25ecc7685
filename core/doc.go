// doc.go: the exchange as its users see it.

// Package core is the data exchange of a stream processor, after Apache Flink's network stack: writers whose records end up in
// the buffers of other processes' readers, with credit-based flow control in between.
//
// An [Exchange] is one process's share: its segments, its port, its connections (Flink: NettyShuffleEnvironment). A [Writer] is a
// task's output, with one subpartition per consumer; a [Reader] a task's input, with one channel per subpartition that it reads. Which
// process they are in makes no difference to either.
//
// A task that writes waits when no buffer is free (back-pressure); one that reads waits when nothing has come. Neither waits for
// a connection.
package core
