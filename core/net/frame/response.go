// response.go: the three messages from a producer to a consumer.

package frame

import (
	"encoding/binary"
	"fmt"

	"xbench/core/buffer"
)

// BufferHeaderSize is what stands between the frame header and the content of a BufferResponse.
const BufferHeaderSize = 16 + 4 + 4 + 4 + 1 + 1 + 4

// BufferHeader is a BufferResponse without its content, so that content can be read into, and written from, memory elsewhere.
type BufferHeader struct {
	Channel      ChannelID
	Subpartition int   // where the buffer comes from
	Sequence     int32 // per channel, from 0, one up for every BufferResponse; wraps around
	Backlog      int   // data buffers queued behind this one
	Type         buffer.DataType
	Compressed   bool
	Size         int // bytes of content
}

// AppendTo appends the BufferResponseSize bytes in front of the content: frame header and this.
func (h BufferHeader) AppendTo(dst []byte) []byte {
	if !h.Type.Valid() || h.Type == buffer.None {
		panic(fmt.Sprintf("frame: BufferResponse of type %d", uint8(h.Type)))
	}
	dst = Header{Length: BufferResponseSize + h.Size, ID: IDBufferResponse}.AppendTo(dst)
	dst = append(dst, h.Channel[:]...)
	dst = appendNumber(dst, int64(h.Subpartition), 0, "BufferResponse.Subpartition")
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Sequence))
	dst = appendNumber(dst, int64(h.Backlog), 0, "BufferResponse.Backlog")
	dst = append(dst, byte(h.Type), boolByte(h.Compressed))
	return appendNumber(dst, int64(h.Size), 0, "BufferResponse.Size")
}

// ParseBufferHeader reads the first BufferHeaderSize bytes of b, which follow the frame header; b must have them. It allocates
// nothing; a fault is a *CorruptError. The size is at most what fits into MaxLength: whether it agrees with the frame's own
// length (BufferResponseSize + Size) and fits into a segment is the caller's to say.
func ParseBufferHeader(b []byte) (BufferHeader, error) {
	_ = b[BufferHeaderSize-1]
	h := BufferHeader{
		Subpartition: int(int32At(b, 16)),
		Sequence:     int32At(b, 20),
		Backlog:      int(int32At(b, 24)),
		Type:         buffer.DataType(b[28]),
		Compressed:   b[29] != 0,
		Size:         int(int32At(b, 30)),
	}
	copy(h.Channel[:], b)
	if h.Subpartition < 0 || h.Backlog < 0 || h.Size < 0 || h.Size > MaxLength-BufferResponseSize {
		return BufferHeader{}, corruptf(reasonBody, "BufferResponse of subpartition %d with a backlog of %d and %d bytes", h.Subpartition, h.Backlog, h.Size)
	}
	if !h.Type.Valid() || h.Type == buffer.None {
		return BufferHeader{}, corruptf(reasonBody, "BufferResponse of type %d", b[28])
	}
	if h.Type.IsEvent() && (h.Compressed || h.Size == 0) {
		return BufferHeader{}, corruptf(reasonBody, "%v with %d bytes, compressed: %t", h.Type, h.Size, h.Compressed)
	}
	if h.Type.BlocksUpstream() && h.Backlog != 0 {
		return BufferHeader{}, corruptf(reasonBody, "%v with a backlog of %d", h.Type, h.Backlog)
	}
	return h, nil
}

// BufferResponse is one buffer whole.
type BufferResponse struct {
	BufferHeader
	Content []byte // Size bytes
}

// AppendTo appends the whole frame; its size is that of the content.
func (m BufferResponse) AppendTo(dst []byte) []byte {
	m.Size = len(m.Content)
	return append(m.BufferHeader.AppendTo(dst), m.Content...)
}

// BacklogAnnouncement says how many data buffers wait on a channel whose credit is 0.
type BacklogAnnouncement struct {
	Backlog int // buffers, > 0
	Channel ChannelID
}

// AppendTo appends the whole frame.
func (m BacklogAnnouncement) AppendTo(dst []byte) []byte {
	dst = Header{Length: numberSize, ID: IDBacklogAnnouncement}.AppendTo(dst)
	dst = appendNumber(dst, int64(m.Backlog), 1, "BacklogAnnouncement.Backlog")
	return append(dst, m.Channel[:]...)
}

// ErrorResponse says that a channel failed, or, when Fatal, every channel of the connection.
type ErrorResponse struct {
	Cause   Throwable
	Fatal   bool
	Channel ChannelID // not if Fatal
}

// AppendTo appends the whole frame.
func (m ErrorResponse) AppendTo(dst []byte) []byte {
	stream := m.Cause.stream()
	length := errorFixedSize + len(stream)
	if !m.Fatal {
		length += len(m.Channel)
	}
	dst = Header{Length: length, ID: IDErrorResponse}.AppendTo(dst)
	dst = append(dst, stream...)
	dst = append(dst, boolByte(!m.Fatal))
	if !m.Fatal {
		dst = append(dst, m.Channel[:]...)
	}
	return dst
}

// Response is any message of a producer, as it arrives: a union. ID says which part is meant; the others are zero.
type Response struct {
	ID      MessageID
	Buffer  BufferResponse // its Content is a slice of the body that was parsed
	Backlog BacklogAnnouncement
	Error   ErrorResponse
}

// ParseResponse reads the body that follows the header of a response. Only an ErrorResponse allocates; a fault is a *CorruptError.
// Whoever wants the content of a BufferResponse elsewhere reads BufferHeaderSize bytes and calls ParseBufferHeader instead.
func ParseResponse(id MessageID, body []byte) (Response, error) {
	if !id.Known() || !id.FromProducer() {
		return Response{}, corruptf(reasonUnknownMessage, "%v is not a producer's", id)
	}
	if n, allowed := HeaderSize+len(body), &lengths[id]; n < allowed.min || n > allowed.max {
		return Response{}, corruptf(reasonLength, "%v of %d bytes, allowed are %d to %d", id, n, allowed.min, allowed.max)
	}
	m := Response{ID: id}
	var err error
	switch id {
	case IDBufferResponse:
		m.Buffer.BufferHeader, err = ParseBufferHeader(body)
		if err != nil {
			return Response{}, err
		}
		m.Buffer.Content = body[BufferHeaderSize:]
		if m.Buffer.Size != len(m.Buffer.Content) {
			return Response{}, corruptf(reasonBody, "BufferResponse of %d bytes in a frame with room for %d", m.Buffer.Size, len(m.Buffer.Content))
		}
	case IDBacklogAnnouncement:
		backlog := int32At(body, 0)
		if backlog <= 0 {
			return Response{}, corruptf(reasonBody, "BacklogAnnouncement of %d", backlog)
		}
		m.Backlog.Backlog = int(backlog)
		copy(m.Backlog.Channel[:], body[4:])
	case IDErrorResponse:
		if m.Error, err = parseErrorResponse(body); err != nil {
			return Response{}, err
		}
	}
	return m, nil
}

// AppendTo appends the whole frame of the message that m.ID says.
func (m *Response) AppendTo(dst []byte) []byte {
	switch m.ID {
	case IDBufferResponse:
		return m.Buffer.AppendTo(dst)
	case IDBacklogAnnouncement:
		return m.Backlog.AppendTo(dst)
	case IDErrorResponse:
		return m.Error.AppendTo(dst)
	}
	panic(fmt.Sprintf("frame: a Response with id %d", uint8(m.ID)))
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
