// doc.go: how two processes are connected.

// Package net connects processes: one multiplexed TCP connection from each consuming process to each producing one, with Flink 2.0's
// data plane on it.
//
// A connection is two state machines over a stream: receiveOnce reads what is there and handles every whole message, sendOnce
// writes what is due. Both are plain methods, so a test can step them; in use each is run by one goroutine, four in all for a
// connection with both ends in one process:
//
//	server recv   reads requests and credit           -> notes in the inbox of
//	server send   owns the readers of subpartitions: serves those with data AND credit in turn
//	client recv   reads bodies straight into the buffers that credit reserved, hands them to their channels
//	client send   writes requests, credit, acknowledgements
//
// Neither of the two sending goroutines is ever waited for by a task: whoever has something for them leaves a note.
package net
