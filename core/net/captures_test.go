// captures_test.go: conversations of a real Flink, with one of its two sides replaced by ours: the same records and events give the same frames, and the
// same frames give the same records and events.

package net

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
	"xbench/core/net/partition"
	"xbench/core/serde"
)

// recording is one conversation: what each side wrote, and what was read out of it there.
type recording struct {
	c2s, s2c []byte
	want     struct {
		SegmentSize  int               `json:"segment_size"`
		Exclusive    int               `json:"exclusive_buffers_per_channel"`
		Floating     int               `json:"floating_buffers_per_gate"`
		Channels     []recordedChannel `json:"channels"`
		ServerCloses bool              `json:"server_closed_connection"`
	}
}

type recordedChannel struct {
	ID           string `json:"input_channel_id"`
	Subpartition int    `json:"subpartition"`
	Records      struct {
		Count        int    `json:"count"`
		PayloadBytes int    `json:"payload_bytes"`
		PayloadCRC32 string `json:"payload_crc32"`
	} `json:"records"`
	Events []any `json:"events"`
}

func readRecording(t *testing.T, name string) recording {
	t.Helper()
	read := func(suffix string) []byte {
		b, err := os.ReadFile(filepath.Join("frame", "testdata", "captures", name+suffix))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	r := recording{c2s: read(".c2s.bin"), s2c: read(".s2c.bin")}
	if err := json.Unmarshal(read(".expect.json"), &r.want); err != nil {
		t.Fatal(err)
	}
	return r
}

// frames are the frames in b, each with contents of its own.
func frames(t testing.TB, b []byte) []frame.Frame {
	t.Helper()
	var d frame.Decoder
	d.Feed(b)
	var all []frame.Frame
	for {
		f, ok, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return all
		}
		all = append(all, f)
	}
}

// pipelined are the recordings of pipelined partitions in which both sides do all that a task does.
var pipelined = []string{
	"ack", "backpressure", "broadcast-3ch", "elements-1ch", "elements-long-4ch", "events", "longs-2ch", "new-buffer-size", "spanning", "spanning-32k", "zero-exclusive",
}

// TestFlinksFramesReadByOurClient: every record and every event, once and in order. What the recorded consumer did, ours does: it is never without a
// buffer for what the producer sent.
func TestFlinksFramesReadByOurClient(t *testing.T) {
	for _, name := range append(slices.Sorted(maps.Keys(blocking)), pipelined...) {
		t.Run(name, func(t *testing.T) {
			r := readRecording(t, name)
			n := len(r.want.Channels)
			g, err := gate.New(t.Context(), gate.Options{
				Pool:     memory(t, n*r.want.Exclusive+r.want.Floating+1, r.want.SegmentSize),
				Channels: n, Exclusive: r.want.Exclusive, Floating: r.want.Floating,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(g.Close)
			c := stepClient(t, Options{Clock: still})
			for _, f := range frames(t, r.c2s) {
				if m := f.Request; f.ID == frame.IDPartitionRequest {
					i := slices.IndexFunc(r.want.Channels, func(ch recordedChannel) bool { return ch.ID == m.Channel.String() })
					ch, err := g.OpenRemote(t.Context(), i, m.Channel, c.conn.post)
					if err == nil {
						err = c.conn.open(ch, m.Partition, m.First)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			c.send()
			task := newReplayTask(n)
			for _, f := range frames(t, r.s2c) {
				c.peer.out.bytes = f.AppendTo(c.peer.out.bytes)
				c.receive()
				task.read(t, g)
				c.send()
				if c.err != nil {
					t.Fatal(c.err)
				}
			}
			if _, _, err := g.Poll(); err != io.EOF {
				t.Errorf("after everything: %v", err)
			}
			for i, ch := range r.want.Channels {
				got := fmt.Sprintf("%d records of %d bytes %08x, %d events", task.records[i], task.bytes[i], task.crc[i], task.events[i])
				want := fmt.Sprintf("%d records of %d bytes %s, %d events", ch.Records.Count, ch.Records.PayloadBytes, ch.Records.PayloadCRC32, len(ch.Events))
				if got != want {
					t.Errorf("channel %d: %s, want %s", i, got, want)
				}
			}
			if name == "longs-2ch" && !bytes.Equal(c.peer.in.bytes, r.c2s) { // nothing in it depends on time
				t.Errorf("our side of it:\n%s\nFlink's:\n%s", summary(frames(t, c.peer.in.bytes)), summary(frames(t, r.c2s)))
			}
		})
	}
}

// replayTask is a consumer's task: it counts, resumes and acknowledges.
type replayTask struct {
	streams                []*serde.Deserializer
	records, bytes, events []int
	crc                    []uint32
}

func newReplayTask(channels int) *replayTask {
	k := &replayTask{records: make([]int, channels), bytes: make([]int, channels), events: make([]int, channels), crc: make([]uint32, channels)}
	for range channels {
		k.streams = append(k.streams, serde.NewDeserializer(serde.Options{}))
	}
	return k
}

func (k *replayTask) read(t *testing.T, g *gate.InputGate) {
	t.Helper()
	for {
		item, ok, err := g.Poll()
		if err == io.EOF || !ok && err == nil {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		i := item.Channel
		if kind := item.Buffer.Type(); kind.IsEvent() {
			e, err := frame.ParseEvent(item.Buffer.Bytes())
			if err != nil {
				t.Error(err)
			}
			if a, ours := e.(frame.Announcement); !ours || a.Sequence != item.Sequence { // the gate's own, of a barrier with a timeout
				k.events[i]++
			}
			if kind.BlocksUpstream() {
				err = g.Resume(i)
			}
			if kind == buffer.EndOfData {
				err = g.Acknowledge(i)
			}
			if err != nil {
				t.Error(err)
			}
		} else {
			k.streams[i].SetBuffer(item.Buffer.Bytes())
			for {
				payload, ok, err := k.streams[i].Next()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				k.records[i]++
				k.bytes[i] += len(payload)
				k.crc[i] = crc32.Update(k.crc[i], crc32.IEEETable, payload)
			}
		}
		item.Buffer.Recycle()
	}
}

func summary(all []frame.Frame) string {
	var out strings.Builder
	for _, f := range all {
		fmt.Fprintf(&out, "%v %x\n", f.ID, f.Body)
	}
	return out.String()
}

// replayServer is our server with the partition of a recording, and its requests made.
type replayServer struct {
	*steppedServer
	part  *partition.ResultPartition
	order []frame.ChannelID // by subpartition
}

func newReplayServer(t *testing.T, r *recording, segments int) *replayServer {
	t.Helper()
	k := &replayServer{}
	registry := partition.NewRegistry(0)
	var requests []byte
	var id frame.ResultPartitionID
	k.order = make([]frame.ChannelID, len(r.want.Channels))
	for _, f := range frames(t, r.c2s) {
		if f.ID == frame.IDPartitionRequest {
			id = f.Request.Partition
			k.order[f.Request.First] = f.Request.Channel
			requests = f.AppendTo(requests)
		}
	}
	k.part = newRegistered(t, registry, id, memory(t, segments, r.want.SegmentSize), len(k.order), segments)
	k.steppedServer = stepServer(t, registry)
	k.peer.out.bytes = append(k.peer.out.bytes, requests...)
	return k
}

// step gives every channel all the credit that it may want, and lets both state machines do what there is to do.
func (k *replayServer) step() {
	for _, channel := range k.order {
		k.sent(frame.AddCredit{Credit: 1 << 10, Channel: channel})
	}
	k.receive()
	k.send()
}

// sameFrames wants the same frames of every channel, but for the backlog, which depends on time, unless exact.
func sameFrames(t *testing.T, got, want []byte, exact bool) {
	t.Helper()
	of := func(b []byte) map[frame.ChannelID][]frame.BufferResponse {
		all := map[frame.ChannelID][]frame.BufferResponse{}
		for _, f := range frames(t, b) {
			if m := f.Response.Buffer; f.ID == frame.IDBufferResponse {
				if !exact {
					m.Backlog = 0
				}
				all[m.Channel] = append(all[m.Channel], m)
			}
		}
		return all
	}
	gotOf, wantOf := of(got), of(want)
	for id, frames := range wantOf {
		if len(gotOf[id]) != len(frames) {
			t.Errorf("%v: %d frames, want %d", id, len(gotOf[id]), len(frames))
		}
		for n := range min(len(frames), len(gotOf[id])) {
			if a, b := gotOf[id][n].AppendTo(nil), frames[n].AppendTo(nil); !bytes.Equal(a, b) {
				t.Fatalf("%v: frame %d is\n%x, want\n%x", id, n, a, b)
			}
		}
	}
}

// TestFlinksStreamWrittenByOurServer: the same bytes and events, flushed where Flink's producer flushed them, leave in the same frames: ids, numbers,
// types, sizes, empty buffers where the consumer has none of its own.
func TestFlinksStreamWrittenByOurServer(t *testing.T) {
	for _, name := range pipelined {
		if name == "new-buffer-size" {
			continue // its cuts depend on when a hint arrived
		}
		t.Run(name, func(t *testing.T) {
			r := readRecording(t, name)
			k := newReplayServer(t, &r, 40)
			k.step()
			todo := make([][]frame.BufferResponse, len(k.order))
			for _, f := range frames(t, r.s2c) {
				if m := f.Response.Buffer; f.ID == frame.IDBufferResponse {
					todo[m.Subpartition] = append(todo[m.Subpartition], m)
				}
			}
			for len(todo[0]) > 0 {
				k.data(t, todo)
				k.event(t, todo)
			}
			sameFrames(t, k.peer.in.bytes, r.s2c, false)
			if name == "longs-2ch" && !bytes.Equal(k.peer.in.bytes, r.s2c) { // nothing in it depends on time
				t.Errorf("our side of it:\n%s\nFlink's:\n%s", summary(frames(t, k.peer.in.bytes)), summary(frames(t, r.s2c)))
			}
		})
	}
}

// data sends what todo has up to the next event, a frame of each subpartition at a time.
func (k *replayServer) data(t *testing.T, todo [][]frame.BufferResponse) {
	t.Helper()
	for more := true; more; {
		more = false
		for sub := range todo {
			if len(todo[sub]) == 0 || !todo[sub][0].Type.IsBuffer() {
				continue
			}
			more = true
			content := todo[sub][0].Content
			todo[sub] = todo[sub][1:]
			if len(content) > 0 {
				if err := k.part.Emit(context.Background(), content, sub); err != nil {
					t.Fatal(err)
				}
			}
			// The last data before an event leaves with the event, in a finished buffer; there is no empty one then. An event with priority would
			// overtake it.
			if next := todo[sub][0].Type; next.IsBuffer() || next.HasPriority() {
				k.part.Flush(sub)
				k.step()
			}
		}
	}
}

// event sends the event that is next in all subpartitions, and resumes what it blocks.
func (k *replayServer) event(t *testing.T, todo [][]frame.BufferResponse) {
	t.Helper()
	e := todo[0][0]
	var err error
	if e.Type == buffer.EndOfPartition {
		err = k.part.Finish()
	} else {
		err = k.part.BroadcastEvent(e.Content, e.Type)
	}
	if err != nil {
		t.Fatal(err)
	}
	for sub := range todo {
		todo[sub] = todo[sub][1:]
	}
	k.step()
	if e.Type.BlocksUpstream() {
		for _, channel := range k.order {
			k.sent(frame.ResumeConsumption{Channel: channel})
		}
	}
	k.step()
}

// TestFlinksRecordsCutByOurServer: records that were all written before anybody read: the cuts, and the backlogs, are not a matter of time either.
func TestFlinksRecordsCutByOurServer(t *testing.T) {
	for _, name := range []string{"spanning-32k", "elements-1ch"} {
		t.Run(name, func(t *testing.T) {
			r := readRecording(t, name)
			k := newReplayServer(t, &r, 10)
			d := serde.NewDeserializer(serde.Options{})
			for _, f := range frames(t, r.s2c) {
				m := f.Response.Buffer
				if !m.Type.IsBuffer() {
					if m.Type == buffer.EndOfPartition {
						k.step()
						if err := k.part.Finish(); err != nil {
							t.Fatal(err)
						}
					} else if err := k.part.BroadcastEvent(m.Content, m.Type); err != nil {
						t.Fatal(err)
					}
					continue
				}
				d.SetBuffer(m.Content)
				for {
					payload, ok, err := d.Next()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					framed := serde.AppendFramed(nil, serde.Bytes(payload))
					if err := k.part.Emit(context.Background(), framed, 0); err != nil {
						t.Fatal(err)
					}
				}
			}
			k.step()
			if !bytes.Equal(k.peer.in.bytes, r.s2c) {
				sameFrames(t, k.peer.in.bytes, r.s2c, true)
				t.Error("the frames are the same, the bytes are not")
			}
		})
	}
}

// TestFlinksAnswersToNonsense: the same words, and the same end of the connection or none, for the hand-made bytes that Flink's producer was sent.
func TestFlinksAnswersToNonsense(t *testing.T) {
	for name, words := range map[string]string{
		"err-bad-magic":        "Network stream corrupted: received incorrect magic number.",
		"err-unknown-id":       "Received unknown message from producer:",
		"err-double-request":   "Subpartition 0 of is being (or already has been) consumed, but pipelined subpartitions can only be consumed once. [1011",
		"err-bad-subpartition": "Subpartition not found. Index: 1, Size: 1",
	} {
		t.Run(name, func(t *testing.T) {
			r := readRecording(t, name)
			registry := partition.NewRegistry(0)
			if strings.HasSuffix(name, "request") || strings.HasSuffix(name, "subpartition") {
				newRegistered(t, registry, frames(t, r.c2s)[0].Request.Partition, memory(t, 4, 64), 1, 2)
			}
			s := stepServer(t, registry)
			s.peer.out.bytes = r.c2s
			s.receive()
			s.send()
			for _, answer := range [][]frame.Frame{frames(t, s.peer.in.bytes), frames(t, r.s2c)} {
				if len(answer) != 1 || !answer[0].Response.Error.Fatal || !strings.Contains(answer[0].Response.Error.Cause.Message, words) {
					t.Errorf("answered %v, want %q", answer, words)
				}
			}
			if closed := s.err != nil; closed != r.want.ServerCloses {
				t.Errorf("closed: %v, by Flink: %v", closed, r.want.ServerCloses)
			}
		})
	}
}
