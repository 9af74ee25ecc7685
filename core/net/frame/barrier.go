// barrier.go: the checkpoint barrier, the one event with options.

package frame

import (
	"encoding/binary"
	"fmt"
	"math"

	"xbench/core/buffer"
)

// CheckpointType is the byte on the wire that says what kind of snapshot a barrier is for.
type CheckpointType uint8

// The kinds of snapshot, by their numbers on the wire.
const (
	Checkpoint         CheckpointType = 0
	Savepoint          CheckpointType = 1
	SavepointSuspend   CheckpointType = 2
	SavepointTerminate CheckpointType = 3
	FullCheckpoint     CheckpointType = 4
)

// IsSavepoint reports whether a barrier of this type carries a SavepointFormat.
func (t CheckpointType) IsSavepoint() bool { return t >= Savepoint && t <= SavepointTerminate }

// SavepointFormat is the byte on the wire behind the type of a savepoint.
type SavepointFormat uint8

// The formats of savepoints, by their numbers on the wire.
const (
	Canonical SavepointFormat = 0
	Native    SavepointFormat = 1
)

// Alignment is the byte on the wire that says how a consumer treats the channels of a barrier.
type Alignment uint8

// The alignments, by their numbers on the wire. Only Aligned and ForcedAligned hold channels back.
const (
	AtLeastOnce   Alignment = 0
	Aligned       Alignment = 1
	Unaligned     Alignment = 2
	ForcedAligned Alignment = 3
)

// NoAlignedTimeout is the timeout of a barrier that stays aligned.
const NoAlignedTimeout = math.MaxInt64

// CheckpointBarrier separates the records of one checkpoint from those of the next.
type CheckpointBarrier struct {
	ID               int64
	TimestampMs      int64
	Type             CheckpointType
	Format           SavepointFormat // of savepoints only
	Location         []byte          // nil: the default one
	Alignment        Alignment
	AlignedTimeoutMs int64 // NoAlignedTimeout: none
}

// NeedsAlignment reports whether the consumer holds the barrier's channel back until all have it.
func (b CheckpointBarrier) NeedsAlignment() bool {
	return b.Alignment == Aligned || b.Alignment == ForcedAligned
}

// IsTimeoutable reports whether the barrier may turn into an unaligned one when it waits too long.
func (b CheckpointBarrier) IsTimeoutable() bool {
	return b.Alignment == Aligned && b.AlignedTimeoutMs > 0 && b.AlignedTimeoutMs < NoAlignedTimeout
}

// AsUnaligned is the barrier after its timeout (Flink: CheckpointBarrier.asUnaligned).
func (b CheckpointBarrier) AsUnaligned() CheckpointBarrier {
	b.Alignment, b.AlignedTimeoutMs = Unaligned, NoAlignedTimeout
	return b
}

func (CheckpointBarrier) kind() eventKind { return kindCheckpointBarrier }

func (b CheckpointBarrier) dataType() buffer.DataType {
	switch {
	case !b.NeedsAlignment():
		return buffer.EventBuffer
	case b.IsTimeoutable():
		return buffer.TimeoutableBarrier
	}
	return buffer.AlignedBarrier
}

func (b CheckpointBarrier) appendBody(dst []byte) []byte {
	if b.Type > FullCheckpoint || b.Format > Native || b.Alignment > ForcedAligned {
		panic(fmt.Sprintf("frame: a barrier of type %d, format %d, alignment %d", b.Type, b.Format, b.Alignment))
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.ID))
	dst = binary.BigEndian.AppendUint64(dst, uint64(b.TimestampMs))
	dst = append(dst, byte(b.Type))
	if b.Type.IsSavepoint() {
		dst = append(dst, byte(b.Format))
	}
	if b.Location == nil {
		dst = binary.BigEndian.AppendUint32(dst, math.MaxUint32)
	} else {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(b.Location)))
		dst = append(dst, b.Location...)
	}
	dst = append(dst, byte(b.Alignment))
	return binary.BigEndian.AppendUint64(dst, uint64(b.AlignedTimeoutMs))
}

// parseBarrier reads what follows the kind. The caller has checked that a barrier without format and location fits.
func parseBarrier(body []byte) (Event, error) {
	b := CheckpointBarrier{ID: int64At(body, 0), TimestampMs: int64At(body, 8), Type: CheckpointType(body[16])}
	rest := body[17:]
	if b.Type > FullCheckpoint {
		return nil, corruptf(reasonEvent, "a barrier of type %d", b.Type)
	}
	if b.Type.IsSavepoint() {
		b.Format, rest = SavepointFormat(rest[0]), rest[1:]
		if b.Format > Native {
			return nil, corruptf(reasonEvent, "a savepoint barrier of format %d", b.Format)
		}
	}
	n := int(int32At(rest, 0))
	rest = rest[4:]
	if n < -1 || n > len(rest) {
		return nil, corruptf(reasonEvent, "a barrier with a location of %d bytes in %d", n, len(rest))
	}
	if n >= 0 {
		b.Location, rest = append([]byte{}, rest[:n]...), rest[n:]
	}
	if len(rest) < 1+8 {
		return nil, corruptf(reasonEvent, "a barrier with %d bytes after its location, needed are 9", len(rest))
	}
	b.Alignment, b.AlignedTimeoutMs = Alignment(rest[0]), int64At(rest, 1)
	if b.Alignment > ForcedAligned {
		return nil, corruptf(reasonEvent, "a barrier of alignment %d", b.Alignment)
	}
	return b, nil
}
