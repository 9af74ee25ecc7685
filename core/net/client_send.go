// client_send.go: the client's sender: requests, credit and answers, all that is due in one write.

package net

import (
	"fmt"
	"net"

	"xbench/core/net/frame"
	"xbench/core/net/gate"
)

// errGoodbye is the end of a connection that this side closed.
var errGoodbye = fmt.Errorf("connection closed by this side: %w", net.ErrClosed)

// clientSender builds messages from intents when it writes them: credit that arose in between travels along in one AddCredit.
type clientSender struct {
	conn   *clientConn
	out    []byte
	vector [1][]byte
	direct direct // nil: every write may wait
	rest   []byte // of out that the socket did not take at once; empty: none
	end    error  // of a good-bye that is in out
	tally  tally
}

// sendOnce writes one batch of everything that is due. It reports whether there was anything to do.
func (s *clientSender) sendOnce() (worked bool, err error) {
	if len(s.rest) == 0 {
		worked = s.gather()
		s.rest = s.out
	}
	if len(s.rest) > 0 {
		worked = true
		s.vector[0] = s.rest
		err = s.conn.stream.writev(s.vector[:])
	}
	return worked, s.written(err)
}

// sendNow is sendOnce as far as it goes without waiting. left says that something is still to be written.
func (s *clientSender) sendNow() (worked, left bool, err error) {
	if len(s.rest) > 0 {
		return true, true, nil // the goroutine is about to write it
	}
	worked = s.gather()
	if len(s.out) > 0 {
		s.vector[0] = s.out
		rest, err := s.direct.tryWritev(s.vector[:])
		if err == nil && len(rest) > 0 {
			s.rest = rest[0]
			return true, true, nil
		}
		return true, false, s.written(err)
	}
	return worked, false, s.written(nil)
}

// gather makes the messages of all notes.
func (s *clientSender) gather() (worked bool) {
	s.out = s.out[:0]
	for _, n := range s.conn.inbox.take() {
		worked = true
		if n.kind == kindClose {
			s.end = errGoodbye
		}
		s.append(&n)
	}
	s.tally.messages(s.out)
	s.tally.bytes += uint64(len(s.out))
	return worked
}

// written counts a batch that is out.
func (s *clientSender) written(err error) error {
	s.rest = nil
	if err == nil && s.tally.frames > 0 {
		s.tally.sent(s.conn.traffic)
	}
	if err == nil {
		err = s.end
	}
	return err
}

func (s *clientSender) append(n *intent) {
	switch n.kind {
	case kindRequest:
		if !n.channel.IsReleased() {
			s.out = n.request.AppendTo(s.out)
		}
	case kindTaskEvent:
		s.out = frame.TaskEventRequest{Event: n.event, Partition: n.request.Partition, Channel: n.request.Channel}.AppendTo(s.out)
	case kindUnknown:
		s.out = frame.CancelPartitionRequest{Channel: n.id}.AppendTo(s.out)
	case kindClose:
		s.out = frame.CloseRequest{}.AppendTo(s.out)
	case kindChannel:
		s.tell(n.channel, n.what)
	}
}

func (s *clientSender) tell(ch *gate.RemoteChannel, what gate.Intent) {
	// A task that acknowledges and leaves at once has not deserted: see acknowledge.
	if what != gate.CancelRequest && what != gate.AcknowledgeRecords && ch.IsReleased() {
		return
	}
	switch what {
	case gate.AnnounceCredit:
		if credit := ch.AnnouncedCredit(); credit > 0 {
			s.out = frame.AddCredit{Credit: credit, Channel: ch.ID()}.AppendTo(s.out)
			s.tally.credits += uint64(credit)
		}
	case gate.ResumeConsumption:
		s.out = frame.ResumeConsumption{Channel: ch.ID()}.AppendTo(s.out)
	case gate.AcknowledgeRecords:
		s.out = frame.AckAllUserRecordsProcessed{Channel: ch.ID()}.AppendTo(s.out)
	case gate.NewBufferSize:
		s.out = frame.NewBufferSize{Size: int(ch.BufferSize()), Channel: ch.ID()}.AppendTo(s.out)
	case gate.CancelRequest:
		s.out = frame.CancelPartitionRequest{Channel: ch.ID()}.AppendTo(s.out)
	}
}
