// replayable.go: partitions that are kept in files: the words for them, and their end.

package core

import (
	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// Kind says when what a writer writes can be read, and how often.
type Kind = partition.Kind

const (
	// Pipelined: while it is written, by one reader for each subpartition, and with back-pressure. The default.
	Pipelined = partition.Pipelined
	// Replayable: from files, once it is finished, by any number of readers, each from the beginning and at its own pace. A reader that asks
	// before Writer.End has returned is refused, as in Flink: it fails, and with it the connection of its process. (Flink: blocking.)
	Replayable = partition.Replayable
)

// Codec says how the contents of replayable partitions are compressed. Pipelined ones never are. Nothing on the wire tells a reader which codec a
// writer has: both must be told the same.
type Codec = buffer.Codec

const (
	DefaultCodec = buffer.DefaultCodec // what the exchange has; an exchange has LZ4
	LZ4          = buffer.LZ4
	Zstd         = buffer.Zstd
	NoCodec      = buffer.NoCodec // contents stay as they are; a compressed one is an error
)

// or is c, unless that leaves it to d.
func or(c, d Codec) Codec {
	if c == DefaultCodec {
		return d
	}
	return c
}

// ReleasePartition gives up a partition of this exchange, as a scheduler does with a replayable one that nobody will read any more: new readers do
// not find it, and its files go with the last reader that it has. It stays otherwise until the exchange is closed. Of an id that is not there nothing
// is released. To stop a writer, or readers, is what Writer.Fail and Reader.Cancel are for.
func (x *Exchange) ReleasePartition(id frame.ResultPartitionID) { x.registry.Release(id, nil) }
