// conformance_free_test.go: our producer as fast as it can, with a consumer that watches the rules.

package core

import (
	"errors"
	"testing"

	"xbench/core/net/frame"
	"xbench/core/serde"
)

// playFreely lets our task write what the recorded one wrote, with the memory that it had and at its own pace. The consumer says what the
// recorded one said, in its words: requests, credits, hints about sizes, resuming, acknowledging, leaving.
func playFreely(t *testing.T, r *recording) string {
	x := open(t, r.options("127.0.0.1:0"))
	w := newWriter(t, x, r.writerOptions())
	written := make(chan error, 1)
	go func() { written <- r.write(t, w) }()
	a := newAuditor(t, r, dialRaw(t, x.Addr()))
	a.listen()
	w.Fail(errTestOver)
	if err := <-written; err != nil && !errors.Is(err, errTestOver) {
		t.Error(err)
	}
	w.Close()
	a.check()
	return "equivalent: same records and events, all rules kept"
}

// TestProducersKeepTheRules: our task is not paced in the other recordings either.
func TestProducersKeepTheRules(t *testing.T) {
	for _, r := range recordings(t) {
		switch {
		case len(r.want.Channels) == 0 || r.name == "not-found" || r.name == "task-event": // about errors
		case r.isReplayable(): // read when it is written, so with the same bytes
		case r.name == "events": // of which some overtake others, depending on who is faster
		default:
			t.Run(r.name, func(t *testing.T) { playFreely(t, r) })
		}
	}
}

// dataFrames is how many data frames of a channel were recorded.
func (r *recording) dataFrames(id frame.ChannelID) (n int) {
	for _, f := range r.responses {
		if b := &f.Response.Buffer; f.ID == frame.IDBufferResponse && b.Channel == id && b.Type.IsBuffer() {
			n++
		}
	}
	return n
}

var errTestOver = errors.New("the test is over")

// write is the task: all of the script but its end, and then the usual end of a task.
func (r *recording) write(t *testing.T, w *Writer) error {
	for o := range scriptOf(t, r) {
		if err := o(w); err != nil {
			return err
		}
	}
	return nil
}

// auditor is a consumer on a bare socket. Its account of the rules is kept apart from ours: wire.md section 4.
type auditor struct {
	t        *testing.T
	r        *recording
	peer     *rawPeer
	channels map[frame.ChannelID]*auditedChannel
	open     int
}

type auditedChannel struct {
	*content
	id           frame.ChannelID
	sub          int
	initial      int
	left, last   int   // credit, and how much of it came with the last grant
	grants       []int // that the recorded consumer made, in order, and this one has not
	sizes        []int // that it asked for, behind 200 records each
	sequence     int32
	blocked      bool
	gone         bool
	stream       *serde.Deserializer
	backlogs     []announced
	dataFrames   int
	cancelBehind int // data frames; 0: behind the end
}

// announced is a backlog, and how many data frames had come by then.
type announced struct{ backlog, frames int }

func newAuditor(t *testing.T, r *recording, peer *rawPeer) *auditor {
	a := &auditor{t: t, r: r, peer: peer, channels: map[frame.ChannelID]*auditedChannel{}}
	for _, request := range r.opened() {
		c := &auditedChannel{
			content: newContent(), id: request.Channel, sub: request.First, initial: int(request.Credit), left: int(request.Credit),
			stream: serde.NewDeserializer(serde.Options{}),
		}
		if r.channel(c.id).Records == nil {
			c.cancelBehind = r.dataFrames(c.id)
		}
		a.channels[c.id] = c
		a.open++
	}
	for _, f := range r.requests {
		switch c := a.channels[f.Request.Channel]; f.ID {
		case frame.IDAddCredit:
			c.grants = append(c.grants, int(f.Request.Credit))
		case frame.IDNewBufferSize:
			c.sizes = append(c.sizes, f.Request.Size)
		}
	}
	for _, request := range r.opened() {
		peer.write(request.AppendTo(nil))
	}
	return a
}

// listen is the whole conversation.
func (a *auditor) listen() {
	for a.open > 0 {
		f := a.peer.next()
		switch f.ID {
		case frame.IDBufferResponse:
			a.buffer(&f.Response.Buffer)
		case frame.IDBacklogAnnouncement:
			a.announcement(&f.Response.Backlog)
		default:
			a.t.Fatalf("%v", frame.Describe(&f))
		}
	}
	a.peer.write(frame.CloseRequest{}.AppendTo(nil))
}

func (a *auditor) buffer(b *frame.BufferResponse) {
	c := a.channels[b.Channel]
	if c.gone {
		return // it was under way
	}
	switch {
	case b.Sequence != c.sequence:
		a.t.Fatalf("%v: #%d, want #%d", c.id, b.Sequence, c.sequence)
	case b.Subpartition != c.sub:
		a.t.Fatalf("%v #%d: of subpartition %d, want %d", c.id, b.Sequence, b.Subpartition, c.sub)
	case c.blocked:
		a.t.Fatalf("%v #%d: behind an event that blocks", c.id, b.Sequence)
	case b.Type.IsBuffer() && c.left == 0:
		a.t.Fatalf("%v #%d: data without credit", c.id, b.Sequence)
	case b.Size > a.r.want.SegmentSize:
		a.t.Fatalf("%v #%d: %d bytes", c.id, b.Sequence, b.Size)
	case b.Type.IsBuffer() && b.Size == 0 && c.initial > 0:
		a.t.Fatalf("%v #%d: an empty buffer for a consumer that has buffers of its own", c.id, b.Sequence)
	}
	c.sequence++
	if b.Type.IsEvent() {
		a.event(c, b)
		return
	}
	c.left--
	c.dataFrames++
	c.backlogs = append(c.backlogs, announced{b.Backlog, c.dataFrames})
	c.stream.SetBuffer(b.Content)
	c.drain(a.t, c.stream)
	if len(c.sizes) > 0 && c.records >= 200*(3-len(c.sizes)) {
		a.say(frame.NewBufferSize{Size: c.sizes[0], Channel: c.id})
		c.sizes = c.sizes[1:]
	}
	if c.cancelBehind > 0 && c.dataFrames == c.cancelBehind {
		a.leave(c)
		return
	}
	a.grant(c, b.Backlog)
}

func (a *auditor) event(c *auditedChannel, b *frame.BufferResponse) {
	e, err := frame.ParseEvent(b.Content)
	if err != nil {
		a.t.Fatal(err)
	}
	c.event(e)
	switch e.(type) {
	case frame.EndOfData:
		a.say(frame.AckAllUserRecordsProcessed{Channel: c.id})
	case frame.EndOfPartition:
		a.leave(c)
		return
	}
	if b.Type.BlocksUpstream() {
		if c.initial == 0 {
			c.left = 0 // both sides forget it
		}
		a.say(frame.ResumeConsumption{Channel: c.id})
		return
	}
	a.grant(c, b.Backlog)
}

func (a *auditor) announcement(b *frame.BacklogAnnouncement) {
	c := a.channels[b.Channel]
	if c.gone {
		return
	}
	// With all of the last grant left the two may have crossed. With a part of it left, the producer had it.
	if c.initial > 0 || 0 < c.left && c.left < c.last {
		a.t.Fatalf("%v: a backlog of %d announced to a consumer with %d of its own and a credit of %d", c.id, b.Backlog, c.initial, c.left)
	}
	c.backlogs = append(c.backlogs, announced{b.Backlog, c.dataFrames})
	a.grant(c, b.Backlog)
}

// grant grants what the recorded consumer granted next, when the channel has nothing left; more than that by the buffer. Without buffers of its own a
// consumer grants only what is asked for.
func (a *auditor) grant(c *auditedChannel, backlog int) {
	if c.left > 0 || c.initial == 0 && backlog == 0 {
		return
	}
	n := 1
	if len(c.grants) > 0 {
		n, c.grants = c.grants[0], c.grants[1:]
	}
	c.left += n
	c.last = n
	a.say(frame.AddCredit{Credit: uint32(n), Channel: c.id})
}

func (a *auditor) leave(c *auditedChannel) {
	a.say(frame.CancelPartitionRequest{Channel: c.id})
	c.gone = true
	a.open--
}

func (a *auditor) say(m interface{ AppendTo([]byte) []byte }) { a.peer.write(m.AppendTo(nil)) }

// check looks at all that came: the records and the events, and whether a backlog was ever promised that did not follow.
func (a *auditor) check() {
	for _, c := range a.channels {
		c.check(a.t, a.r.channel(c.id))
		for _, b := range c.backlogs {
			if behind := c.dataFrames - b.frames; b.backlog > behind && c.cancelBehind == 0 {
				a.t.Errorf("%v: a backlog of %d behind data frame %d, but only %d came", c.id, b.backlog, b.frames, behind)
			}
		}
	}
}
