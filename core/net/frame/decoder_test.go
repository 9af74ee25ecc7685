// decoder_test.go: streams in pieces, torn streams, broken streams.

package frame_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// decoded is a frame without the memory that a Decoder lends.
type decoded struct {
	n       int
	offset  int64
	header  frame.Header
	body    string
	message any // nil: not compared
}

// decode feeds the stream in pieces whose sizes come from next, and returns every frame, and what ended it.
func decode(stream []byte, next func(left int) int) (frames []decoded, err error) {
	var d frame.Decoder
	for len(stream) > 0 {
		n := min(next(len(stream)), len(stream))
		piece := bytes.Clone(stream[:n])
		d.Feed(piece)
		clear(piece) // the Decoder must have its own
		stream = stream[n:]
		for {
			f, ok, err := d.Next()
			if err != nil {
				return frames, err
			}
			if !ok {
				break
			}
			one := decoded{n: f.N, offset: f.Offset, header: f.Header, body: string(f.Body)}
			if len(f.Body) < 200 { // large ones are equal if their bodies are
				one.message = f.AppendTo(nil)
			}
			frames = append(frames, one)
		}
	}
	return frames, d.Finish()
}

func checkSame(t rapid.TB, what string, got, want []decoded) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d frames, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("%s: frame %d is at %d, %+v, want at %d, %+v", what, i, got[i].offset, got[i].header, want[i].offset, want[i].header)
		}
	}
}

func seeded(t testing.TB) *rand.Rand {
	seed := uint64(20261123)
	if s, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("rerun with SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// R2.6: any fragmentation of the byte stream yields the same messages. Here: every recording, a byte at a time, by sizes around
// those of the headers, and by random ones.
func TestR2_6_RecordingsInPieces(t *testing.T) {
	rng := seeded(t)
	cuts := map[string]func(int) int{
		"7":      func(int) int { return 7 },
		"43":     func(int) int { return 43 },
		"4096":   func(int) int { return 4096 },
		"random": func(int) int { return 1 + rng.IntN(1<<rng.IntN(17)) },
	}
	for _, r := range recordings(t) {
		for name, stream := range map[string][]byte{"c2s": r.c2s, "s2c": r.s2c} {
			if name == "c2s" && r.want.Unparsed > 0 {
				continue
			}
			t.Run("R2.6/"+r.name+"/"+name, func(t *testing.T) {
				whole, err := decode(stream, func(left int) int { return left })
				if err != nil {
					t.Fatal(err)
				}
				for cut, size := range cuts {
					got, err := decode(stream, size)
					if err != nil {
						t.Fatal(err)
					}
					checkSame(t, cut, got, whole)
				}
				if len(stream) < 10_000 {
					got, err := decode(stream, func(int) int { return 1 })
					if err != nil {
						t.Fatal(err)
					}
					checkSame(t, "1", got, whole)
				}
			})
		}
	}
}

// R2.6: any messages, empty buffers among them, in any pieces.
func TestR2_6_AnyMessagesInAnyPieces(t *testing.T) {
	t.Run("R2.6", rapid.MakeCheck(func(t *rapid.T) {
		var stream []byte
		var starts []int64
		for range rapid.IntRange(0, 12).Draw(t, "messages") {
			starts = append(starts, int64(len(stream)))
			stream = appendAny(t, stream)
		}
		got, err := decode(stream, func(left int) int { return rapid.IntRange(0, left).Draw(t, "piece") })
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(starts) {
			t.Fatalf("%d frames, want %d", len(got), len(starts))
		}
		for i, f := range got {
			if f.n != i || f.offset != starts[i] {
				t.Fatalf("frame %d is number %d at %d, want at %d", i, f.n, f.offset, starts[i])
			}
			if again, ok := f.message.([]byte); ok && !bytes.Equal(again, stream[f.offset:][:len(again)]) {
				t.Fatalf("frame %d came back as %x", i, again)
			}
		}
	}))
}

// appendAny appends any message.
func appendAny(t *rapid.T, dst []byte) []byte {
	var channel frame.ChannelID
	var partition frame.ResultPartitionID
	copy(channel[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "channel"))
	copy(partition.Partition[:], channel[:])
	copy(partition.Producer[7:], channel[:])
	positive := rapid.IntRange(1, 1<<31-1)
	n := positive.Draw(t, "number")
	content := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "content")
	switch frame.MessageID(rapid.IntRange(0, 11).Draw(t, "id")) {
	case frame.IDBufferResponse:
		return frame.BufferResponse{
			BufferHeader: frame.BufferHeader{Channel: channel, Subpartition: n / 2, Sequence: int32(-n), Backlog: n - 1, Type: buffer.DataBuffer, Compressed: n%2 == 0},
			Content:      content,
		}.AppendTo(dst)
	case frame.IDErrorResponse:
		return frame.ErrorResponse{
			Cause: frame.NewThrowable(frame.ClassIOException, string(content)), Channel: channel, Fatal: n%2 == 0,
		}.AppendTo(dst)
	case frame.IDPartitionRequest:
		return frame.PartitionRequest{Partition: partition, First: n - 1, Last: n, Channel: channel, Credit: uint32(n)}.AppendTo(dst)
	case frame.IDTaskEventRequest:
		return frame.TaskEventRequest{Event: content, Partition: partition, Channel: channel}.AppendTo(dst)
	case frame.IDCancelPartitionRequest:
		return frame.CancelPartitionRequest{Channel: channel}.AppendTo(dst)
	case frame.IDCloseRequest:
		return frame.CloseRequest{}.AppendTo(dst)
	case frame.IDAddCredit:
		return frame.AddCredit{Credit: uint32(n), Channel: channel}.AppendTo(dst)
	case frame.IDResumeConsumption:
		return frame.ResumeConsumption{Channel: channel}.AppendTo(dst)
	case frame.IDAckAllUserRecordsProcessed:
		return frame.AckAllUserRecordsProcessed{Channel: channel}.AppendTo(dst)
	case frame.IDBacklogAnnouncement:
		return frame.BacklogAnnouncement{Backlog: n, Channel: channel}.AppendTo(dst)
	case frame.IDNewBufferSize:
		return frame.NewBufferSize{Size: n, Channel: channel}.AppendTo(dst)
	}
	return frame.SegmentID{Subpartition: n - 1, Segment: n, Channel: channel}.AppendTo(dst)
}

// A stream that ends inside a frame gives all whole frames, and then an error with the offset of the one that is not.
func TestTornStreams(t *testing.T) {
	for _, r := range recordings(t) {
		if r.name != "ack" && r.name != "zero-exclusive" && r.name != "not-found" {
			continue
		}
		whole, err := decode(r.s2c, func(left int) int { return left })
		if err != nil {
			t.Fatal(err)
		}
		end := min(int64(len(r.s2c)), 5000)
		for length := int64(0); length <= end; length++ {
			n := 0 // frames that are whole
			for n < len(whole) && whole[n].offset+int64(whole[n].header.Length) <= length {
				n++
			}
			got, err := decode(r.s2c[:length], func(left int) int { return left })
			checkSame(t, fmt.Sprintf("%s, %d bytes", r.name, length), got, whole[:n])
			if n < len(whole) && length == whole[n].offset || length == int64(len(r.s2c)) {
				if err != nil {
					t.Fatalf("%s: %d bytes end with a frame, but %v", r.name, length, err)
				}
				continue
			}
			checkCorrupt(t, err, whole[n].offset, "Network stream ends inside a frame.")
		}
	}
}

func checkCorrupt(t testing.TB, err error, offset int64, reason string) {
	t.Helper()
	var corrupt *frame.CorruptError
	if !errors.As(err, &corrupt) || !errors.Is(err, frame.ErrPeer) || corrupt.Offset != offset || corrupt.Reason != reason {
		t.Fatalf("%v, want %q at %d", err, reason, offset)
	}
}

// A stream that goes wrong gives the frames before, then the fault where it is, then the same fault for ever.
func TestCorruptStreams(t *testing.T) {
	good := frame.AddCredit{Credit: 1}.AppendTo(frame.CloseRequest{}.AppendTo(nil))
	for _, c := range []struct{ name, frame, reason string }{
		{"magic", "0000001d badc0ff0 06 00000005 505152535455565758595a5b5c5d5e5f", "Network stream corrupted: received incorrect magic number."},
		{"unknown id", "0000001d badc0ffe 0c 00000005 505152535455565758595a5b5c5d5e5f", "Received unknown message from producer:"},
		{"highest id", "00000009 badc0ffe ff", "Received unknown message from producer:"},
		{"length 0", "00000000 badc0ffe 05", "Network stream corrupted: received incorrect frame length."},
		{"negative length", "80000019 badc0ffe 04", "Network stream corrupted: received incorrect frame length."},
		{"enormous length", "7fffffff badc0ffe 00", "Network stream corrupted: received incorrect frame length."},
		{"length of another message", "0000001a badc0ffe 04", "Network stream corrupted: received incorrect frame length."},
		{"buffer too short for its header", "0000002a badc0ffe 00", "Network stream corrupted: received incorrect frame length."},
		{"no credit", "0000001d badc0ffe 06 00000000 505152535455565758595a5b5c5d5e5f", "Network stream corrupted: received incorrect message body."},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := unhex(t, c.frame)
			for _, size := range []int{1, 1 << 20} {
				frames, err := decode(append(bytes.Clone(good), bad...), func(int) int { return size })
				if len(frames) != 2 {
					t.Errorf("%d frames before, want 2", len(frames))
				}
				checkCorrupt(t, err, int64(len(good)), c.reason)
			}
			var d frame.Decoder
			d.Feed(bad)
			_, _, first := d.Next()
			d.Feed(good)
			_, ok, second := d.Next()
			if first == nil || ok || second != first || d.Finish() != first || d.Offset() != 0 {
				t.Errorf("first %v, then %v, at the end %v", first, second, d.Finish())
			}
		})
	}
}

// A Decoder that knows who speaks refuses the other's messages.
func TestDirections(t *testing.T) {
	for direction, stream := range map[frame.Direction][]byte{
		frame.FromProducer: frame.CloseRequest{}.AppendTo(nil),
		frame.FromConsumer: frame.BacklogAnnouncement{Backlog: 1}.AppendTo(nil),
	} {
		d := frame.Decoder{Direction: direction}
		d.Feed(stream)
		_, _, err := d.Next()
		checkCorrupt(t, err, 0, "Received unknown message from producer:")
		d = frame.Decoder{}
		d.Feed(stream)
		if _, ok, err := d.Next(); !ok || err != nil {
			t.Errorf("open direction: %t, %v", ok, err)
		}
	}
}

// The two recorded requests that were broken on purpose are refused, in the words in which the real producer refused them.
func TestBrokenRequests(t *testing.T) {
	for _, r := range recordings(t) {
		if r.want.Unparsed == 0 {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			_, err := decode(r.c2s, func(left int) int { return left })
			var corrupt *frame.CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatal(err)
			}
			message := r.want.Frames.S2C[0].(map[string]any)["cause_message"].(string)
			if !strings.Contains(message, corrupt.Reason) {
				t.Errorf("%q, Flink said %q", corrupt.Reason, message)
			}
		})
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
