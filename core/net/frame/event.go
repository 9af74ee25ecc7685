// event.go: what stands in a buffer that is not data.

package frame

import (
	"encoding/binary"
	"fmt"
	"math"

	"xbench/core/buffer"
)

// eventKind is the number that begins an event's bytes.
type eventKind int32

const (
	kindEndOfPartition    eventKind = 0
	kindCheckpointBarrier eventKind = 1
	kindEndOfSuperstep    eventKind = 2
	kindOther             eventKind = 3 // any class that has no number of its own
	kindCancelCheckpoint  eventKind = 4
	kindEndOfChannelState eventKind = 5
	kindAnnouncement      eventKind = 6
	kindSubtaskConnection eventKind = 7
	kindEndOfData         eventKind = 8
	kindEndOfSegment      eventKind = 9
	kindRecoveryMetadata  eventKind = 10
)

// Event is one of the types of this file, or a CheckpointBarrier, by value. Events hold no memory of the bytes they were parsed from.
type Event interface {
	kind() eventKind
	appendBody(dst []byte) []byte // what follows the kind
}

// EndOfPartition is the last thing on a subpartition.
type EndOfPartition struct{}

// EndOfSuperstep ends a round of an iteration.
type EndOfSuperstep struct{}

// EndOfChannelState says that recovered state is through; it blocks the subpartition.
type EndOfChannelState struct{}

// EndOfSegment ends a segment of tiered storage.
type EndOfSegment struct{}

// EndOfData is the last thing before the end of the partition: no record follows.
type EndOfData struct {
	NoDrain bool // the job was stopped rather than run to its end
}

// CancelCheckpoint tells everyone downstream to give up on a checkpoint.
type CancelCheckpoint struct{ ID int64 }

// Announcement stands ahead of the queue for a barrier that is further back in it. The consumer makes it for itself.
type Announcement struct {
	Sequence  int32 // of the buffer that carries Announced
	Announced Event // never an Announcement
}

// SubtaskConnection selects the virtual channel that what follows belongs to.
type SubtaskConnection struct{ InputSubtask, OutputSubtask int32 }

// RecoveryMetadata says where recovered buffers end.
type RecoveryMetadata struct{ FinalBufferSubpartition int32 }

// Other is an event of a class that the protocol has no number for, such as a task event.
type Other struct {
	Class string
	Body  []byte // with whatever padding followed: nothing on the wire says where the body ends
}

func (EndOfPartition) kind() eventKind    { return kindEndOfPartition }
func (EndOfSuperstep) kind() eventKind    { return kindEndOfSuperstep }
func (EndOfChannelState) kind() eventKind { return kindEndOfChannelState }
func (EndOfSegment) kind() eventKind      { return kindEndOfSegment }
func (EndOfData) kind() eventKind         { return kindEndOfData }
func (CancelCheckpoint) kind() eventKind  { return kindCancelCheckpoint }
func (Announcement) kind() eventKind      { return kindAnnouncement }
func (SubtaskConnection) kind() eventKind { return kindSubtaskConnection }
func (RecoveryMetadata) kind() eventKind  { return kindRecoveryMetadata }
func (Other) kind() eventKind             { return kindOther }

// AppendEvent appends e as a buffer's content, without padding.
func AppendEvent(dst []byte, e Event) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(e.kind()))
	return e.appendBody(dst)
}

func (EndOfPartition) appendBody(dst []byte) []byte    { return dst }
func (EndOfSuperstep) appendBody(dst []byte) []byte    { return dst }
func (EndOfChannelState) appendBody(dst []byte) []byte { return dst }
func (EndOfSegment) appendBody(dst []byte) []byte      { return dst }
func (e EndOfData) appendBody(dst []byte) []byte       { return append(dst, boolByte(e.NoDrain)) }

func (e CancelCheckpoint) appendBody(dst []byte) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(e.ID))
}

func (e Announcement) appendBody(dst []byte) []byte {
	if _, nested := e.Announced.(Announcement); nested {
		panic("frame: an Announcement of an Announcement")
	}
	return AppendEvent(binary.BigEndian.AppendUint32(dst, uint32(e.Sequence)), e.Announced)
}

func (e SubtaskConnection) appendBody(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(e.InputSubtask))
	return binary.BigEndian.AppendUint32(dst, uint32(e.OutputSubtask))
}

func (e RecoveryMetadata) appendBody(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(e.FinalBufferSubpartition))
}

func (e Other) appendBody(dst []byte) []byte {
	n := modifiedUTFLength(e.Class)
	if n > math.MaxUint16 {
		panic(fmt.Sprintf("frame: an event class name of %d bytes, allowed are %d", n, math.MaxUint16))
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	return append(appendModifiedUTF(dst, e.Class), e.Body...)
}

// ParseEvent reads a buffer's content. Bytes behind the event are padding and ignored; a fault is a *CorruptError.
func ParseEvent(content []byte) (Event, error) { return parseEvent(content, true) }

func parseEvent(content []byte, mayAnnounce bool) (Event, error) {
	if len(content) < 4 {
		return nil, corruptf(reasonEvent, "%d bytes", len(content))
	}
	kind, body := eventKind(int32At(content, 0)), content[4:]
	if kind < kindEndOfPartition || kind > kindRecoveryMetadata {
		return nil, corruptf(reasonEvent, "kind %d", kind)
	}
	if n := bodyAtLeast[kind]; len(body) < n {
		return nil, corruptf(reasonEvent, "kind %d with %d bytes, needed are %d", kind, len(body), n)
	}
	switch kind {
	case kindEndOfPartition:
		return EndOfPartition{}, nil
	case kindCheckpointBarrier:
		return parseBarrier(body)
	case kindEndOfSuperstep:
		return EndOfSuperstep{}, nil
	case kindOther:
		n := 2 + int(binary.BigEndian.Uint16(body))
		if len(body) < n {
			return nil, corruptf(reasonEvent, "a class name of %d bytes in %d", n-2, len(body)-2)
		}
		class, ok := parseModifiedUTF(body[2:n])
		if !ok {
			return nil, corruptf(reasonEvent, "class name %q", body[2:n])
		}
		return Other{Class: class, Body: append([]byte(nil), body[n:]...)}, nil
	case kindCancelCheckpoint:
		return CancelCheckpoint{ID: int64At(body, 0)}, nil
	case kindEndOfChannelState:
		return EndOfChannelState{}, nil
	case kindAnnouncement:
		if !mayAnnounce { // also what keeps a hostile chain of them from being one of calls
			return nil, corruptf(reasonEvent, "an announcement of an announcement")
		}
		announced, err := parseEvent(body[4:], false)
		if err != nil {
			return nil, err
		}
		return Announcement{Sequence: int32At(body, 0), Announced: announced}, nil
	case kindSubtaskConnection:
		return SubtaskConnection{InputSubtask: int32At(body, 0), OutputSubtask: int32At(body, 4)}, nil
	case kindEndOfData:
		if body[0] > 1 {
			return nil, corruptf(reasonEvent, "EndOfData of mode %d", body[0])
		}
		return EndOfData{NoDrain: body[0] == 1}, nil
	case kindEndOfSegment:
		return EndOfSegment{}, nil
	}
	return RecoveryMetadata{FinalBufferSubpartition: int32At(body, 0)}, nil
}

// bodyAtLeast is how many bytes must follow each kind.
var bodyAtLeast = [...]int{
	kindCheckpointBarrier: 8 + 8 + 1 + 4 + 1 + 8,
	kindOther:             2,
	kindCancelCheckpoint:  8,
	kindAnnouncement:      4,
	kindSubtaskConnection: 4 + 4,
	kindEndOfData:         1,
	kindRecoveryMetadata:  4,
}

// DataTypeOf says what type of buffer carries e (Flink: EventSerializer.toBuffer and Buffer.DataType.getDataType).
func DataTypeOf(e Event, priority bool) buffer.DataType {
	if priority {
		return buffer.PrioritizedEvent
	}
	switch e := e.(type) {
	case EndOfChannelState:
		return buffer.RecoveryCompletion
	case EndOfData:
		return buffer.EndOfData
	case EndOfPartition:
		return buffer.EndOfPartition
	case CheckpointBarrier:
		return e.dataType()
	}
	return buffer.EventBuffer
}

func int64At(b []byte, at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
