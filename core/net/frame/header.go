// header.go: the nine bytes in front of every message, and the message ids.

package frame

import (
	"encoding/binary"
	"fmt"
)

// MessageID says what a frame carries. Its number is the byte on the wire.
type MessageID uint8

// The messages, by their numbers on the wire.
const (
	IDBufferResponse             MessageID = iota // producer to consumer: one buffer
	IDErrorResponse                               // producer to consumer: one channel, or all of them, failed
	IDPartitionRequest                            // consumer to producer: opens a channel
	IDTaskEventRequest                            // consumer to producer: an event against the stream
	IDCancelPartitionRequest                      // consumer to producer: closes a channel
	IDCloseRequest                                // consumer to producer: closes the connection
	IDAddCredit                                   // consumer to producer: more room
	IDResumeConsumption                           // consumer to producer: go on after a blocking event
	IDAckAllUserRecordsProcessed                  // consumer to producer: answer to EndOfData
	IDBacklogAnnouncement                         // producer to consumer: data waits, but there is no credit
	IDNewBufferSize                               // consumer to producer: a hint to send smaller or larger buffers
	IDSegmentID                                   // consumer to producer: tiered storage only

	messageIDs // how many there are
)

var messageNames = [messageIDs]string{
	"BufferResponse", "ErrorResponse", "PartitionRequest", "TaskEventRequest", "CancelPartitionRequest", "CloseRequest",
	"AddCredit", "ResumeConsumption", "AckAllUserRecordsProcessed", "BacklogAnnouncement", "NewBufferSize", "SegmentId",
}

// Known reports whether the protocol has a message with this number.
func (id MessageID) Known() bool { return id < messageIDs }

// FromProducer reports whether only producers send this message. Every other known one comes from consumers.
func (id MessageID) FromProducer() bool {
	return id == IDBufferResponse || id == IDErrorResponse || id == IDBacklogAnnouncement
}

// String is Flink's name of the message.
func (id MessageID) String() string {
	if !id.Known() {
		return fmt.Sprintf("unknown message %d", uint8(id))
	}
	return messageNames[id]
}

// What every frame has in common.
const (
	// Magic follows the length of every frame.
	Magic = 0xBADC0FFE

	// HeaderSize is the frame header: length 4, magic 4, message id 1.
	HeaderSize = 4 + 4 + 1

	// MaxLength bounds a whole frame. Flink takes any; 64 MiB is 2,000 default segments, and an error with a deep chain of
	// causes is tens of KiB. Whoever gathers a body in memory of its own may be stricter with Header.Length.
	MaxLength = 64 << 20
)

// Frame lengths of the messages that have a fixed one, and the fixed part of the others.
const (
	BufferResponseSize   = HeaderSize + BufferHeaderSize // 43, then the content
	partitionRequestSize = HeaderSize + 20 + 40 + 8 + 16 + 4
	taskEventFixedSize   = HeaderSize + 4 + 20 + 40 + 16 // and the event
	channelOnlySize      = HeaderSize + 16
	numberSize           = HeaderSize + 4 + 16
	segmentIDSize        = HeaderSize + 4 + 4 + 16
	errorFixedSize       = HeaderSize + 1 // and the Java stream, and perhaps a channel id
)

// lengths are the allowed frame lengths per message, both ends included.
var lengths = [messageIDs]struct{ min, max int }{
	IDBufferResponse:             {BufferResponseSize, MaxLength},
	IDErrorResponse:              {errorFixedSize, MaxLength},
	IDPartitionRequest:           {partitionRequestSize, partitionRequestSize},
	IDTaskEventRequest:           {taskEventFixedSize, MaxLength},
	IDCancelPartitionRequest:     {channelOnlySize, channelOnlySize},
	IDCloseRequest:               {HeaderSize, HeaderSize},
	IDAddCredit:                  {numberSize, numberSize},
	IDResumeConsumption:          {channelOnlySize, channelOnlySize},
	IDAckAllUserRecordsProcessed: {channelOnlySize, channelOnlySize},
	IDBacklogAnnouncement:        {numberSize, numberSize},
	IDNewBufferSize:              {numberSize, numberSize},
	IDSegmentID:                  {segmentIDSize, segmentIDSize},
}

// Header is the front of every frame.
type Header struct {
	Length int // of the whole frame, these bytes included
	ID     MessageID
}

// BodyLength is how many bytes follow the header.
func (h Header) BodyLength() int { return h.Length - HeaderSize }

// ParseHeader reads the first HeaderSize bytes of b; b must have them. The magic number, the message id and the length that this
// message may have (at most MaxLength) are checked; a fault is a *CorruptError.
func ParseHeader(b []byte) (Header, error) {
	_ = b[HeaderSize-1]
	length := int32(binary.BigEndian.Uint32(b))
	magic := binary.BigEndian.Uint32(b[4:])
	id := MessageID(b[8])
	if magic != Magic {
		return Header{}, corruptf(reasonMagic, "%08x instead of %08x", magic, uint32(Magic))
	}
	if !id.Known() {
		return Header{}, corruptf(reasonUnknownMessage, "id %d", uint8(id))
	}
	if allowed := &lengths[id]; int(length) < allowed.min || int(length) > allowed.max {
		return Header{}, corruptf(reasonLength, "%v of %d bytes, allowed are %d to %d", id, length, allowed.min, allowed.max)
	}
	return Header{Length: int(length), ID: id}, nil
}

// AppendTo appends the HeaderSize bytes.
func (h Header) AppendTo(dst []byte) []byte {
	if allowed := &lengths[h.ID]; h.Length < allowed.min || h.Length > allowed.max {
		panic(fmt.Sprintf("frame: %v of %d bytes, allowed are %d to %d", h.ID, h.Length, allowed.min, allowed.max))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Length))
	dst = binary.BigEndian.AppendUint32(dst, Magic)
	return append(dst, byte(h.ID))
}
