// conformance_consumer_test.go: our consumer in the place of Flink's: it reads the same, and answers in the same messages.

package core

import (
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	xnet "xbench/core/net"
	"xbench/core/net/frame"
)

// playConsumer puts our consumer into a recording and says how close it came.
func playConsumer(t *testing.T, r *recording) string {
	if strings.HasPrefix(r.name, "err-") {
		return readFault(t, r)
	}
	p := newPlayback(t, r)
	x := open(t, r.options(""))
	task := newRecordedTask(t, r, x, p)
	task.read()
	for i, c := range task.contents {
		if want := r.channel(r.opened()[i].Channel); want.Records != nil || want.Read > 0 {
			c.check(t, want)
		}
	}
	return "same records and events" + p.compare()
}

// readFault is a reader that hears the fatal errors of the recordings with broken requests.
func readFault(t *testing.T, r *recording) string {
	p := newPlayback(t, r)
	x := open(t, r.options(""))
	reader := newReader(t, x, inputs(p.address, 0, 1))
	defer reader.Close()
	_, err := reader.Advance(t.Context())
	want := r.responses[0].Response.Error.Cause
	if cause := new(xnet.RemoteError); !errors.As(err, &cause) || cause.Class != want.Class || cause.Message != want.Message {
		t.Errorf("the reader found %v, want %v", err, want)
	}
	return "fails with class and message"
}

// recordedTask is a reader that does what the recorded consumer did.
type recordedTask struct {
	t        *testing.T
	r        *recording
	p        *playback
	reader   *Reader
	contents []*content
	working  int // channels that have not ended
	faults   int // channels that failed
}

func newRecordedTask(t *testing.T, r *recording, x *Exchange, p *playback) *recordedTask {
	k := &recordedTask{t: t, r: r, p: p}
	var channels []Input
	var ids recordedIDs
	for _, request := range r.opened() {
		channels = append(channels, Input{Address: p.address, Partition: request.Partition, Subpartition: request.First})
		ids = append(ids, request.Channel)
		k.contents = append(k.contents, newContent())
		k.working++
	}
	usual := rand.Reader
	rand.Reader = &ids // channels have random ids; these have those of the recording
	defer func() { rand.Reader = usual }()
	k.reader = newReader(t, x, channels)
	return k
}

// recordedIDs is where the ids of the channels come from.
type recordedIDs []frame.ChannelID

func (s *recordedIDs) Read(b []byte) (int, error) {
	n := copy(b, (*s)[0][:])
	*s = (*s)[1:]
	return n, nil
}

// read reads as long as the recorded consumer did.
func (k *recordedTask) read() {
	defer k.p.finish(k.reader)
	for k.working > 0 && !k.t.Failed() {
		a, err := k.reader.Advance(k.t.Context())
		if err != nil {
			k.fault(err)
			continue
		}
		c := k.contents[a.Channel]
		if a.Event == nil {
			k.records(c)
		} else {
			k.event(c, a)
		}
		k.p.handled(a)
		if limit := k.r.channel(k.id(a.Channel)).Read; limit > 0 && c.records >= limit {
			return
		}
	}
	if k.faults > 0 {
		return // a gate of which a channel failed has no end
	}
	if _, err := k.reader.Advance(k.t.Context()); !errors.Is(err, io.EOF) {
		k.t.Errorf("behind everything: %v, want %v", err, io.EOF)
	}
}

func (k *recordedTask) id(channel int) frame.ChannelID { return k.r.opened()[channel].Channel }

func (k *recordedTask) records(c *content) {
	for {
		payload, ok, err := k.reader.Next()
		if err != nil {
			k.t.Fatal(err)
		}
		if !ok {
			break
		}
		c.record(payload)
		if k.r.name == "new-buffer-size" && (c.records == 200 || c.records == 400) {
			k.reader.gates[0].SetBufferSize([]int{512, 100000}[c.records/200-1])
		}
	}
	if k.r.name == "task-event" && c.records == 10 {
		err := k.reader.SendTaskEvent(0, frame.Other{Class: "org.apache.flink.runtime.event.task.IntegerTaskEvent", Body: []byte{1, 2, 3, 4}})
		if err != nil {
			k.t.Fatal(err)
		}
	}
}

func (k *recordedTask) event(c *content, a Arrival) {
	if announced, ok := a.Event.(frame.Announcement); ok && k.p.announces(k.id(a.Channel), announced.Sequence) {
		return // the gate's own, ahead of a barrier with a timeout
	}
	c.event(a.Event)
	if _, ok := a.Event.(frame.EndOfPartition); ok {
		k.working--
	}
	if blocks(a.Event) {
		if err := k.reader.Resume(a.Channel); err != nil {
			k.t.Fatal(err)
		}
	}
}

// fault is the failure of one channel, with which the recorded consumer went on with the others.
func (k *recordedTask) fault(err error) {
	k.working--
	k.faults++
	for _, f := range k.r.responses {
		want := f.Response.Error.Cause
		switch {
		case f.ID != frame.IDErrorResponse:
			continue
		case want.Class == frame.ClassPartitionNotFound:
			if cause := new(xnet.PartitionNotFoundError); errors.As(err, &cause) && cause.Message == want.Message {
				return
			}
		default:
			if cause := new(xnet.RemoteError); errors.As(err, &cause) && cause.Class == want.Class && cause.Message == want.Message {
				return
			}
		}
	}
	k.t.Errorf("the task found %v", err)
}
