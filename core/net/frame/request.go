// request.go: the eight messages from a consumer to a producer.

package frame

import (
	"encoding/binary"
	"fmt"
	"math"
)

// PartitionRequest opens a channel: it asks for subpartitions First to Last (both included) of a partition.
type PartitionRequest struct {
	Partition   ResultPartitionID
	First, Last int // subpartition indexes, 0 <= First <= Last
	Channel     ChannelID
	Credit      uint32 // initial credit in buffers: the channel's exclusive ones; may be 0
}

// TaskEventRequest carries an event to the producing task, against the stream.
type TaskEventRequest struct {
	Event     []byte // as AppendEvent writes it
	Partition ResultPartitionID
	Channel   ChannelID
}

// CancelPartitionRequest closes a channel.
type CancelPartitionRequest struct{ Channel ChannelID }

// CloseRequest closes the connection and everything on it.
type CloseRequest struct{}

// AddCredit lets the producer send that many more data buffers on the channel. An increment, not a total.
type AddCredit struct {
	Credit  uint32 // buffers, > 0
	Channel ChannelID
}

// ResumeConsumption lets a subpartition go on that stands still after a blocking event.
type ResumeConsumption struct{ Channel ChannelID }

// AckAllUserRecordsProcessed answers EndOfData: the consumer is through with every record before it.
type AckAllUserRecordsProcessed struct{ Channel ChannelID }

// NewBufferSize hints how large the buffers should be that the producer starts from now on.
type NewBufferSize struct {
	Size    int // bytes, > 0
	Channel ChannelID
}

// SegmentID asks for a segment of tiered storage.
type SegmentID struct {
	Subpartition int
	Segment      int // > 0
	Channel      ChannelID
}

// AppendTo appends the whole frame.
func (m PartitionRequest) AppendTo(dst []byte) []byte {
	if m.First < 0 || m.Last < m.First {
		panic(fmt.Sprintf("frame: PartitionRequest for subpartitions %d to %d", m.First, m.Last))
	}
	dst = Header{Length: partitionRequestSize, ID: IDPartitionRequest}.AppendTo(dst)
	dst = append(dst, m.Partition.Partition[:]...)
	dst = append(dst, m.Partition.Producer[:]...)
	dst = appendNumber(dst, int64(m.First), 0, "PartitionRequest.First")
	dst = appendNumber(dst, int64(m.Last), 0, "PartitionRequest.Last")
	dst = append(dst, m.Channel[:]...)
	return appendNumber(dst, int64(m.Credit), 0, "PartitionRequest.Credit")
}

// AppendTo appends the whole frame.
func (m TaskEventRequest) AppendTo(dst []byte) []byte {
	dst = Header{Length: taskEventFixedSize + len(m.Event), ID: IDTaskEventRequest}.AppendTo(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(m.Event)))
	dst = append(dst, m.Event...)
	dst = append(dst, m.Partition.Partition[:]...)
	dst = append(dst, m.Partition.Producer[:]...)
	return append(dst, m.Channel[:]...)
}

// AppendTo appends the whole frame.
func (m CancelPartitionRequest) AppendTo(dst []byte) []byte {
	return appendChannelOnly(dst, IDCancelPartitionRequest, m.Channel)
}

// AppendTo appends the whole frame.
func (m CloseRequest) AppendTo(dst []byte) []byte {
	return Header{Length: HeaderSize, ID: IDCloseRequest}.AppendTo(dst)
}

// AppendTo appends the whole frame.
func (m AddCredit) AppendTo(dst []byte) []byte {
	dst = Header{Length: numberSize, ID: IDAddCredit}.AppendTo(dst)
	dst = appendNumber(dst, int64(m.Credit), 1, "AddCredit.Credit")
	return append(dst, m.Channel[:]...)
}

// AppendTo appends the whole frame.
func (m ResumeConsumption) AppendTo(dst []byte) []byte {
	return appendChannelOnly(dst, IDResumeConsumption, m.Channel)
}

// AppendTo appends the whole frame.
func (m AckAllUserRecordsProcessed) AppendTo(dst []byte) []byte {
	return appendChannelOnly(dst, IDAckAllUserRecordsProcessed, m.Channel)
}

// AppendTo appends the whole frame.
func (m NewBufferSize) AppendTo(dst []byte) []byte {
	dst = Header{Length: numberSize, ID: IDNewBufferSize}.AppendTo(dst)
	dst = appendNumber(dst, int64(m.Size), 1, "NewBufferSize.Size")
	return append(dst, m.Channel[:]...)
}

// AppendTo appends the whole frame.
func (m SegmentID) AppendTo(dst []byte) []byte {
	dst = Header{Length: segmentIDSize, ID: IDSegmentID}.AppendTo(dst)
	dst = appendNumber(dst, int64(m.Subpartition), 0, "SegmentID.Subpartition")
	dst = appendNumber(dst, int64(m.Segment), 1, "SegmentID.Segment")
	return append(dst, m.Channel[:]...)
}

func appendChannelOnly(dst []byte, id MessageID, channel ChannelID) []byte {
	dst = Header{Length: channelOnlySize, ID: id}.AppendTo(dst)
	return append(dst, channel[:]...)
}

// appendNumber appends a number of ours that must be between least and the largest Java int.
func appendNumber(dst []byte, n, least int64, what string) []byte {
	if n < least || n > math.MaxInt32 {
		panic(fmt.Sprintf("frame: %s is %d, allowed are %d to %d", what, n, least, math.MaxInt32))
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}

// Request is any message of a consumer, as it arrives: a union, so that the small frequent ones cost no allocation. ID says which
// fields are meant; the others are zero.
type Request struct {
	ID        MessageID
	Channel   ChannelID         // all but CloseRequest
	Partition ResultPartitionID // PartitionRequest, TaskEventRequest
	First     int               // PartitionRequest; SegmentID: the subpartition
	Last      int               // PartitionRequest
	Credit    uint32            // PartitionRequest: the initial one; AddCredit: the increment
	Size      int               // NewBufferSize, bytes
	Segment   int               // SegmentID
	Event     []byte            // TaskEventRequest; a slice of the body that was parsed
}

// ParseRequest reads the body that follows the header of a request. It allocates nothing; a fault is a *CorruptError.
func ParseRequest(id MessageID, body []byte) (Request, error) {
	if !id.Known() || id.FromProducer() {
		return Request{}, corruptf(reasonUnknownMessage, "%v is not a consumer's", id)
	}
	if n, allowed := HeaderSize+len(body), &lengths[id]; n < allowed.min || n > allowed.max {
		return Request{}, corruptf(reasonLength, "%v of %d bytes, allowed are %d to %d", id, n, allowed.min, allowed.max)
	}
	m := Request{ID: id}
	switch id {
	case IDPartitionRequest:
		copy(m.Partition.Partition[:], body)
		copy(m.Partition.Producer[:], body[20:])
		first, last := int32At(body, 60), int32At(body, 64)
		copy(m.Channel[:], body[68:])
		credit := int32At(body, 84)
		if first < 0 || last < first {
			return Request{}, corruptf(reasonBody, "PartitionRequest for subpartitions %d to %d", first, last)
		}
		if credit < 0 {
			return Request{}, corruptf(reasonBody, "PartitionRequest with an initial credit of %d", credit)
		}
		m.First, m.Last, m.Credit = int(first), int(last), uint32(credit)
	case IDTaskEventRequest:
		n := int32At(body, 0)
		if HeaderSize+len(body) != taskEventFixedSize+int(n) {
			return Request{}, corruptf(reasonBody, "TaskEventRequest with %d event bytes in a body of %d", n, len(body))
		}
		m.Event = body[4 : 4+n : 4+n]
		rest := body[4+n:]
		copy(m.Partition.Partition[:], rest)
		copy(m.Partition.Producer[:], rest[20:])
		copy(m.Channel[:], rest[60:])
	case IDCancelPartitionRequest, IDResumeConsumption, IDAckAllUserRecordsProcessed:
		copy(m.Channel[:], body)
	case IDCloseRequest:
	case IDAddCredit:
		credit := int32At(body, 0)
		if credit <= 0 {
			return Request{}, corruptf(reasonBody, "AddCredit of %d", credit)
		}
		m.Credit = uint32(credit)
		copy(m.Channel[:], body[4:])
	case IDNewBufferSize:
		size := int32At(body, 0)
		if size <= 0 {
			return Request{}, corruptf(reasonBody, "NewBufferSize of %d", size)
		}
		m.Size = int(size)
		copy(m.Channel[:], body[4:])
	case IDSegmentID:
		subpartition, segment := int32At(body, 0), int32At(body, 4)
		if subpartition < 0 || segment <= 0 {
			return Request{}, corruptf(reasonBody, "SegmentId for segment %d of subpartition %d", segment, subpartition)
		}
		m.First, m.Segment = int(subpartition), int(segment)
		copy(m.Channel[:], body[8:])
	}
	return m, nil
}

// AppendTo appends the whole frame of the message that m.ID says.
func (m *Request) AppendTo(dst []byte) []byte {
	switch m.ID {
	case IDPartitionRequest:
		return PartitionRequest{m.Partition, m.First, m.Last, m.Channel, m.Credit}.AppendTo(dst)
	case IDTaskEventRequest:
		return TaskEventRequest{m.Event, m.Partition, m.Channel}.AppendTo(dst)
	case IDCloseRequest:
		return CloseRequest{}.AppendTo(dst)
	case IDAddCredit:
		return AddCredit{m.Credit, m.Channel}.AppendTo(dst)
	case IDNewBufferSize:
		return NewBufferSize{m.Size, m.Channel}.AppendTo(dst)
	case IDSegmentID:
		return SegmentID{m.First, m.Segment, m.Channel}.AppendTo(dst)
	case IDCancelPartitionRequest, IDResumeConsumption, IDAckAllUserRecordsProcessed:
		return appendChannelOnly(dst, m.ID, m.Channel)
	}
	panic(fmt.Sprintf("frame: a Request with id %d", uint8(m.ID)))
}

func int32At(b []byte, at int) int32 { return int32(binary.BigEndian.Uint32(b[at:])) }
