// witness.go: what a trial says about itself beside its numbers, so that others can tell whether theirs compare: connections, congestion
// control, TLS, bytes.

package workloads

import (
	"crypto/tls"
	"fmt"
	"sync"

	"xbench/core/net/frame"
	"xbench/core/serde"
	"xbench/harness"
)

// witness collects what is to be seen on one worker's data sockets. Tasks and handshakes call it.
type witness struct {
	producer string // address; set before the tasks run

	mu struct {
		sync.Mutex
		looked   bool
		first    socketFacts // when the tasks began
		received uint64      // when the last sink had everything
		tls      string
		failure  error
	}
}

// shookHands notes what a handshake agreed on.
func (w *witness) shookHands(s tls.ConnectionState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.tls = fmt.Sprintf("%s %s", tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite))
}

// begun looks at the sockets once, when tasks begin: all connections are there then.
func (w *witness) begun() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.mu.looked {
		w.mu.looked = true
		w.mu.first, w.mu.failure = dataSockets(w.producer)
	}
}

// ended looks at the sockets when a sink has received everything. The last one's look counts.
func (w *witness) ended() {
	w.mu.Lock()
	defer w.mu.Unlock()
	facts, err := dataSockets(w.producer)
	if w.mu.received = facts.received; w.mu.failure == nil {
		w.mu.failure = err
	}
}

// tell fills in what was seen.
func (w *witness) tell(s *harness.Stats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Connections, s.Congestion, s.TLS = w.mu.first.dialed, w.mu.first.congestion, w.mu.tls
	s.Bytes.Received = w.mu.received
	if s.TLS == "" {
		s.TLS = "none"
	}
	if w.mu.failure != nil {
		s.Congestion = "unknown: " + w.mu.failure.Error()
	}
}

// checks says what the sinks look at.
func (d *exchange) checks() string {
	text := "count and digest of all payloads in order, per channel"
	switch d.p.Workload {
	case Longs:
		text = longsChecks
	case Rounds:
		text = roundChecks
	default:
		return text
	}
	if d.p.Size > longBytes {
		text += fullerNote
	}
	return text
}

// expectedBytes are the bytes that the producers must have sent to this worker's sinks: those of the records, and with those of
// the headers, the two events that end each channel, and announcements.
func (d *exchange) expectedBytes() (records, all uint64) {
	channels := uint64(0)
	for _, s := range d.sinks {
		for i := range s.channels {
			c := &s.channels[i]
			records += c.bytes + (c.next-c.first)*uint64(serde.LengthSize+d.p.Size)
		}
		channels += uint64(len(s.channels))
	}
	t := d.x.Traffic()
	buffers, events, frames := t.BuffersIn.Load(), t.EventsIn.Load(), t.FramesIn.Load()
	if d.plan.Holds(harness.RoleSource) { // the same exchange counts what comes for the writers
		frames = buffers + events
	}
	all = records + (buffers+events)*frame.BufferResponseSize + channels*endEventsBytes + (frames-buffers-events)*announcementBytes
	return records, all
}

// endEventsBytes is the content of the two events with which a channel ends.
var endEventsBytes = uint64(len(frame.AppendEvent(nil, frame.EndOfData{})) + len(frame.AppendEvent(nil, frame.EndOfPartition{})))

// announcementBytes is a BacklogAnnouncement.
var announcementBytes = uint64(len(frame.BacklogAnnouncement{Backlog: 1}.AppendTo(nil)))
