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
	tally  tally
}

// sendOnce writes one batch of everything that is due. It reports whether there was anything to do.
func (s *clientSender) sendOnce() (worked bool, err error) {
	s.out = s.out[:0]
	goodbye := false
	for _, n := range s.conn.inbox.take() {
		worked = true
		goodbye = goodbye || n.kind == kindClose
		s.append(&n)
	}
	if len(s.out) > 0 {
		s.vector[0] = s.out
		s.tally.messages(s.out)
		s.tally.bytes += uint64(len(s.out))
		if err = s.conn.stream.writev(s.vector[:]); err == nil {
			s.tally.sent(s.conn.traffic)
		}
	}
	if err == nil && goodbye {
		err = errGoodbye
	}
	return worked, err
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
