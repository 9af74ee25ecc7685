// conformance_input_test.go: what the producing tasks of the recordings wrote, rebuilt from expect.json: records, events and flushes in order.

package core

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"testing"

	"xbench/core/net/frame"
	"xbench/core/serde"
)

// op is one thing that a producing task does.
type op func(w *Writer) error

// script collects the ops of one task.
type script struct {
	t   testing.TB
	r   *recording
	ops []op

	// Where a recorded frame ends within a buffer, the output flusher had come by, or the task had flushed. When that was only the recorded
	// bytes tell, the only thing that is taken from them.
	flushAtCuts bool
	cuts        map[cut]bool
	written     map[int]int // bytes of records per subpartition
	arrays      int
}

// cut is a place in the stream of a subpartition.
type cut struct{ sub, at int }

// scriptOf is what the task did whose partition the recording is about.
func scriptOf(t testing.TB, r *recording) iter.Seq[op] {
	s := &script{t: t, r: r, cuts: map[cut]bool{}, written: map[int]int{}}
	streamed := map[int]int{}
	for _, f := range r.responses {
		if b := &f.Response.Buffer; f.ID == frame.IDBufferResponse && b.Type.IsBuffer() {
			streamed[b.Subpartition] += b.Size
			s.cuts[cut{b.Subpartition, streamed[b.Subpartition]}] = b.Size < r.want.SegmentSize
		}
	}
	switch r.name {
	case "cancel", "close":
		return endless
	case "backpressure":
		s.flushAtCuts = true
		s.tableRecords(3000, func(k int) int { return min(1, k%3) }, func(int) {})
	case "zero-exclusive":
		s.tableRecords(600, func(k int) int { return k % 2 }, func(k int) {
			switch k {
			case 151, 451:
				s.event(s.r.want.Channels[0].Events[k/300])
			}
		})
	case "new-buffer-size":
		s.tableRecords(600, func(int) int { return 0 }, func(k int) {
			if k == 200 || k == 400 || k > 200 && k%24 == 0 {
				s.flushAll()
			}
		})
	case "elements-long-4ch":
		s.keyed()
	case "broadcast-3ch":
		for _, item := range r.want.Channels[0].Stream {
			if isEnd(item) {
				break
			}
			s.item(item, 0)
		}
		s.flushAll()
	case "longs-2ch":
		s.alternating(125)
	case "ack", "blocking-plain", "compressed-bounded":
		s.alternating(math.MaxInt)
	default:
		s.single()
	}
	if s.ends() {
		s.add(func(w *Writer) error { return w.part.NotifyEndOfData(!s.stopped()) })
		s.add(func(w *Writer) error { return w.part.Finish() })
	}
	return slices.Values(s.ops)
}

func (s *script) add(o op) { s.ops = append(s.ops, o) }

func (s *script) flush(subs ...int) {
	for _, sub := range subs {
		s.add(func(w *Writer) error { w.part.Flush(sub); return nil })
	}
}

// emit writes a record to a subpartition, or, with a writer that broadcasts, to all.
func (s *script) emit(sub int, r serde.Record) {
	s.add(func(w *Writer) error {
		if w.o.Broadcast {
			return w.Emit(r)
		}
		return w.EmitTo(sub, r)
	})
	s.wrote(sub, r)
}

func (s *script) wrote(sub int, r serde.Record) {
	s.written[sub] += serde.LengthSize + r.Size()
	if s.flushAtCuts && s.cuts[cut{sub, s.written[sub]}] {
		s.flushAll()
	}
}

func (s *script) flushAll() {
	s.add(func(w *Writer) error { w.FlushAll(); return nil })
}

// endless are the numbers 0, 1, 2, ..., each of them for both subpartitions.
func endless(yield func(op) bool) {
	for k := int64(0); ; k++ {
		for sub := range 2 {
			if !yield(func(w *Writer) error { return w.EmitLong(sub, k) }) {
				return
			}
		}
	}
}

// tableRecords are byte[76] whose byte j is (j*31+k)&0xff; between comes behind each of them, with their number so far.
func (s *script) tableRecords(n int, sub func(k int) int, between func(n int)) {
	for k := range n {
		b := make([]byte, 76)
		for j := range b {
			b[j] = byte(j*31 + k)
		}
		s.emit(sub(k), byteArray(b))
		between(k + 1)
	}
}

func byteArray(b []byte) serde.Record {
	return &serde.BareRecord[[]byte]{Serializer: &serde.ByteArray, Value: b}
}

// single is a task with one subpartition: the stream of its channel, with a flush behind each record between events, and at every cut.
func (s *script) single() {
	s.flushAtCuts = true
	for _, c := range s.r.want.Channels {
		for _, item := range c.Stream {
			if isEnd(item) {
				break
			}
			s.item(item, 0)
		}
	}
}

// alternating is a task whose records go to the subpartitions in turn, with a flush behind every so many for each.
func (s *script) alternating(every int) {
	for i, item := range s.r.want.Channels[0].Stream {
		if isEnd(item) {
			break
		}
		for sub, c := range s.r.want.Channels {
			s.item(c.Stream[i], sub)
		}
		if (i+1)%every == 0 {
			s.flushAll()
		}
	}
}

// keyed is elements-long-4ch: the selector has to find the channels that Flink's found.
func (s *script) keyed() {
	var watermarks []any
	for _, item := range s.r.want.Channels[0].Stream {
		if e, ok := item.(map[string]any); ok && e["element"] == "watermark" {
			watermarks = append(watermarks, item)
		}
	}
	for i, key := range s.r.want.Keys {
		r := &serde.StreamRecord[int64]{Serializer: &serde.Long, Value: key.Key, HasTimestamp: true, TimestampMs: int64(1000 + i)}
		s.add(func(w *Writer) error { return w.Emit(r) })
		if (i+1)%50 == 0 {
			if i == 199 {
				s.flush(0) // its reader was there before the last watermark
			}
			w := s.element(watermarks[i/50].(map[string]any))
			s.add(func(o *Writer) error { return o.Broadcast(w) })
		}
	}
	s.flush(1, 2, 3, 0) // and this time it was the last
}

// keyHash is the hash code of a record of keyed.
func keyHash(r serde.Record) int32 { return serde.HashLong(r.(*serde.StreamRecord[int64]).Value) }

// item is what expect.json calls an item of a stream.
func (s *script) item(item any, sub int) {
	switch item := item.(type) {
	case json.Number:
		v := integer(s.t, item)
		s.add(func(w *Writer) error { return w.EmitLong(sub, v) })
		s.wrote(sub, serde.Bytes(make([]byte, 8)))
	case map[string]any:
		switch {
		case item["event"] != nil:
			s.event(item)
		case item["element"] != nil:
			s.emit(sub, s.element(item))
		default:
			s.emit(sub, s.array(int(integer(s.t, item["array_length"]))))
		}
	}
}

// array is the next byte[] of spanning: byte j of record k is (j*31 + (j>>8)*7 + k)&0xff.
func (s *script) array(n int) serde.Record {
	b := make([]byte, n)
	for j := range b {
		b[j] = byte(j*31 + (j>>8)*7 + s.arrays)
	}
	s.arrays++
	return byteArray(b)
}

func (s *script) element(e map[string]any) serde.Record {
	number := func(name string) int64 { return integer(s.t, e[name]) }
	switch e["element"] {
	case "record":
		r := &serde.StreamRecord[serde.Optional[string]]{Serializer: &serde.NullableString}
		if text, ok := e["value"].(string); ok {
			r.Value = serde.Some(text)
		}
		if r.HasTimestamp = e["timestamp"] != nil; r.HasTimestamp {
			r.TimestampMs = number("timestamp")
		}
		return r
	case "watermark":
		return &serde.StreamElement{Tag: serde.TagWatermark, TimestampMs: number("timestamp")}
	case "watermark_status":
		return &serde.StreamElement{Tag: serde.TagWatermarkStatus, Idle: number("status") == -1}
	case "latency_marker":
		m := &serde.StreamElement{Tag: serde.TagLatencyMarker, TimestampMs: number("marked_time"), Subtask: int32(number("subtask"))}
		if _, err := hex.Decode(m.Operator[:], []byte(e["operator_id"].(string))); err != nil {
			s.t.Fatal(err)
		}
		return m
	case "record_attributes":
		return &serde.StreamElement{Tag: serde.TagRecordAttributes, Backlog: e["backlog"].(bool)}
	case "internal_watermark":
		return &serde.StreamElement{Tag: serde.TagInternalWatermark, Subpartition: int32(number("subpartition")), TimestampMs: number("timestamp")}
	}
	s.t.Fatalf("element %v", e)
	return nil
}

func (s *script) event(item any) {
	e := item.(map[string]any)
	priority := e["priority"] == true
	event := eventOf(s.t, e)
	s.add(func(w *Writer) error { return w.BroadcastEvent(event, priority) })
}

// isEnd reports whether an item is one of the two events that end a stream.
func isEnd(item any) bool {
	e, ok := item.(map[string]any)
	return ok && (e["event"] == "EndOfData" || e["event"] == "EndOfPartitionEvent")
}

// ends reports whether the task came to its end.
func (s *script) ends() bool {
	return slices.ContainsFunc(s.r.want.Channels, func(c channelExpectation) bool { return slices.ContainsFunc(c.Events, isEnd) })
}

// stopped reports whether it ended without draining.
func (s *script) stopped() bool {
	return slices.ContainsFunc(s.r.want.Channels[0].Events, func(item any) bool { return item.(map[string]any)["mode"] == "NO_DRAIN" })
}

// eventOf is the event that expect.json describes.
func eventOf(t testing.TB, e map[string]any) frame.Event {
	t.Helper()
	number := func(name string) int64 { return integer(t, e[name]) }
	bytes := func(name string) []byte {
		text, ok := e[name].(string)
		if !ok {
			return nil
		}
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	switch e["event"] {
	case "CheckpointBarrier":
		return frame.CheckpointBarrier{
			ID: number("id"), TimestampMs: number("timestamp"), Type: checkpointTypes[fmt.Sprintf("%v %v", e["type"], e["post_action"])],
			Format: savepointFormats[e["format"]], Location: bytes("location"), Alignment: alignments[e["alignment"]],
			AlignedTimeoutMs: number("aligned_timeout"),
		}
	case "CancelCheckpointMarker":
		return frame.CancelCheckpoint{ID: number("id")}
	case "EndOfSuperstepEvent":
		return frame.EndOfSuperstep{}
	case "EndOfChannelStateEvent":
		return frame.EndOfChannelState{}
	case "EndOfSegmentEvent":
		return frame.EndOfSegment{}
	case "SubtaskConnectionDescriptor":
		return frame.SubtaskConnection{InputSubtask: int32(number("input_subtask")), OutputSubtask: int32(number("output_subtask"))}
	case "RecoveryMetadata":
		return frame.RecoveryMetadata{FinalBufferSubpartition: int32(number("final_buffer_subpartition"))}
	case "EventAnnouncement":
		announced := eventOf(t, e["announced"].(map[string]any))
		return frame.Announcement{Sequence: int32(number("sequence_number")), Announced: announced}
	case "EndOfData":
		return frame.EndOfData{NoDrain: e["mode"] == "NO_DRAIN"}
	case "EndOfPartitionEvent":
		return frame.EndOfPartition{}
	}
	return frame.Other{Class: e["class"].(string), Body: bytes("body_hex")}
}

var (
	checkpointTypes = map[string]frame.CheckpointType{
		"CHECKPOINT <nil>": frame.Checkpoint, "FULL_CHECKPOINT <nil>": frame.FullCheckpoint, "SAVEPOINT NONE": frame.Savepoint,
		"SAVEPOINT SUSPEND": frame.SavepointSuspend, "SAVEPOINT TERMINATE": frame.SavepointTerminate,
	}
	savepointFormats = map[any]frame.SavepointFormat{"CANONICAL": frame.Canonical, "NATIVE": frame.Native}
	alignments       = map[any]frame.Alignment{
		"AT_LEAST_ONCE": frame.AtLeastOnce, "ALIGNED": frame.Aligned, "UNALIGNED": frame.Unaligned, "FORCED_ALIGNED": frame.ForcedAligned,
	}
)

func integer(t testing.TB, v any) int64 {
	t.Helper()
	n, ok := v.(json.Number)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	i, err := n.Int64()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// withoutPadding is a frame of Flink's as ours would be that says the same: events of exact size. padded says that there was padding.
func withoutPadding(t testing.TB, f *frame.Frame, bytes []byte) (same []byte, padded bool) {
	t.Helper()
	b := f.Response.Buffer
	if f.ID != frame.IDBufferResponse || b.Type.IsBuffer() {
		return bytes, false
	}
	e, err := frame.ParseEvent(b.Content)
	if err != nil {
		t.Fatal(err)
	}
	if other, ok := e.(frame.Other); ok { // nothing on the wire says where its body ends
		end := len(other.Body)
		for end > 0 && other.Body[end-1] == 0 {
			end--
		}
		e = frame.Other{Class: other.Class, Body: other.Body[:end]}
	}
	b.Content = frame.AppendEvent(nil, e)
	return frame.BufferResponse{BufferHeader: b.BufferHeader, Content: b.Content}.AppendTo(nil), len(b.Content) < f.Response.Buffer.Size
}

// blocks reports whether the producer stands still behind an event until it is told to resume.
func blocks(e frame.Event) bool { return frame.DataTypeOf(e, false).BlocksUpstream() }
