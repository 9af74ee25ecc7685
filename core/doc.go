// doc.go: the exchange as its users see it.

// Package core is the data exchange of a stream processor, after Apache Flink's network stack: writers whose records end up in
// the buffers of other processes' readers, with credit-based flow control in between.
//
// An [Exchange] is one process's share: its segments, its port, its connections (Flink: NettyShuffleEnvironment). A [Writer] is a
// task's output, with one subpartition per consumer; a [Reader] a task's input, with one channel per subpartition that it reads. Which
// process they are in makes no difference to either.
//
// # Writing
//
// A record is anything that says its size and appends itself ([serde.Record]): bytes, a value, an element of a stream. [Writer.Emit]
// sends it where the writer's [Selector] says, [Writer.EmitTo] where the caller says, [Writer.Broadcast] to everybody. It goes into a
// buffer of its subpartition, and the buffer leaves when it is full, when the buffer timeout has passed, or when the task says so.
//
// A loop that does nothing but send longs, or read records, saves the call for each: [Writer.PutLong], [Reader.NextRun].
//
// A task that writes waits when no buffer is free (back-pressure), for as long as the context of its writer lives; one that would rather do
// something else meanwhile asks [Writer.IsAvailable] between two records. [Writer.End] waits until every reader has processed what there was.
//
// # Reading
//
// [Reader.Advance] waits for the next buffer or event of any channel, [Reader.Next] gives the records of the buffer, one by one and in place.
// A buffer that is read goes home and becomes credit for the producer: a task that stops reading stops its producers, and nobody else,
// though they share a connection. A channel behind an aligned barrier is blocked until [Reader.Resume].
//
// What a record means is between the tasks. Those of a streaming job send elements ([serde.ParseElement]), whose watermarks a [Valve] combines.
//
// # Reading again
//
// What is said so far is about pipelined partitions. A writer may instead keep what it writes in files ([WriterOptions].Kind, [Replayable]): it then
// waits for nobody, its partition can be read when it is finished, any number of times and at any pace, and stays until
// [Exchange.ReleasePartition]. Its contents are compressed ([Codec]) unless the exchange is told not to.
//
// # Ends
//
// The task that opened a writer or a reader closes it, whatever happened before. Whatever ends one side without its regular end fails the other,
// with the reason: [Writer.Fail], a connection that breaks, an exchange that closes. [Exchange.Close] says what was not given back.
package core
