// event.go: what stands in a buffer that is not data.

package frame

import (
	"encoding/binary"
	"fmt"
	"math"

	"xbench/core/buffer"
)

// EventKind is the number that begins an event's bytes.
type EventKind int32

const (
	KindEndOfPartition    EventKind = 0
	KindCheckpointBarrier EventKind = 1
	KindEndOfSuperstep    EventKind = 2
	KindOther             EventKind = 3 // any class that has no number of its own
	KindCancelCheckpoint  EventKind = 4
	KindEndOfChannelState EventKind = 5
	KindAnnouncement      EventKind = 6
	KindSubtaskConnection EventKind = 7
	KindEndOfData         EventKind = 8
	KindEndOfSegment      EventKind = 9
	KindRecoveryMetadata  EventKind = 10
)

// Event is one of the types of this file, by value. Events hold no memory of the bytes they were parsed from.
type Event interface {
	Kind() EventKind
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

func (EndOfPartition) Kind() EventKind    { return KindEndOfPartition }
func (EndOfSuperstep) Kind() EventKind    { return KindEndOfSuperstep }
func (EndOfChannelState) Kind() EventKind { return KindEndOfChannelState }
func (EndOfSegment) Kind() EventKind      { return KindEndOfSegment }
func (EndOfData) Kind() EventKind         { return KindEndOfData }
func (CancelCheckpoint) Kind() EventKind  { return KindCancelCheckpoint }
func (Announcement) Kind() EventKind      { return KindAnnouncement }
func (SubtaskConnection) Kind() EventKind { return KindSubtaskConnection }
func (RecoveryMetadata) Kind() EventKind  { return KindRecoveryMetadata }
func (Other) Kind() EventKind             { return KindOther }

// AppendEvent appends e as a buffer's content, without padding.
func AppendEvent(dst []byte, e Event) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(e.Kind()))
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
	kind, body := EventKind(int32At(content, 0)), content[4:]
	if kind < KindEndOfPartition || kind > KindRecoveryMetadata {
		return nil, corruptf(reasonEvent, "kind %d", kind)
	}
	if n := bodyAtLeast[kind]; len(body) < n {
		return nil, corruptf(reasonEvent, "kind %d with %d bytes, needed are %d", kind, len(body), n)
	}
	switch kind {
	case KindEndOfPartition:
		return EndOfPartition{}, nil
	case KindCheckpointBarrier:
		return parseBarrier(body)
	case KindEndOfSuperstep:
		return EndOfSuperstep{}, nil
	case KindOther:
		n := 2 + int(binary.BigEndian.Uint16(body))
		if len(body) < n {
			return nil, corruptf(reasonEvent, "a class name of %d bytes in %d", n-2, len(body)-2)
		}
		class, ok := parseModifiedUTF(body[2:n])
		if !ok {
			return nil, corruptf(reasonEvent, "class name %q", body[2:n])
		}
		return Other{Class: class, Body: append([]byte(nil), body[n:]...)}, nil
	case KindCancelCheckpoint:
		return CancelCheckpoint{ID: int64At(body, 0)}, nil
	case KindEndOfChannelState:
		return EndOfChannelState{}, nil
	case KindAnnouncement:
		if !mayAnnounce { // also what keeps a hostile chain of them from being one of calls
			return nil, corruptf(reasonEvent, "an announcement of an announcement")
		}
		announced, err := parseEvent(body[4:], false)
		if err != nil {
			return nil, err
		}
		return Announcement{Sequence: int32At(body, 0), Announced: announced}, nil
	case KindSubtaskConnection:
		return SubtaskConnection{InputSubtask: int32At(body, 0), OutputSubtask: int32At(body, 4)}, nil
	case KindEndOfData:
		if body[0] > 1 {
			return nil, corruptf(reasonEvent, "EndOfData of mode %d", body[0])
		}
		return EndOfData{NoDrain: body[0] == 1}, nil
	case KindEndOfSegment:
		return EndOfSegment{}, nil
	}
	return RecoveryMetadata{FinalBufferSubpartition: int32At(body, 0)}, nil
}

// bodyAtLeast is how many bytes must follow each kind.
var bodyAtLeast = [...]int{
	KindCheckpointBarrier: 8 + 8 + 1 + 4 + 1 + 8,
	KindOther:             2,
	KindCancelCheckpoint:  8,
	KindAnnouncement:      4,
	KindSubtaskConnection: 4 + 4,
	KindEndOfData:         1,
	KindRecoveryMetadata:  4,
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
