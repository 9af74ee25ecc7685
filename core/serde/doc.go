// doc.go: what the package is for and how its parts fit.

// Package serde turns records into bytes and bytes into records, as Flink does.
//
// A stream of records is, for each record, a four-byte length and that many bytes of payload ([AppendFramed]); buffers cut it
// anywhere. A [Deserializer] per channel puts it together again and hands out payloads, in place wherever a record lies in one
// buffer. Of a record that spans buffers it keeps a copy, up to a threshold in memory, beyond it in a file ([Options]).
//
// What a payload holds is the next layer's: a [StreamElement] of a streaming job, or a bare value. Values are appended by a
// [Serializer] and read by a [Reader], which also says whether they took exactly the payload.
//
// Keys choose their channel by a hash that must be Java's ([HashLong] and its like, [KeyGroup], [ChannelOfKeyGroup]).
package serde
