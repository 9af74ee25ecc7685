// message_test.go: each message against bytes of a real Flink, and against bodies that cannot be.

package frame_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

func channel(t testing.TB, s string) frame.ChannelID {
	t.Helper()
	id, err := frame.ParseChannelID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var somePartition = frame.ResultPartitionID{
	Partition: frame.NewPartitionID([16]byte{0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x01}, 7),
	Producer: frame.NewProducerID(
		[16]byte{0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F},
		[16]byte{0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F}, 5, 2),
}

// message is any of the structs that are appended.
type message interface{ AppendTo([]byte) []byte }

func TestMessages(t *testing.T) {
	ch := channel(t, "41dc84fe87b6de8aea7b427d20a84c67")
	for _, c := range []struct {
		m    message
		want string
	}{
		{frame.PartitionRequest{Partition: somePartition, Channel: ch, Credit: 2},
			`00000061 badc0ffe 02 101112131415161718191a1b1c1d1e01 00000007 202122232425262728292a2b2c2d2e2f 303132333435363738393a3b3c3d3e3f
			00000005 00000002 00000000 00000000 41dc84fe87b6de8aea7b427d20a84c67 00000002`},
		{frame.PartitionRequest{Partition: somePartition, First: 3, Last: 9, Channel: ch},
			`00000061 badc0ffe 02 101112131415161718191a1b1c1d1e01 00000007 202122232425262728292a2b2c2d2e2f 303132333435363738393a3b3c3d3e3f
			00000005 00000002 00000003 00000009 41dc84fe87b6de8aea7b427d20a84c67 00000000`},
		{frame.TaskEventRequest{Event: []byte{0xAB, 0xCD}, Partition: somePartition, Channel: ch},
			`0000005b badc0ffe 03 00000002 abcd 101112131415161718191a1b1c1d1e01 00000007 202122232425262728292a2b2c2d2e2f
			303132333435363738393a3b3c3d3e3f 00000005 00000002 41dc84fe87b6de8aea7b427d20a84c67`},
		{frame.AddCredit{Credit: 1, Channel: ch}, "0000001d badc0ffe 06 00000001 41dc84fe87b6de8aea7b427d20a84c67"},
		{frame.CancelPartitionRequest{Channel: ch}, "00000019 badc0ffe 04 41dc84fe87b6de8aea7b427d20a84c67"},
		{frame.CloseRequest{}, "00000009 badc0ffe 05"},
		{frame.ResumeConsumption{Channel: ch}, "00000019 badc0ffe 07 41dc84fe87b6de8aea7b427d20a84c67"},
		{frame.AckAllUserRecordsProcessed{Channel: ch}, "00000019 badc0ffe 08 41dc84fe87b6de8aea7b427d20a84c67"},
		{frame.BacklogAnnouncement{Backlog: 4, Channel: ch}, "0000001d badc0ffe 09 00000004 41dc84fe87b6de8aea7b427d20a84c67"},
		{frame.NewBufferSize{Size: 512, Channel: ch}, "0000001d badc0ffe 0a 00000200 41dc84fe87b6de8aea7b427d20a84c67"},
		{frame.SegmentID{Subpartition: 0, Segment: 3, Channel: ch}, "00000021 badc0ffe 0b 00000000 00000003 41dc84fe87b6de8aea7b427d20a84c67"},
		{frame.BufferHeader{Channel: ch, Type: buffer.DataBuffer, Size: 0x5DC},
			"00000607 badc0ffe 00 41dc84fe87b6de8aea7b427d20a84c67 00000000 00000000 00000000 01 00 000005dc"},
		{frame.BufferResponse{BufferHeader: frame.BufferHeader{Channel: ch, Subpartition: 1, Sequence: -2, Backlog: 3, Type: buffer.DataBuffer, Compressed: true}, Content: []byte{0xFF}},
			"0000002c badc0ffe 00 41dc84fe87b6de8aea7b427d20a84c67 00000001 fffffffe 00000003 01 01 00000001 ff"},
		{frame.BufferHeader{Channel: ch, Sequence: 31, Type: buffer.DataBuffer},
			"0000002b badc0ffe 00 41dc84fe87b6de8aea7b427d20a84c67 00000000 0000001f 00000000 01 00 00000000"},
	} {
		want := unhex(t, strings.NewReplacer("\n", "", "\t", "").Replace(c.want))
		if got := c.m.AppendTo(nil); !bytes.Equal(got, want) {
			t.Errorf("%T\n got %x\nwant %x", c.m, got, want)
		}
	}
}

// Whoever reads content into memory of its own reads the header alone, to the same values.
func TestBufferHeaderAlone(t *testing.T) {
	want := frame.BufferHeader{
		Channel: channel(t, "41dc84fe87b6de8aea7b427d20a84c67"), Subpartition: 1, Sequence: 2, Backlog: 3, Type: buffer.DataBuffer, Compressed: true, Size: 77,
	}
	b := want.AppendTo(nil)
	if len(b) != frame.BufferResponseSize {
		t.Fatalf("%d bytes", len(b))
	}
	h, err := frame.ParseHeader(b)
	if err != nil || h.ID != frame.IDBufferResponse || h.Length != frame.BufferResponseSize+77 || h.BodyLength() != frame.BufferHeaderSize+77 {
		t.Errorf("%+v, %v", h, err)
	}
	if got, err := frame.ParseBufferHeader(b[frame.HeaderSize:]); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

// Bodies that cannot be are the peer's fault.
func TestHostileBodies(t *testing.T) {
	const id, partition = "000102030405060708090a0b0c0d0e0f", "00000000000000000000000000000000 00000000 0000000000000000000000000000000000000000000000000000000000000000 0000000000000000"
	for _, c := range []struct {
		name string
		id   frame.MessageID
		body string
	}{
		{"negative first subpartition", frame.IDPartitionRequest, partition + "ffffffff 00000000" + id + "00000002"},
		{"last subpartition before first", frame.IDPartitionRequest, partition + "00000002 00000001" + id + "00000002"},
		{"negative initial credit", frame.IDPartitionRequest, partition + "00000000 00000000" + id + "80000000"},
		{"short partition request", frame.IDPartitionRequest, partition + "00000000 00000000" + id + "000000"},
		{"task event longer than its frame", frame.IDTaskEventRequest, "00000001" + partition + id},
		{"task event shorter than its frame", frame.IDTaskEventRequest, "00000000 00" + partition + id},
		{"negative task event", frame.IDTaskEventRequest, "ffffffff 00" + partition + id},
		{"short task event", frame.IDTaskEventRequest, "00"},
		{"no credit", frame.IDAddCredit, "00000000" + id},
		{"negative credit", frame.IDAddCredit, "ffffffff" + id},
		{"no buffer size", frame.IDNewBufferSize, "00000000" + id},
		{"no segment", frame.IDSegmentID, "00000000 00000000" + id},
		{"segment of a negative subpartition", frame.IDSegmentID, "ffffffff 00000001" + id},
		{"long cancel", frame.IDCancelPartitionRequest, id + "00"},
		{"close with a body", frame.IDCloseRequest, "00"},
		{"no backlog", frame.IDBacklogAnnouncement, "00000000" + id},
		{"content longer than its frame", frame.IDBufferResponse, id + "00000000 00000000 00000000 01 00 00000001"},
		{"content shorter than its frame", frame.IDBufferResponse, id + "00000000 00000000 00000000 01 00 00000000 00"},
		{"negative content", frame.IDBufferResponse, id + "00000000 00000000 00000000 01 00 ffffffff"},
		{"negative subpartition", frame.IDBufferResponse, id + "ffffffff 00000000 00000000 01 00 00000000"},
		{"negative backlog", frame.IDBufferResponse, id + "00000000 00000000 ffffffff 01 00 00000000"},
		{"data type 0", frame.IDBufferResponse, id + "00000000 00000000 00000000 00 00 00000000"},
		{"data type 12", frame.IDBufferResponse, id + "00000000 00000000 00000000 0c 00 00000000"},
		{"event without content", frame.IDBufferResponse, id + "00000000 00000000 00000000 0a 00 00000000"},
		{"compressed event", frame.IDBufferResponse, id + "00000000 00000000 00000000 0a 01 00000004 00000000"},
		{"backlog behind a blocking event", frame.IDBufferResponse, id + "00000000 00000000 00000001 04 00 00000004 00000005"},
		{"error without exception", frame.IDErrorResponse, "00"},
		{"empty error", frame.IDErrorResponse, ""},
	} {
		body := unhex(t, c.body)
		var err error
		if c.id.FromProducer() {
			_, err = frame.ParseResponse(c.id, body)
		} else {
			_, err = frame.ParseRequest(c.id, body)
		}
		var corrupt *frame.CorruptError
		if !errors.As(err, &corrupt) || !errors.Is(err, frame.ErrPeer) || corrupt.Offset != -1 {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for id := frame.MessageID(0); id < 20; id++ {
		_, request := frame.ParseRequest(id, nil)
		_, response := frame.ParseResponse(id, nil)
		if request == nil && id != frame.IDCloseRequest || response == nil {
			t.Errorf("%v without a body: %v, %v", id, request, response)
		}
	}
}

// Messages of ours that cannot be are own bugs.
func TestOwnNonsensePanics(t *testing.T) {
	for name, m := range map[string]message{
		"no credit":             frame.AddCredit{},
		"too much credit":       frame.AddCredit{Credit: 1 << 31},
		"no backlog":            frame.BacklogAnnouncement{},
		"negative subpartition": frame.PartitionRequest{First: -1},
		"range backwards":       frame.PartitionRequest{First: 2, Last: 1},
		"no buffer size":        frame.NewBufferSize{},
		"no segment":            frame.SegmentID{},
		"no data type":          frame.BufferHeader{},
		"unknown data type":     frame.BufferHeader{Type: 99},
		"too large":             frame.BufferHeader{Type: buffer.DataBuffer, Size: frame.MaxLength},
		"negative size":         frame.BufferHeader{Type: buffer.DataBuffer, Size: -1},
		"request of no kind":    &frame.Request{},
		"response of no kind":   &frame.Response{ID: frame.IDAddCredit},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			m.AppendTo(nil)
		}()
	}
}

// The messages that come with every buffer cost no allocation, in either direction.
func TestSmallMessagesAllocateNothing(t *testing.T) {
	ch := channel(t, "41dc84fe87b6de8aea7b427d20a84c67")
	credit := frame.AddCredit{Credit: 3, Channel: ch}.AppendTo(nil)
	announcement := frame.BacklogAnnouncement{Backlog: 3, Channel: ch}.AppendTo(nil)
	response := frame.BufferResponse{BufferHeader: frame.BufferHeader{Channel: ch, Type: buffer.DataBuffer}, Content: make([]byte, 100)}.AppendTo(nil)
	out := make([]byte, 0, 1000)
	var d frame.Decoder
	for name, once := range map[string]func() error{
		"AddCredit read": func() error { _, err := frame.ParseRequest(frame.IDAddCredit, credit[frame.HeaderSize:]); return err },
		"BacklogAnnouncement read": func() error {
			_, err := frame.ParseResponse(frame.IDBacklogAnnouncement, announcement[frame.HeaderSize:])
			return err
		},
		"BufferResponse read": func() error {
			_, err := frame.ParseResponse(frame.IDBufferResponse, response[frame.HeaderSize:])
			return err
		},
		"header of a buffer read": func() error { _, err := frame.ParseBufferHeader(response[frame.HeaderSize:]); return err },
		"header read":             func() error { _, err := frame.ParseHeader(response); return err },
		"AddCredit appended":      func() error { out = frame.AddCredit{Credit: 3, Channel: ch}.AppendTo(out[:0]); return nil },
		"header of a buffer append": func() error {
			out = frame.BufferHeader{Channel: ch, Type: buffer.DataBuffer, Size: 3}.AppendTo(out[:0])
			return nil
		},
		"decoded from a stream": func() error {
			d.Feed(credit)
			d.Feed(response)
			for range 2 {
				if _, ok, err := d.Next(); !ok || err != nil {
					return errors.New("no frame")
				}
			}
			return nil
		},
	} {
		var fault error
		if n := testing.AllocsPerRun(100, func() { fault = errors.Join(fault, once()) }); n > 0 || fault != nil {
			t.Errorf("%s: %v allocations, %v", name, n, fault)
		}
	}
}

func TestIDs(t *testing.T) {
	const printed = "101112131415161718191a1b1c1d1e01#7@202122232425262728292a2b2c2d2e2f_303132333435363738393a3b3c3d3e3f_5_2"
	if got := somePartition.String(); got != printed {
		t.Errorf("%s, want %s", got, printed)
	}
	if got, err := frame.ParseResultPartitionID(printed); err != nil || got != somePartition {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := frame.ParsePartitionID(somePartition.Partition.String()); err != nil || got != somePartition.Partition {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := frame.ParseProducerID(somePartition.Producer.String()); err != nil || got != somePartition.Producer {
		t.Errorf("%v, %v", got, err)
	}
	testPartition := frame.ResultPartitionID{Partition: frame.NewPartitionID([16]byte{}, -1)}
	if got, err := frame.ParseResultPartitionID(testPartition.String()); err != nil || got != testPartition || got.Partition.Number() != -1 {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{
		"", "@", "#@___", printed + "_1", printed[1:], printed + "x", strings.Replace(printed, "#7", "#x", 1), strings.Replace(printed, "#7", "#2147483648", 1),
		strings.Replace(printed, "@", "#", 1), strings.Replace(printed, "30", "3g", 1),
	} {
		if got, err := frame.ParseResultPartitionID(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
	for _, bad := range []string{"", "41dc", "41dc84fe87b6de8aea7b427d20a84c6g", "41dc84fe87b6de8aea7b427d20a84c6700"} {
		if got, err := frame.ParseChannelID(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

// A description is an object whose names stand in the order in which they were given.
func TestDescriptionAsJSON(t *testing.T) {
	b, err := frame.Description{{Name: "z", Value: 1}, {Name: "a", Value: nil}, {Name: "m", Value: frame.Description{{Name: "b", Value: "\"x\""}}}}.MarshalJSON()
	if want := `{"z":1,"a":null,"m":{"b":"\"x\""}}`; err != nil || string(b) != want {
		t.Errorf("%s, %v, want %s", b, err, want)
	}
	stream := frame.TaskEventRequest{Event: frame.AppendEvent(nil, frame.CancelCheckpoint{ID: 5})}.AppendTo(nil)
	var d frame.Decoder
	d.Feed(stream)
	f, _, err := d.Next()
	if err != nil {
		t.Fatal(err)
	}
	got := asJSON(t, frame.Describe(&f)).(map[string]any)["event"]
	if want := asJSON(t, frame.DescribeEvent(frame.CancelCheckpoint{ID: 5})); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
