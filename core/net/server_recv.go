// server_recv.go: the server's receiver: requests, credit and good-byes of one consumer.

package net

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"xbench/core/credit"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// requestBytes bounds a request's frame. All but task events are below 100 bytes.
const requestBytes = 1 << 20

// notesMax bounds what waits for the sender. A peer that sends requests and does not read what comes keeps the sender from taking any; a well-behaved
// one has a few outstanding per channel, and 32,768 channels at most.
const notesMax = 1 << 18

// errClosedByPeer is the regular end: the consumer said so, or closed the connection between two frames.
var errClosedByPeer = errors.New("connection closed by the consumer")

// serverReceiver reads requests and turns them into notes for the sender. Its fields belong to the receiving goroutine, and to
// release when both goroutines have ended.
type serverReceiver struct {
	conn     *serverConn
	in       []byte // read, not handled yet: in[:have]
	have     int
	whole    uint64 // requests so far
	credited bool   // a note of credit was left for the sender
	broken   bool   // what the peer sends is no request; it was told, and the rest is dropped
	vector   [1][]byte
	tally    tally
	readers  map[frame.ChannelID]*viewReader
	early    map[frame.ChannelID]*partition.EarlyRequest // those of the readers that wait for their partition
}

// receiveOnce reads what is there and handles every whole message.
func (s *serverReceiver) receiveOnce() error {
	if n := s.conn.inbox.len(); n > notesMax {
		return &FloodError{Peer: s.conn.peer, Notes: n}
	}
	if s.have == len(s.in) {
		larger := make([]byte, max(4<<10, 2*len(s.in)))
		copy(larger, s.in[:s.have])
		s.in = larger
	}
	s.vector[0] = s.in[s.have:]
	n, err := s.conn.stream.readv(s.vector[:], s.partial())
	s.tally.bytes += uint64(n)
	defer s.tally.received(s.conn.traffic)
	s.have += n
	if err != nil {
		return s.explain(err)
	}
	if s.broken {
		s.have = 0
		return nil
	}
	rest := s.in[:s.have]
	for len(rest) >= frame.HeaderSize {
		h, err := frame.ParseHeader(rest)
		if err == nil && h.Length > requestBytes {
			err = fmt.Errorf("a request of %d bytes, at most %d are allowed: %w", h.Length, requestBytes, frame.ErrPeer)
		}
		if err != nil {
			s.fatal(err)
			return nil
		}
		if len(rest) < h.Length {
			break
		}
		m, err := frame.ParseRequest(h.ID, rest[frame.HeaderSize:h.Length])
		if err != nil {
			s.fatal(err)
			return nil
		}
		if err := s.handle(&m); err != nil || s.broken {
			return err
		}
		rest = rest[h.Length:]
		s.whole++
	}
	s.have = copy(s.in, rest)
	if s.credited {
		s.credited = false
		s.conn.out.push() // this goroutine is awake, the sender's may not be
	}
	return nil
}

// partial is the number of the request that has begun and not ended, 0 between two of them.
func (s *serverReceiver) partial() uint64 {
	if s.have == 0 {
		return 0
	}
	return s.whole + 1
}

func (s *serverReceiver) explain(err error) error {
	if errors.Is(err, io.EOF) && s.have == 0 {
		return errClosedByPeer
	}
	if errors.Is(err, io.EOF) {
		return &RemoteTransportError{Peer: s.conn.peer, Text: fmt.Sprintf("connection closed after %d bytes of a message", s.have)}
	}
	return &RemoteTransportError{Peer: s.conn.peer, Text: "reading requests failed", Cause: err}
}

// fatal tells the peer what it did and ends the connection once that is written: bytes that are no messages (wire.md 4.6: bad magic,
// unknown id, a number that must be positive). Until then the receiver drops what comes.
func (s *serverReceiver) fatal(err error) {
	s.conn.inbox.put(note{kind: noteFatal, message: appendFatal(nil, err), err: err})
	s.broken, s.have = true, 0
}

// complain tells the peer that a whole message makes no sense here. The connection stays open: Flink's consumers close it.
func (s *serverReceiver) complain(err error) {
	s.conn.inbox.put(note{kind: noteError, message: appendFatal(nil, err)})
}

func (s *serverReceiver) handle(m *frame.Request) error {
	s.tally.frames++
	if m.ID == frame.IDPartitionRequest {
		s.open(m)
		return nil
	}
	if m.ID == frame.IDCloseRequest {
		return errClosedByPeer
	}
	r := s.readers[m.Channel]
	switch m.ID {
	case frame.IDAddCredit, frame.IDResumeConsumption, frame.IDAckAllUserRecordsProcessed:
		if r == nil {
			s.complain(fmt.Errorf("no reader for receiverId = %v exists", m.Channel))
			return nil
		}
	case frame.IDTaskEventRequest:
		return s.publish(m)
	}
	if r == nil {
		return nil // cancel, buffer size and segment id of a channel that is gone: ignored
	}
	switch m.ID {
	case frame.IDAddCredit:
		s.tally.credits += uint64(m.Credit)
		s.conn.inbox.leave(note{kind: noteCredit, reader: r, n: m.Credit})
		s.credited = true
	case frame.IDResumeConsumption:
		s.conn.inbox.put(note{kind: noteResume, reader: r})
	case frame.IDAckAllUserRecordsProcessed:
		s.conn.inbox.put(note{kind: noteAck, reader: r})
	case frame.IDNewBufferSize:
		s.conn.inbox.put(note{kind: noteBufferSize, reader: r, n: uint32(m.Size)})
	case frame.IDCancelPartitionRequest:
		s.cancelRequest(m.Channel)
		delete(s.readers, m.Channel)
		s.conn.inbox.put(note{kind: noteCancel, reader: r})
	}
	return nil
}

// publish hands an event to the producing task. That nobody listens is the channel's failure.
func (s *serverReceiver) publish(m *frame.Request) error {
	e, err := frame.ParseEvent(slices.Clone(m.Event))
	if err != nil {
		s.fatal(err)
		return nil
	}
	if !s.conn.taskEvents.Publish(m.Partition, e) {
		s.conn.inbox.put(note{kind: noteError, message: frame.ErrorResponse{
			Cause: frame.NewThrowable(frame.ClassIllegalArgument, "Task event receiver not found."), Channel: m.Channel,
		}.AppendTo(nil)})
	}
	return nil
}

// open answers a partition request: with a view now, when the partition is registered, or with an error.
func (s *serverReceiver) open(m *frame.Request) {
	if m.First != m.Last {
		s.complain(fmt.Errorf("a range of subpartitions (%d to %d) is not served", m.First, m.Last))
		return
	}
	if r := s.readers[m.Channel]; r != nil && !r.refused.Load() {
		s.complain(fmt.Errorf("input channel %v is open already", m.Channel))
		return
	}
	r := &viewReader{conn: s.conn, id: m.Channel, sub: m.First, budget: credit.NewBudget(m.Credit), zeroExclusive: m.Credit == 0}
	s.readers[m.Channel] = r
	s.request(r, m.Partition)
}

// request asks the registry. The reader's view comes to the sender in a note, now or when the partition is registered.
func (s *serverReceiver) request(r *viewReader, id frame.ResultPartitionID) {
	view, early, err := s.conn.registry.ViewOrListen(id, r.sub, r, r.opened)
	if early == nil {
		r.opened(view, err)
		return
	}
	s.early[r.id] = early
}

// opened hands the view to the sender, or says why there is none. It is called by the receiver, or by whoever registers the partition.
func (r *viewReader) opened(view *partition.View, err error) {
	if err != nil {
		r.refused.Store(true) // before the consumer can know: it may ask again
		r.conn.inbox.put(note{kind: noteError, message: r.refusal(err)})
		return
	}
	if !r.conn.inbox.put(note{kind: noteOpened, reader: r, view: view}) {
		view.Release() // the connection has ended
	}
}

// refusal is the answer to a request that cannot be served: a partition that is not there, or failed, concerns its channel; a request
// that no correct consumer sends is fatal.
func (r *viewReader) refusal(err error) []byte {
	if errors.Is(err, frame.ErrPeer) {
		return appendFatal(nil, err)
	}
	return errorResponse(err, r.id)
}

// cancelRequest withdraws the request of a channel whose partition is not there yet.
func (s *serverReceiver) cancelRequest(id frame.ChannelID) {
	if early := s.early[id]; early != nil {
		early.Cancel()
		delete(s.early, id)
	}
}

func (s *serverReceiver) cancelRequests() {
	for id := range s.early {
		s.cancelRequest(id)
	}
}
