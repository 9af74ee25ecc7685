// describe.go: frames and events as named values, for people and for JSON.

package frame

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// Field is one named value of a description: a string, a number, a bool, nil or a Description.
type Field struct {
	Name  string
	Value any
}

// Description is named values in the order in which they are shown. As JSON it is an object in that order.
type Description []Field

// MarshalJSON writes the object.
func (d Description) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, f := range d {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(f.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.Value)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// Describe names everything in a frame as the recordings' expect.json do: where it stands, what it is, its fields; events with
// their bytes, data with the CRC-32 of its bytes as sent.
func Describe(f *Frame) Description {
	d := Description{
		{"n", f.N}, {"offset", f.Offset}, {"length", f.Length}, {"id", int(f.ID)}, {"message", f.ID.String()},
	}
	if f.ID.FromProducer() {
		return append(d, describeResponse(&f.Response)...)
	}
	return append(d, describeRequest(&f.Request)...)
}

func describeRequest(m *Request) Description {
	receiver := Field{"receiver", m.Channel.String()}
	partition, producer := Field{"partition_id", m.Partition.Partition.String()}, Field{"producer_id", m.Partition.Producer.String()}
	switch m.ID {
	case IDPartitionRequest:
		return Description{
			partition, producer, {"subpartition_start", m.First}, {"subpartition_end", m.Last}, receiver, {"credit", m.Credit},
		}
	case IDTaskEventRequest:
		d := Description{{"event_hex", hex.EncodeToString(m.Event)}}
		if e, err := ParseEvent(m.Event); err == nil {
			if other, ok := e.(Other); ok {
				d = append(d, Field{"event_class", other.Class})
			} else {
				d = append(d, Field{"event", DescribeEvent(e)})
			}
		}
		return append(d, partition, producer, receiver)
	case IDCloseRequest:
		return nil
	case IDAddCredit:
		return Description{{"credit", m.Credit}, receiver}
	case IDNewBufferSize:
		return Description{{"buffer_size", m.Size}, receiver}
	case IDSegmentID:
		return Description{{"subpartition", m.First}, {"segment_id", m.Segment}, receiver}
	}
	return Description{receiver}
}

func describeResponse(m *Response) Description {
	switch m.ID {
	case IDBufferResponse:
		b := &m.Buffer
		d := Description{
			{"receiver", b.Channel.String()}, {"subpartition", b.Subpartition}, {"sequence_number", b.Sequence},
			{"backlog", b.Backlog}, {"data_type", b.Type.String()}, {"data_type_ordinal", int(b.Type)},
			{"compressed", b.Compressed}, {"size", b.Size}, {"content_crc32", fmt.Sprintf("%08x", crc32.ChecksumIEEE(b.Content))},
		}
		if b.Type.IsEvent() {
			d = append(d, Field{"content_hex", hex.EncodeToString(b.Content)})
		}
		return d
	case IDBacklogAnnouncement:
		return Description{{"backlog", m.Backlog.Backlog}, {"receiver", m.Backlog.Channel.String()}}
	}
	receiver := Field{"receiver", nil}
	if !m.Error.Fatal {
		receiver.Value = m.Error.Channel.String()
	}
	message := Field{"cause_message", nil}
	if m.Error.Cause.Message != "" {
		message.Value = m.Error.Cause.Message
	}
	return Description{receiver, {"fatal", m.Error.Fatal}, {"cause_class", m.Error.Cause.Class}, message}
}
