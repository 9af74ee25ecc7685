// conformance_producer_test.go: our producer in the place of Flink's: the same bytes, where it is held to the same pace.

package core

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"

	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// playProducer puts our producer into a recording and says how close it came.
func playProducer(t *testing.T, r *recording) string {
	switch {
	case strings.HasPrefix(r.name, "err-"):
		return playBroken(t, r)
	case r.name == "zero-exclusive":
		return playFreely(t, r)
	}
	return playPaced(t, r)
}

// paced is a producer that has come exactly as far, at each frame that it sends, as Flink's had.
//
// How far that was the frame says itself: its backlog counts the buffers behind it. So before each frame the task writes until a twin of the
// partition, which gets the same records and is read by the test alone, has that backlog. Then the client pays out one credit of those that
// the recorded one had granted by then: our sender, which otherwise sends all it may at once, sends that frame. Requests are held back until the
// first frame of their channel, for the same reason.
type paced struct {
	t    *testing.T
	r    *recording
	x    *Exchange
	task pacedTask
	peer *rawPeer

	views    map[frame.ChannelID]*partition.View // of the twin
	requests []*frame.Request                    // that were not made yet
	left     map[frame.ChannelID]int             // credit that our sender has
	owed     map[frame.ChannelID]int             // credit that the recorded consumer has granted, and this one not yet
	paid     int
	padded   int // events of Flink's that had padding
	packed   int // buffers of ours that were compressed
	faults   int // exceptions
}

// pacedTask carries out a script.
type pacedTask interface {
	// advance goes on until the frame is what a poll would give.
	advance(b *frame.BufferResponse)
	// polled says that it was sent.
	polled(b *frame.BufferResponse)
}

func playPaced(t *testing.T, r *recording) string {
	p := &paced{t: t, r: r, requests: r.opened(), left: map[frame.ChannelID]int{}, owed: map[frame.ChannelID]int{}}
	p.x = open(t, r.options("127.0.0.1:0"))
	switch {
	case r.isReplayable():
		p.task = newStoredTask(p)
	case r.name == "spanning":
		p.task = newThrottledTask(p)
	default:
		p.task = newSteppedTask(p)
	}
	p.peer = dialRaw(t, p.x.Addr())
	for i := range r.talk {
		if u := &r.talk[i]; u.frame.ID.FromProducer() {
			p.heard(u)
		} else {
			p.said(u)
		}
	}
	if !r.saysGoodbye() {
		p.peer.write(frame.CloseRequest{}.AppendTo(nil))
	}
	p.peer.end() // and nothing more has come
	verdict := "bytes equal"
	if p.packed > 0 {
		verdict += fmt.Sprintf(" (%d buffers compressed, equal when unpacked)", p.packed)
	}
	if p.padded > 0 {
		verdict += fmt.Sprintf(" (without the padding of %d events)", p.padded)
	}
	if p.faults > 0 {
		verdict += fmt.Sprintf(" (without the stack trace of %d exception)", p.faults)
	}
	return verdict
}

// options are those of the process that a recording is about.
func (r *recording) options(listen string) Options {
	return Options{
		Listen: listen, Segments: 160, SegmentSize: r.want.SegmentSize, Exclusive: r.want.Exclusive, NoExclusive: r.want.Exclusive == 0,
		Floating: r.want.Floating, PartitionTimeout: 20 * time.Millisecond, BackoffMax: time.Millisecond,
	}
}

// writerOptions are those of its task.
func (r *recording) writerOptions() WriterOptions {
	o := WriterOptions{Partition: r.opened()[0].Partition, Subpartitions: 1, BufferTimeout: FlushNever}
	for _, request := range r.opened() {
		if request.Partition == o.Partition && r.name != "err-bad-subpartition" {
			o.Subpartitions = max(o.Subpartitions, request.First+1)
		}
	}
	switch r.name {
	case "broadcast-3ch":
		o.Broadcast = true
	case "elements-long-4ch":
		o.Selector = &KeyGroup{Hash: keyHash, MaxParallelism: 128}
	case "blocking-plain":
		o.Kind, o.Codec = Replayable, NoCodec
	case "compressed-bounded":
		o.Kind, o.Codec = Replayable, LZ4
	}
	return o
}

func (r *recording) isReplayable() bool {
	return r.name == "blocking-plain" || r.name == "compressed-bounded"
}

func (r *recording) saysGoodbye() bool {
	return len(r.requests) > 0 && r.requests[len(r.requests)-1].ID == frame.IDCloseRequest
}

// said is something that the recorded consumer said.
func (p *paced) said(u *utterance) {
	m := &u.frame.Request
	switch m.ID {
	case frame.IDPartitionRequest:
		return // when its time comes
	case frame.IDAddCredit:
		p.owed[m.Channel] += int(m.Credit)
		return
	case frame.IDCancelPartitionRequest:
		p.pay(m.Channel, p.owed[m.Channel]) // what the producer never used
	}
	p.peer.write(u.bytes)
	if view := p.views[m.Channel]; view != nil {
		switch m.ID {
		case frame.IDResumeConsumption:
			p.check(view.Resume())
		case frame.IDNewBufferSize:
			p.check(view.SetBufferSize(m.Size))
			p.knock()
		}
	}
}

// knock makes sure that everything that was said so far is known, by asking for what is always refused.
func (p *paced) knock() {
	channel := frame.ChannelID{0xFF}
	p.peer.write(frame.TaskEventRequest{Event: frame.AppendEvent(nil, frame.EndOfSuperstep{}), Channel: channel}.AppendTo(nil))
	if got := p.peer.next(); got.ID != frame.IDErrorResponse || got.Response.Error.Channel != channel {
		p.t.Fatalf("%v, want a refusal", frame.Describe(&got))
	}
}

// pay grants credit and waits until the server knows of it.
func (p *paced) pay(id frame.ChannelID, n int) {
	if n == 0 {
		return
	}
	p.owed[id] -= n
	p.left[id] += n
	p.paid += n
	p.peer.write(frame.AddCredit{Credit: uint32(n), Channel: id}.AppendTo(nil))
	await(p.t, func() bool { return p.x.Traffic().CreditsIn.Load() == uint64(p.paid) })
}

// heard is something that the recorded producer said: ours has to say the same now.
func (p *paced) heard(u *utterance) {
	if u.frame.ID == frame.IDErrorResponse {
		p.openUpTo(u.frame.Response.Error.Channel)
		p.faults++
		sameFault(p.t, p.peer.next(), u.frame)
		return
	}
	b := &u.frame.Response.Buffer
	if b.Type.IsEvent() {
		// Events cost no credit. But a buffer that was sent whole, and is finished by the event, lies empty in front of it, and without
		// credit nobody looks past that one.
		p.openUpTo(b.Channel)
		p.need(b.Channel, false)
		p.task.advance(b)
	} else {
		p.task.advance(b)
		p.openUpTo(b.Channel)
		p.need(b.Channel, true)
		p.left[b.Channel]--
	}
	want, padded := withoutPadding(p.t, u.frame, u.bytes)
	if padded {
		p.padded++
	}
	got := p.peer.next()
	same := got.AppendTo(nil)
	if got.Response.Buffer.Compressed {
		p.packed++
		same, want = unpacked(p.t, &got), unpacked(p.t, u.frame)
	}
	if !bytes.Equal(same, want) {
		p.t.Fatalf("frame %d:\n got %v\nwant %v", u.frame.N, frame.Describe(&got), frame.Describe(u.frame))
	}
	p.task.polled(b)
}

// unpacked is a frame as it would be without compression, but for saying that it has it. What LZ4 makes of the same bytes is the packer's affair,
// so this one is none of ours.
func unpacked(t *testing.T, f *frame.Frame) []byte {
	t.Helper()
	b := f.Response.Buffer
	if !b.Compressed {
		return f.AppendTo(nil)
	}
	packed, original := binary.LittleEndian.Uint32(b.Content), binary.LittleEndian.Uint32(b.Content[4:])
	content := make([]byte, min(original, 1<<20))
	if n, err := lz4.UncompressBlock(b.Content[8:], content); err != nil || n != int(original) || int(packed) != len(b.Content)-8 {
		t.Fatalf("%v: %d bytes, %v", frame.Describe(f), n, err)
	}
	b.Content = content
	return b.AppendTo(nil)
}

// need sees to it that our sender has credit. The recorded one must have had it.
func (p *paced) need(id frame.ChannelID, must bool) {
	switch {
	case p.left[id] > 0:
	case p.owed[id] > 0:
		p.pay(id, 1)
	case must:
		p.t.Fatalf("%v: Flink's consumer had granted no credit for this", id)
	}
}

// openUpTo makes the requests up to that of a channel.
func (p *paced) openUpTo(id frame.ChannelID) {
	for len(p.requests) > 0 {
		if _, opened := p.left[id]; opened {
			return
		}
		request := p.requests[0]
		p.requests = p.requests[1:]
		p.left[request.Channel] = int(request.Credit)
		p.peer.write(request.AppendTo(nil))
	}
}

func (p *paced) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// sameFault compares errors as far as they concern a consumer.
func sameFault(t *testing.T, got frame.Frame, want *frame.Frame) {
	t.Helper()
	g, w := got.Response.Error, want.Response.Error
	if got.ID != want.ID || g.Cause.Class != w.Cause.Class || g.Cause.Message != w.Cause.Message || g.Fatal != w.Fatal || g.Channel != w.Channel {
		t.Fatalf("\n got %v\nwant %v", frame.Describe(&got), frame.Describe(want))
	}
}

// playBroken sends our producer what Flink's was sent that no consumer sends.
func playBroken(t *testing.T, r *recording) string {
	x := open(t, r.options("127.0.0.1:0"))
	if len(r.requests) > 0 {
		newTask(t, x, r.writerOptions())
	}
	peer := dialRaw(t, x.Addr())
	peer.write(r.c2s)
	got, want := peer.next().Response.Error, r.responses[0].Response.Error
	if !got.Fatal || !want.Fatal {
		t.Errorf("fatal: %v, want %v", got.Fatal, want.Fatal)
	}
	if !r.want.ServerCloses {
		peer.write(frame.AddCredit{Credit: 1}.AppendTo(nil)) // of no channel
		if again := peer.next(); !again.Response.Error.Fatal {
			t.Errorf("after that: %v, want another refusal", frame.Describe(&again))
		}
		peer.write(frame.CloseRequest{}.AppendTo(nil))
	}
	peer.end()
	if got.Cause.Class == want.Cause.Class && got.Cause.Message == want.Cause.Message {
		return "class and message equal"
	}
	// The codec that Flink's server is made of wraps what its decoders throw, and a message shows the address of an object.
	words, _, _ := strings.Cut(got.Cause.Message, " [")
	words, _, _ = strings.Cut(words, " (")
	if !strings.Contains(want.Cause.Message, words) {
		t.Errorf("says %v, want %v", got.Cause, want.Cause)
	}
	return "equivalent: fatal, for the same reason, and the end"
}
