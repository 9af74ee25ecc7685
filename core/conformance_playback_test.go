// conformance_playback_test.go: a producer that says what Flink's said, in pieces as they were recorded, and notes what it hears.

package core

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// playback is a producer's process that plays the recorded frames. It keeps to the protocol: it sends a frame when its channel was asked for, has
// credit for it and does not stand still; of those that may be sent, the one that was recorded first. So each channel's frames come in their order,
// and those of different channels about so.
type playback struct {
	t       *testing.T
	r       *recording
	address string
	cuts    []int64 // where the recorded reads ended
	running sync.WaitGroup

	mu struct {
		sync.Mutex
		changed  *sync.Cond
		channels map[frame.ChannelID]*playedChannel
		heard    []frame.Frame // all that the consumer said, each with a body of its own
		asked    bool          // for anything
		event    bool          // a task event came
		leaving  bool          // the reader is being closed
		over     bool
	}
}

type playedChannel struct {
	requested, blocked, ended, cancelled bool

	initial, credit  int
	sent, sentData   int // frames
	handled          int // by the reader
	cancels, orphans int // cancellations; frames sent behind the first of them
}

func newPlayback(t *testing.T, r *recording) *playback {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &playback{t: t, r: r, address: l.Addr().String(), cuts: readEnds(t, r.name)}
	p.mu.changed = sync.NewCond(&p.mu)
	p.mu.channels = map[frame.ChannelID]*playedChannel{}
	conns := make(chan net.Conn, 1)
	p.running.Go(func() {
		defer l.Close()
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conns <- conn
		p.running.Go(func() { p.listen(conn) })
		p.play(conn)
	})
	t.Cleanup(func() {
		p.set(func() { p.mu.over = true })
		_ = l.Close()
		select {
		case conn := <-conns:
			_ = conn.Close()
		default:
		}
		p.running.Wait()
	})
	return p
}

// set changes what the two goroutines and the test share.
func (p *playback) set(change func()) {
	p.mu.Lock()
	change()
	p.mu.Unlock()
	p.mu.changed.Broadcast()
}

// channel is called with the lock held.
func (p *playback) channel(id frame.ChannelID) *playedChannel {
	c := p.mu.channels[id]
	if c == nil {
		c = &playedChannel{}
		p.mu.channels[id] = c
	}
	return c
}

// listen takes note of what the consumer says, and of the rules.
func (p *playback) listen(conn net.Conn) {
	var d frame.Decoder
	in := make([]byte, 4<<10)
	for {
		f, ok, err := d.Next()
		if err != nil {
			p.t.Errorf("from the consumer: %v", err)
			return
		}
		if ok {
			f.Body = slices.Clone(f.Body)
			f.Request.Event = slices.Clone(f.Request.Event)
			p.set(func() { p.hear(f) })
			continue
		}
		n, err := conn.Read(in)
		if err != nil {
			return
		}
		d.Feed(in[:n])
	}
}

func (p *playback) hear(f frame.Frame) {
	p.mu.heard = append(p.mu.heard, f)
	p.mu.asked = true
	c := p.channel(f.Request.Channel)
	switch f.ID {
	case frame.IDPartitionRequest:
		c.requested, c.initial, c.credit = true, int(f.Request.Credit), int(f.Request.Credit)
	case frame.IDAddCredit:
		c.credit += int(f.Request.Credit)
		p.checkCredit(c)
	case frame.IDResumeConsumption:
		if !c.blocked {
			p.t.Errorf("%v: resumed, but not blocked", f.Request.Channel)
		}
		if c.blocked = false; c.initial == 0 {
			c.credit = 0
		}
	case frame.IDCancelPartitionRequest:
		c.cancelled = true
		c.cancels++
	case frame.IDTaskEventRequest:
		p.mu.event = true
	}
}

// checkCredit: a consumer has a buffer for every credit that it grants, in a channel that it means to go on reading.
func (p *playback) checkCredit(c *playedChannel) {
	if p.mu.leaving {
		return
	}
	most, total, beyond := p.r.want.Exclusive+p.r.want.Floating, 0, 0
	for _, c := range p.mu.channels {
		if !c.ended && !c.blocked {
			total += c.credit
			beyond += max(0, c.credit-p.r.want.Exclusive)
		}
	}
	if c.credit > most || beyond > p.r.want.Floating || total > len(p.mu.channels)*p.r.want.Exclusive+p.r.want.Floating {
		p.t.Errorf("credit %d of one channel, %d of all, with %d exclusive buffers each and %d floating ones", c.credit, total, p.r.want.Exclusive, p.r.want.Floating)
	}
}

// play sends everything.
func (p *playback) play(conn net.Conn) {
	unsent := slices.Clone(p.r.responses)
	for len(unsent) > 0 {
		p.mu.Lock()
		next := slices.IndexFunc(unsent, func(f frame.Frame) bool { return p.may(&f, unsent) })
		for next < 0 && !p.mu.over {
			p.mu.changed.Wait()
			next = slices.IndexFunc(unsent, func(f frame.Frame) bool { return p.may(&f, unsent) })
		}
		over := p.mu.over
		if !over {
			p.count(&unsent[next])
		}
		p.mu.Unlock()
		if over {
			return
		}
		for _, piece := range p.pieces(&unsent[next]) {
			if _, err := conn.Write(piece); err != nil {
				return
			}
		}
		unsent = slices.Delete(unsent, next, next+1)
	}
}

// may says whether a frame may be sent now. The lock is held.
func (p *playback) may(f *frame.Frame, unsent []frame.Frame) bool {
	if f.ID == frame.IDErrorResponse && f.Response.Error.Fatal {
		return p.mu.asked
	}
	for _, request := range p.r.opened() {
		if !p.channel(request.Channel).requested {
			return false // a consumer with little to read could leave before it has asked for all
		}
	}
	id := channelOf(f)
	c := p.channel(id)
	first := slices.IndexFunc(unsent, func(g frame.Frame) bool { return channelOf(&g) == id })
	if unsent[first].N != f.N {
		return false
	}
	switch {
	case f.ID == frame.IDErrorResponse:
		return p.r.name != "task-event" || p.mu.event
	case f.ID == frame.IDBacklogAnnouncement:
		return !c.blocked
	case p.r.name == "events": // there each was sent when the one before it had been handled
		return c.credit > 0 && !c.blocked && c.handled == c.sent
	}
	return !c.blocked && (c.credit > 0 || f.Response.Buffer.Type.IsEvent())
}

func channelOf(f *frame.Frame) frame.ChannelID {
	switch f.ID {
	case frame.IDBufferResponse:
		return f.Response.Buffer.Channel
	case frame.IDBacklogAnnouncement:
		return f.Response.Backlog.Channel
	}
	return f.Response.Error.Channel
}

// count notes that a frame is sent. The lock is held.
func (p *playback) count(f *frame.Frame) {
	if f.ID != frame.IDBufferResponse {
		return
	}
	b := &f.Response.Buffer
	c := p.channel(b.Channel)
	c.sent++
	if b.Type.IsBuffer() {
		c.credit--
		c.sentData++
	}
	c.blocked, c.ended = b.Type.BlocksUpstream(), b.Type == buffer.EndOfPartition
	if c.cancelled {
		c.orphans++
	}
}

// pieces are a frame's bytes, cut where the recorded reads ended.
func (p *playback) pieces(f *frame.Frame) (all [][]byte) {
	from, end := f.Offset, f.Offset+int64(f.Length)
	for _, cut := range p.cuts {
		if from < cut && cut < end {
			all = append(all, p.r.s2c[from:cut])
			from = cut
		}
	}
	return append(all, p.r.s2c[from:end])
}

// handled says that the reader is through with what it found.
func (p *playback) handled(a Arrival) {
	id := p.r.opened()[a.Channel].Channel
	if e, ok := a.Event.(frame.Announcement); ok && p.announces(id, e.Sequence) {
		return
	}
	p.set(func() { p.channel(id).handled++ })
}

// announces reports whether the recorded frame of this number is one that a gate announces to its task.
func (p *playback) announces(id frame.ChannelID, sequence int32) bool {
	for i := range p.r.responses {
		b := &p.r.responses[i].Response.Buffer
		if p.r.responses[i].ID == frame.IDBufferResponse && b.Channel == id && b.Sequence == sequence {
			return b.Type == buffer.TimeoutableBarrier
		}
	}
	return false
}

// finish closes the reader and waits until every channel was cancelled, and once more for each frame that came for it behind that.
func (p *playback) finish(reader *Reader) {
	p.set(func() { p.mu.leaving = true })
	reader.Close()
	await(p.t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.mu.channels {
			if c.requested && (c.cancels == 0 || c.cancels < 1+c.orphans) {
				return false
			}
		}
		return true
	})
}

// compare says whether the consumer said what Flink's said: but for the credit, channel by channel in the same order, byte by byte.
func (p *playback) compare() (remarks string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ours, theirs []byte
	for _, f := range p.mu.heard {
		if f.ID == frame.IDPartitionRequest {
			ours = f.AppendTo(ours)
		}
	}
	for _, request := range p.r.opened() {
		theirs = request.AppendTo(theirs)
	}
	if !bytes.Equal(ours, theirs) {
		p.t.Errorf("requested\n%x, want\n%x", ours, theirs)
	}
	for _, request := range p.r.opened() {
		id := request.Channel
		got, want := sayings(p.mu.heard, id), sayings(p.r.requests, id)
		cancel := frame.CancelPartitionRequest{Channel: id}.AppendTo(nil)
		for bytes.HasSuffix(got, bytes.Repeat(cancel, 2)) { // one for each frame that came too late
			got = bytes.TrimSuffix(got, cancel)
		}
		if c := p.mu.channels[id]; c.cancels > 1+c.sent {
			p.t.Errorf("%v: cancelled %d times with %d frames sent", id, c.cancels, c.sent)
		}
		switch p.r.name {
		case "blocking-plain", "compressed-bounded": // Flink's consumer knows what kind of partition it reads
			want = append(frame.AckAllUserRecordsProcessed{Channel: id}.AppendTo(nil), want...)
			remarks = "; acknowledges, too"
		case "task-event":
			got = append(segmentRequest(p.r), got...)
			remarks = "; no SegmentId"
		case "close":
			remarks = "; cancels before its good-bye"
			want = cancel
		}
		if !bytes.Equal(got, want) {
			p.t.Errorf("%v: said\n%x, want\n%x", id, got, want)
		}
	}
	return ", same messages" + remarks
}

// sayings are the messages about one channel, without requests and credit.
func sayings(all []frame.Frame, id frame.ChannelID) (b []byte) {
	for i := range all {
		switch f := &all[i]; {
		case f.Request.Channel != id || f.ID == frame.IDPartitionRequest || f.ID == frame.IDAddCredit || f.ID == frame.IDCloseRequest:
		default:
			b = f.AppendTo(b)
		}
	}
	return b
}

func segmentRequest(r *recording) []byte {
	for i := range r.requests {
		if r.requests[i].ID == frame.IDSegmentID {
			return r.requests[i].AppendTo(nil)
		}
	}
	return nil
}
