// hostile_client_test.go: a client and producers that break the protocol, over real sockets: whose error it is, what becomes of the neighbours, and
// that every segment comes home.

package net

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
)

// fakeProducer listens, and is the other end of one connection: the test is the producer.
func fakeProducer(t *testing.T, c *consumer, open func(address string)) *rawPeer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	open(l.Addr().String())
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return asRawPeer(t, conn)
}

// dataFrame is n bytes for a channel.
func dataFrame(channel string, sequence int32, n int) frame.BufferResponse {
	return frame.BufferResponse{Content: make([]byte, n), BufferHeader: frame.BufferHeader{
		Channel: channelID(channel), Sequence: sequence, Type: buffer.DataBuffer,
	}}
}

// TestProducerThatWrongsOneChannel: that channel fails, and the rest of the connection does not notice.
func TestProducerThatWrongsOneChannel(t *testing.T) {
	event := func(sequence int32, kind buffer.DataType, n int) frame.BufferResponse {
		m := dataFrame("a", sequence, n)
		m.Type = kind
		return m
	}
	for name, c := range map[string]struct {
		send    []frame.BufferResponse
		message string
	}{
		"gap":               {[]frame.BufferResponse{dataFrame("a", 0, 9), dataFrame("a", 2, 9)}, "expected buffer with sequence number 1, but received 2"},
		"repetition":        {[]frame.BufferResponse{dataFrame("a", 0, 9), dataFrame("a", 0, 9)}, "expected buffer with sequence number 1, but received 0"},
		"begins with 1":     {[]frame.BufferResponse{event(1, buffer.EventBuffer, 4)}, "expected buffer with sequence number 0, but received 1"},
		"empty out of turn": {[]frame.BufferResponse{dataFrame("a", 5, 0)}, "expected buffer with sequence number 0, but received 5"},
		"beyond credit":     {[]frame.BufferResponse{dataFrame("a", 0, 9), dataFrame("a", 1, 9), dataFrame("a", 2, 9)}, "data beyond credit"},
		"larger":            {[]frame.BufferResponse{dataFrame("a", 0, 65)}, "a buffer of 65 bytes does not fit a segment of 64"},
		"much larger":       {[]frame.BufferResponse{dataFrame("a", 0, 1<<20)}, "a buffer of 1048576 bytes does not fit a segment of 64"},
		"end of data twice": {[]frame.BufferResponse{event(0, buffer.EndOfData, 5), event(1, buffer.EndOfData, 5)}, "end of data twice"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newConsumer(t, 2, 2, 1, 64, Options{})
			producer := fakeProducer(t, k, func(address string) {
				k.mustOpen(0, address, 0, 0)
				k.mustOpen(1, address, 0, 1)
			})
			producer.want(frame.IDPartitionRequest)
			producer.want(frame.IDPartitionRequest)
			floating, err := k.gate.Pool().Request(-1) // what comes now must not become more credit
			if err != nil || floating.IsZero() {
				t.Fatal(err)
			}
			defer floating.Recycle()
			var all []byte
			for _, m := range c.send {
				all = m.AppendTo(all)
			}
			all = dataFrame("b", 0, 64).AppendTo(all)
			all = frame.BacklogAnnouncement{Backlog: 1, Channel: channelID("nobody")}.AppendTo(all)
			producer.write(all)
			for answered := false; !answered; { // that is the answer to the last of it: the rest has been handled
				f, err := producer.next()
				if err != nil {
					t.Fatal(err)
				}
				answered = f.ID == frame.IDCancelPartitionRequest
			}
			failed, neighbour := false, false
			for !failed || !neighbour {
				item, err := k.next()
				var of *gate.ChannelError
				switch {
				case err == nil:
					neighbour = neighbour || item.Channel == 1
				case errors.As(err, &of) && of.Channel == 0 && strings.Contains(err.Error(), c.message):
					failed = true
				default:
					t.Fatalf("got %v", err)
				}
			}
			producer.send(dataFrame("b", 1, 7))
			if item := k.mustNext(); item.Channel != 1 || item.Buffer.Len() != 7 {
				t.Errorf("then %v of channel %d", item.Buffer.Type(), item.Channel)
			}
		})
	}
}

// TestProducerThatWrongsAll: bytes that are no message, and errors that concern everybody. All channels of the connection fail with the reason, the
// producer sees the connection end, and a channel on another connection goes on.
func TestProducerThatWrongsAll(t *testing.T) {
	data, largeEvent := dataFrame("a", 0, 30), dataFrame("a", 0, 1<<20+1)
	largeEvent.Type = buffer.EventBuffer
	long := func(id frame.MessageID, n uint32) []byte {
		b := binary.BigEndian.AppendUint32(nil, n)
		b = binary.BigEndian.AppendUint32(b, frame.Magic)
		return append(b, byte(id))
	}
	for name, c := range map[string]struct {
		bytes   []byte
		message string
		local   bool // the producer broke the protocol; otherwise the way to it, or it, is gone
	}{
		"magic":             {damaged(data, 4, 0), "incorrect magic number", true},
		"unknown id":        {damaged(data, 8, 12), "Received unknown message", true},
		"a request":         {frame.CloseRequest{}.AppendTo(nil), "Received unknown message", true},
		"length too short":  {damaged(data, 3, 42), "incorrect frame length", true},
		"length of another": {damaged(data, 3, 43+29), "a frame of 72 bytes with a buffer of 30", true},
		"negative length":   {damaged(data, 0, 0x80), "incorrect frame length", true},
		"negative size":     {damaged(data, 39, 0xFF), "BufferResponse of subpartition 0", true},
		"negative backlog":  {damaged(data, 33, 0xFF), "BufferResponse of subpartition 0", true},
		"type 0":            {damaged(data, 37, 0), "BufferResponse of type 0", true},
		"type 12":           {damaged(data, 37, 12), "BufferResponse of type 12", true},
		"compressed event":  {damaged(data, 37, byte(buffer.EventBuffer), 1), "compressed: true", true},
		"blocked, backlog":  {damaged(data, 36, 5, byte(buffer.AlignedBarrier)), "with a backlog of 5", true},
		"large event":       {largeEvent.AppendTo(nil), "EVENT_BUFFER of 1048577 bytes", true},
		"backlog 0":         {damaged(frame.BacklogAnnouncement{Backlog: 1}, 12, 0), "BacklogAnnouncement of 0", true},
		"large error":       {long(frame.IDErrorResponse, 17<<20), "at most 16777216 are allowed", true},
		"error of nothing":  {append(long(frame.IDErrorResponse, 10), 0), "ErrorResponse without an exception", true},
		"fatal":             {frame.ErrorResponse{Cause: frame.NewThrowable(frame.ClassRuntime, "on fire"), Fatal: true}.AppendTo(nil), "on fire", false},
		"cut in a body":     {data.AppendTo(nil)[:60], "connection unexpectedly closed", false},
		"cut in a header":   {data.AppendTo(nil)[:20], "connection unexpectedly closed", false},
		"cut":               {nil, "connection unexpectedly closed", false},
		"garbage":           {bytes.Repeat([]byte("HTTP/1.1 400 Bad Request\r\n"), 20_000), "incorrect magic number", true},
	} {
		t.Run(name, func(t *testing.T) {
			k := newConsumer(t, 3, 2, 1, 64, Options{})
			other := fakeProducer(t, k, func(address string) { k.mustOpen(2, address, 0, 0) })
			producer := fakeProducer(t, k, func(address string) {
				k.mustOpen(0, address, 0, 0)
				k.mustOpen(1, address, 0, 1)
			})
			producer.want(frame.IDPartitionRequest)
			producer.want(frame.IDPartitionRequest)
			written := make(chan struct{})
			go func() {
				_, _ = producer.conn.Write(c.bytes)
				if strings.HasPrefix(name, "cut") {
					_ = producer.conn.Close()
				}
				close(written)
			}()
			failed := map[int]bool{}
			for range 2 {
				_, err := k.next()
				var of *gate.ChannelError
				var local *LocalTransportError
				if !errors.As(err, &of) || errors.As(err, &local) != c.local || !strings.Contains(err.Error(), c.message) {
					t.Fatalf("got %v", err)
				}
				if c.local && !errors.Is(err, frame.ErrPeer) {
					t.Errorf("%v is not the peer's fault", err)
				}
				failed[of.Channel] = true
			}
			if !failed[0] || !failed[1] {
				t.Errorf("the channels that failed are %v", failed)
			}
			<-written
			if !strings.HasPrefix(name, "cut") {
				if _, err := producer.next(); err == nil {
					t.Error("the connection is still open")
				}
			}
			other.want(frame.IDPartitionRequest)
			other.send(dataFrame("c", 0, 7))
			if item := k.mustNext(); item.Channel != 2 || item.Buffer.Len() != 7 {
				t.Errorf("then %v of channel %d", item.Buffer.Type(), item.Channel)
			}
		})
	}
}

// TestProducerThatIsReset, in the middle of a body.
func TestProducerThatIsReset(t *testing.T) {
	k := newConsumer(t, 1, 2, 1, 64, Options{})
	producer := fakeProducer(t, k, func(address string) { k.mustOpen(0, address, 0, 0) })
	producer.want(frame.IDPartitionRequest)
	producer.send(dataFrame("a", 0, 3))
	k.mustNext()
	producer.write(dataFrame("a", 1, 64).AppendTo(nil)[:70])
	_ = producer.conn.SetLinger(0)
	_ = producer.conn.Close()
	var remote *RemoteTransportError
	k.wantError(0, &remote)
	if remote == nil || !strings.Contains(remote.Error(), "lost connection") && !strings.Contains(remote.Error(), "unexpectedly closed") {
		t.Errorf("the reason is %v", remote)
	}
}

// TestProducerThatSendsNothingButEvents: they cost no credit, so they may be many; the connection's reader does not wait for the task.
func TestProducerThatSendsNothingButEvents(t *testing.T) {
	k := newConsumer(t, 2, 1, 1, 64, Options{})
	producer := fakeProducer(t, k, func(address string) {
		k.mustOpen(0, address, 0, 0)
		k.mustOpen(1, address, 0, 1)
	})
	const events = 3000
	var all []byte
	for n := range int32(events) {
		m := dataFrame("a", n, 300)
		m.Type = buffer.EventBuffer
		all = m.AppendTo(all)
	}
	all = dataFrame("b", 0, 5).AppendTo(all)
	producer.write(all)
	got, other := 0, 0
	for got < events || other == 0 {
		if item := k.mustNext(); item.Channel == 0 {
			if item.Sequence != int32(got) {
				t.Fatalf("event %d after %d", item.Sequence, got)
			}
			got++
		} else {
			other++
		}
	}
}
