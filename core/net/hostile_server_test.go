// hostile_server_test.go: a server and consumers that break the protocol, over real sockets: the answers of wire.md 4.6, and neighbours that
// notice nothing.

package net

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// realServer is a server on loopback with one registered partition of several subpartitions, whose memory is home when the test ends.
type realServer struct {
	t        testing.TB
	server   *Server
	registry *partition.Registry
	part     *partition.ResultPartition
}

func listen(t testing.TB, subpartitions, segments, segmentSize int) *realServer {
	t.Helper()
	p := memory(t, segments, segmentSize)
	s := &realServer{t: t, registry: partition.NewRegistry(50 * time.Millisecond)}
	s.part = newRegistered(t, s.registry, partitionID(0), p, subpartitions, segments)
	var err error
	if s.server, err = Listen("127.0.0.1:0", s.registry, Options{Clock: leaping()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.server.Close()
		s.registry.Close()
	})
	return s
}

// emit sends n bytes to a subpartition and flushes them.
func (s *realServer) emit(sub, n int) {
	s.t.Helper()
	if err := s.part.Emit(s.t.Context(), make([]byte, n), sub); err != nil {
		s.t.Fatal(err)
	}
	s.part.Flush(sub)
}

// rawPeer is a test with a socket. Nothing it waits for may take longer than patience.
type rawPeer struct {
	t       testing.TB
	conn    *net.TCPConn
	decoder frame.Decoder
}

const patience = 20 * time.Second

func dialRaw(t testing.TB, address string) *rawPeer {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return asRawPeer(t, c)
}

func asRawPeer(t testing.TB, c net.Conn) *rawPeer {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &rawPeer{t: t, conn: c.(*net.TCPConn)}
}

func (r *rawPeer) write(b []byte) {
	r.t.Helper()
	if _, err := r.conn.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// send writes a message.
func (r *rawPeer) send(m interface{ AppendTo([]byte) []byte }) {
	r.t.Helper()
	r.write(m.AppendTo(nil))
}

// next waits for the next frame. io.EOF: the other side has closed the connection.
func (r *rawPeer) next() (frame.Frame, error) {
	buf := make([]byte, 4<<10)
	for {
		f, ok, err := r.decoder.Next()
		if ok || err != nil {
			return f, err
		}
		n, err := r.conn.Read(buf)
		if n == 0 && err != nil {
			return frame.Frame{}, err
		}
		r.decoder.Feed(buf[:n])
	}
}

// want waits for a frame of one kind.
func (r *rawPeer) want(id frame.MessageID) frame.Frame {
	r.t.Helper()
	f, err := r.next()
	if err != nil || f.ID != id {
		r.t.Fatalf("got %v, %v; want %v", f.ID, err, id)
	}
	return f
}

// wantError waits for an ErrorResponse, fatal or of one channel.
func (r *rawPeer) wantError(fatal bool, class, message string) {
	r.t.Helper()
	f := r.want(frame.IDErrorResponse)
	e := f.Response.Error
	if e.Fatal != fatal || e.Cause.Class != class || !strings.Contains(e.Cause.Message, message) {
		r.t.Errorf("got fatal %v, %v; want %v, %s: %s", e.Fatal, e.Cause, fatal, class, message)
	}
}

// wantClosed waits until the other side has closed the connection, in order.
func (r *rawPeer) wantClosed() {
	r.t.Helper()
	if f, err := r.next(); err != io.EOF {
		r.t.Errorf("got %v, %v; want the end of the connection", f.ID, err)
	}
}

// wantOpen wants that requests are still answered.
func (r *rawPeer) wantOpen() {
	r.t.Helper()
	r.send(frame.TaskEventRequest{Event: frame.AppendEvent(nil, frame.EndOfSuperstep{}), Channel: channelID("?")})
	r.wantError(false, frame.ClassIllegalArgument, "Task event receiver not found.")
}

// damaged is a message with bytes changed.
func damaged(m interface{ AppendTo([]byte) []byte }, at int, by ...byte) []byte {
	b := m.AppendTo(nil)
	copy(b[at:], by)
	return b
}

// TestBytesThatAreNoRequests: the consumer is told, and the connection closed (wire.md 4.6: err-bad-magic, err-unknown-id). What it
// requested before is free again.
func TestBytesThatAreNoRequests(t *testing.T) {
	cancel := frame.CancelPartitionRequest{Channel: channelID("a")}
	credit := frame.AddCredit{Credit: 1, Channel: channelID("a")}
	request := requestOf("b", 0, 1, 1)
	for name, c := range map[string]struct {
		bytes   []byte
		message string
	}{
		"magic":                {damaged(cancel, 4, 0xBA, 0xDC, 0x0F, 0xFF), "Network stream corrupted: received incorrect magic number."},
		"unknown id":           {damaged(cancel, 8, 12), "Received unknown message"},
		"a producer's message": {frame.BacklogAnnouncement{Backlog: 1}.AppendTo(nil), "Received unknown message"},
		"length 0":             {damaged(cancel, 0, 0, 0, 0, 0), "incorrect frame length"},
		"negative length":      {damaged(cancel, 0, 0xFF), "incorrect frame length"},
		"length of another":    {damaged(cancel, 3, 26), "incorrect frame length"},
		"length beyond reason": {damaged(frame.TaskEventRequest{}, 0, 0, 0x20, 0, 0), "a request of 2097152 bytes"},
		"credit 0":             {damaged(credit, 9, 0, 0, 0, 0), "AddCredit of 0"},
		"negative credit":      {damaged(credit, 9, 0x80), "AddCredit of -"},
		"buffer size 0":        {damaged(frame.NewBufferSize{Size: 1}, 12, 0), "NewBufferSize of 0"},
		"segment 0":            {damaged(frame.SegmentID{Segment: 1}, 16, 0), "segment 0"},
		"subpartition -1":      {damaged(request, 69, 0xFF, 0xFF, 0xFF, 0xFF), "subpartitions -1"},
		"initial credit -1":    {damaged(request, 93, 0xFF, 0xFF, 0xFF, 0xFF), "initial credit of -1"},
		"garbage":              {bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 64<<10), "incorrect magic number"},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, 2, 8, 64)
			good := dialRaw(t, s.server.Addr())
			good.send(requestOf("g", 0, 0, 2))
			bad := dialRaw(t, s.server.Addr())
			bad.send(requestOf("a", 0, 1, 1))
			s.emit(1, 10)
			bad.want(frame.IDBufferResponse)
			written := make(chan struct{})
			go func() { // a peer that pours out more than anybody wants to read
				_, _ = bad.conn.Write(c.bytes)
				close(written)
			}()
			bad.wantError(true, frame.ClassIllegalState, c.message)
			bad.wantClosed()
			<-written
			s.emit(0, 7)
			if f := good.want(frame.IDBufferResponse); f.Response.Buffer.Size != 7 {
				t.Errorf("the neighbour got %d bytes", f.Response.Buffer.Size)
			}
			good.wantOpen()
		})
	}
}

// TestRequestsThatMakeNoSense: a fatal error, which makes a consumer close the connection, but it is left to the consumer (wire.md 4.6:
// err-unknown-receiver, err-double-request, err-bad-subpartition). Other channels of the connection go on as long as it does not.
func TestRequestsThatMakeNoSense(t *testing.T) {
	gone := channelID("gone")
	for name, c := range map[string]struct {
		send    interface{ AppendTo([]byte) []byte }
		message string
	}{
		"credit for nobody":      {frame.AddCredit{Credit: 1, Channel: gone}, "no reader for receiverId"},
		"resume for nobody":      {frame.ResumeConsumption{Channel: gone}, "no reader for receiverId"},
		"ack for nobody":         {frame.AckAllUserRecordsProcessed{Channel: gone}, "no reader for receiverId"},
		"resume of no block":     {frame.ResumeConsumption{Channel: channelID("a")}, "Should be blocked by checkpoint."},
		"too much credit":        {frame.AddCredit{Credit: 1<<31 - 1, Channel: channelID("a")}, "more than 2147483647"},
		"second request":         {requestOf("b", 0, 0, 1), "can only be consumed once"},
		"channel that is open":   {requestOf("a", 0, 1, 1), "is open already"},
		"no such subpartition":   {requestOf("b", 0, 2, 1), "Subpartition not found. Index: 2, Size: 2"},
		"range of subpartitions": {frame.PartitionRequest{Partition: partitionID(0), First: 0, Last: 1, Channel: channelID("b")}, "range"},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, 2, 8, 64)
			r := dialRaw(t, s.server.Addr())
			r.send(requestOf("a", 0, 0, 2))
			s.emit(0, 5)
			r.want(frame.IDBufferResponse)
			r.send(c.send)
			r.wantError(true, frame.ClassIllegalState, c.message)
			r.wantOpen()
			s.emit(0, 6)
			if f := r.want(frame.IDBufferResponse); f.Response.Buffer.Size != 6 || f.Response.Buffer.Sequence != 1 {
				t.Errorf("got %+v", f.Response.Buffer.BufferHeader)
			}
		})
	}
}

// TestRequestsThatAreIgnored: for channels that are gone (wire.md 4.6), as when a cancel crosses them.
func TestRequestsThatAreIgnored(t *testing.T) {
	s := listen(t, 1, 4, 64)
	r := dialRaw(t, s.server.Addr())
	for _, name := range []string{"never", "gone"} {
		if name == "gone" {
			r.send(requestOf(name, 0, 0, 1))
			r.send(frame.CancelPartitionRequest{Channel: channelID(name)})
		}
		r.send(frame.CancelPartitionRequest{Channel: channelID(name)})
		r.send(frame.NewBufferSize{Size: 512, Channel: channelID(name)})
		r.send(frame.SegmentID{Subpartition: 0, Segment: 3, Channel: channelID(name)})
	}
	r.wantOpen()
	r.send(frame.CloseRequest{})
	r.wantClosed()
}

// TestConnectionThatBreaksOff: in the middle of a header or body, between two frames, ended or reset. What it held is free again.
func TestConnectionThatBreaksOff(t *testing.T) {
	whole := frame.AddCredit{Credit: 1, Channel: channelID("a")}.AppendTo(nil)
	for n := range len(whole) + 1 {
		s := listen(t, 1, 4, 64)
		r := dialRaw(t, s.server.Addr())
		r.send(requestOf("a", 0, 0, 2)) // the second is for the empty end of the buffer
		s.emit(0, 5)
		r.want(frame.IDBufferResponse)
		if err := s.part.NotifyEndOfData(true); err != nil {
			t.Fatal(err)
		}
		r.want(frame.IDBufferResponse)
		r.write(whole[:n])
		if n%2 == 1 {
			_ = r.conn.SetLinger(0) // a reset rather than an end
		}
		_ = r.conn.Close()
		select {
		case <-s.part.AllDataProcessed():
		case <-time.After(patience):
			t.Fatalf("%d bytes into a frame: the subpartition is still taken", n)
		}
	}
}

// TestServerThatCloses tells its consumers nothing and leaves nobody behind.
func TestServerThatCloses(t *testing.T) {
	s := listen(t, 3, 8, 64)
	var peers []*rawPeer
	for i := range 3 {
		r := dialRaw(t, s.server.Addr())
		r.send(requestOf("a", 0, i, 1))
		s.emit(i, 5)
		r.want(frame.IDBufferResponse)
		peers = append(peers, r)
	}
	if err := s.server.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range peers {
		r.wantClosed()
	}
	<-s.part.AllDataProcessed()
	if _, err := net.Dial("tcp", s.server.Addr()); err == nil {
		t.Error("a closed server accepts")
	}
	if err := s.server.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

// TestConsumerThatDoesNotRead: its socket fills, and nobody else waits for it: not other connections, and not the end of the server.
func TestConsumerThatDoesNotRead(t *testing.T) {
	const bodies, size = 300, 32 << 10
	s := listen(t, 2, 2*bodies+1, size)
	deaf, good := dialRaw(t, s.server.Addr()), dialRaw(t, s.server.Addr())
	if err := deaf.conn.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	deaf.send(requestOf("d", 0, 0, 1<<20))
	good.send(requestOf("g", 0, 1, 1<<20))
	for range bodies {
		s.emit(0, size)
		s.emit(1, size)
	}
	for n := range int32(bodies) {
		if f := good.want(frame.IDBufferResponse); f.Response.Buffer.Sequence != n || f.Response.Buffer.Type != buffer.DataBuffer {
			t.Fatalf("got %+v", f.Response.Buffer.BufferHeader)
		}
	}
	if err := s.server.Close(); err != nil { // while the deaf one's sender waits for its socket
		t.Fatal(err)
	}
}

// TestManyConnections come and go, each with a channel, some in order and some not; the ones that stay get theirs.
func TestManyConnections(t *testing.T) {
	const n = 24
	s := listen(t, n, n+2, 64)
	var stay []*rawPeer
	for i := range n {
		r := dialRaw(t, s.server.Addr())
		r.send(requestOf("a", 0, i, 1))
		switch i % 3 {
		case 0:
			stay = append(stay, r)
		case 1:
			r.send(frame.CloseRequest{})
			r.wantClosed()
		case 2:
			_ = r.conn.Close()
		}
	}
	var got []int
	for k, r := range stay {
		s.emit(3*k, 3*k+1)
		got = append(got, r.want(frame.IDBufferResponse).Response.Buffer.Size)
	}
	if want := []int{1, 4, 7, 10, 13, 16, 19, 22}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
