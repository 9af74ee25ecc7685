// event_test.go: every event against bytes of a real Flink, and the type of the buffer that carries it.

package frame_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

func barrier(id int64, change func(*frame.CheckpointBarrier)) frame.CheckpointBarrier {
	b := frame.CheckpointBarrier{ID: id, TimestampMs: 1700000000000 + id, Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
	if change != nil {
		change(&b)
	}
	return b
}

func TestEvents(t *testing.T) {
	unaligned := barrier(2, func(b *frame.CheckpointBarrier) { b.Alignment = frame.Unaligned })
	timeoutable := barrier(3, func(b *frame.CheckpointBarrier) { b.AlignedTimeoutMs = 30_000 })
	located := barrier(4, func(b *frame.CheckpointBarrier) { b.Location = []byte("file:///tmp/chk-4") })
	atLeastOnce := barrier(7, func(b *frame.CheckpointBarrier) { b.Alignment = frame.AtLeastOnce })
	full := barrier(8, func(b *frame.CheckpointBarrier) { b.Type = frame.FullCheckpoint })
	savepoint := barrier(9, func(b *frame.CheckpointBarrier) {
		b.Type, b.Format, b.Location = frame.Savepoint, frame.Canonical, []byte("file:///sp/9")
	})
	native := barrier(10, func(b *frame.CheckpointBarrier) { b.Type, b.Format = frame.Savepoint, frame.Native })
	suspend := barrier(11, func(b *frame.CheckpointBarrier) { b.Type, b.Location = frame.SavepointSuspend, []byte("file:///sp/11") })
	terminate := barrier(12, func(b *frame.CheckpointBarrier) {
		b.Type, b.Format, b.Location = frame.SavepointTerminate, frame.Native, []byte("file:///sp/12")
	})
	forced := barrier(14, func(b *frame.CheckpointBarrier) { b.Alignment, b.AlignedTimeoutMs = frame.ForcedAligned, 5000 })
	nowhere := barrier(15, func(b *frame.CheckpointBarrier) { b.Location = []byte{} })
	announced := barrier(99, func(b *frame.CheckpointBarrier) { b.AlignedTimeoutMs = 1000 })
	task := frame.Other{Class: "org.apache.flink.runtime.event.task.IntegerTaskEvent", Body: []byte{1, 2, 3, 4}}
	const taskClass = "0034 6f72672e6170616368652e666c696e6b2e72756e74696d652e6576656e742e7461736b2e496e74656765725461736b4576656e74"

	for _, c := range []struct {
		name     string
		e        frame.Event
		priority bool
		carried  buffer.DataType
		want     string
	}{
		{"aligned", barrier(1, nil), false, buffer.AlignedBarrier, "00000001 0000000000000001 0000018bcfe56801 00 ffffffff 01 7fffffffffffffff"},
		{"unaligned", unaligned, true, buffer.PrioritizedEvent, "00000001 0000000000000002 0000018bcfe56802 00 ffffffff 02 7fffffffffffffff"},
		{"unaligned without priority", unaligned, false, buffer.EventBuffer, "00000001 0000000000000002 0000018bcfe56802 00 ffffffff 02 7fffffffffffffff"},
		{"timeout", timeoutable, false, buffer.TimeoutableBarrier, "00000001 0000000000000003 0000018bcfe56803 00 ffffffff 01 0000000000007530"},
		{"location", located, false, buffer.AlignedBarrier,
			"00000001 0000000000000004 0000018bcfe56804 00 00000011 66696c653a2f2f2f746d702f63686b2d34 01 7fffffffffffffff"},
		{"empty location", nowhere, false, buffer.AlignedBarrier, "00000001 000000000000000f 0000018bcfe5680f 00 00000000 01 7fffffffffffffff"},
		{"at least once", atLeastOnce, false, buffer.EventBuffer, "00000001 0000000000000007 0000018bcfe56807 00 ffffffff 00 7fffffffffffffff"},
		{"full", full, false, buffer.AlignedBarrier, "00000001 0000000000000008 0000018bcfe56808 04 ffffffff 01 7fffffffffffffff"},
		{"savepoint", savepoint, false, buffer.AlignedBarrier,
			"00000001 0000000000000009 0000018bcfe56809 01 00 0000000c 66696c653a2f2f2f73702f39 01 7fffffffffffffff"},
		{"native savepoint", native, false, buffer.AlignedBarrier, "00000001 000000000000000a 0000018bcfe5680a 01 01 ffffffff 01 7fffffffffffffff"},
		{"suspend", suspend, false, buffer.AlignedBarrier,
			"00000001 000000000000000b 0000018bcfe5680b 02 00 0000000d 66696c653a2f2f2f73702f3131 01 7fffffffffffffff"},
		{"terminate", terminate, false, buffer.AlignedBarrier,
			"00000001 000000000000000c 0000018bcfe5680c 03 01 0000000d 66696c653a2f2f2f73702f3132 01 7fffffffffffffff"},
		{"forced", forced, false, buffer.AlignedBarrier, "00000001 000000000000000e 0000018bcfe5680e 00 ffffffff 03 0000000000001388"},
		{"cancel", frame.CancelCheckpoint{ID: 77}, false, buffer.EventBuffer, "00000004 000000000000004d"},
		{"superstep", frame.EndOfSuperstep{}, false, buffer.EventBuffer, "00000002"},
		{"channel state", frame.EndOfChannelState{}, false, buffer.RecoveryCompletion, "00000005"},
		{"connection", frame.SubtaskConnection{InputSubtask: 3, OutputSubtask: 5}, false, buffer.EventBuffer, "00000007 00000003 00000005"},
		{"recovery", frame.RecoveryMetadata{FinalBufferSubpartition: 4}, false, buffer.EventBuffer, "0000000a 00000004"},
		{"segment", frame.EndOfSegment{}, false, buffer.EventBuffer, "00000009"},
		{"announced barrier", frame.Announcement{Sequence: 42, Announced: announced}, true, buffer.PrioritizedEvent,
			"00000006 0000002a 00000001 0000000000000063 0000018bcfe56863 00 ffffffff 01 00000000000003e8"},
		{"announced cancel", frame.Announcement{Sequence: 42, Announced: frame.CancelCheckpoint{ID: 5}}, false, buffer.EventBuffer,
			"00000006 0000002a 00000004 0000000000000005"},
		{"task event", task, false, buffer.EventBuffer, "00000003" + taskClass + "01020304"},
		{"drain", frame.EndOfData{}, false, buffer.EndOfData, "00000008 00"},
		{"no drain", frame.EndOfData{NoDrain: true}, false, buffer.EndOfData, "00000008 01"},
		{"partition", frame.EndOfPartition{}, false, buffer.EndOfPartition, "00000000"},
	} {
		want := unhex(t, c.want)
		if got := frame.AppendEvent([]byte{0xFF}, c.e); !bytes.Equal(got[1:], want) {
			t.Errorf("%s\n got %x\nwant %x", c.name, got[1:], want)
		}
		if got := frame.DataTypeOf(c.e, c.priority); got != c.carried {
			t.Errorf("%s: carried as %v, want %v", c.name, got, c.carried)
		}
		if got, err := frame.ParseEvent(want); err != nil || !reflect.DeepEqual(got, c.e) {
			t.Errorf("%s: read as %+v, %v", c.name, got, err)
		}
		if _, class := c.e.(frame.Other); !class { // whose body takes whatever follows
			if got, err := frame.ParseEvent(append(want, 0, 0, 0, 0)); err != nil || !reflect.DeepEqual(got, c.e) {
				t.Errorf("%s with padding: read as %+v, %v", c.name, got, err)
			}
			for n := range want {
				if got, err := frame.ParseEvent(want[:n]); err == nil {
					t.Errorf("%s: %d of %d bytes are read as %+v", c.name, n, len(want), got)
				}
			}
		}
	}
}

// Events own their memory: the buffer may go home.
func TestEventsAreCopies(t *testing.T) {
	for _, e := range []frame.Event{
		frame.Other{Class: "a.B", Body: []byte{1, 2}}, barrier(1, func(b *frame.CheckpointBarrier) { b.Location = []byte("here") }),
	} {
		content := frame.AppendEvent(nil, e)
		got, err := frame.ParseEvent(content)
		if err != nil {
			t.Fatal(err)
		}
		clear(content)
		if !reflect.DeepEqual(got, e) {
			t.Errorf("%+v became %+v", e, got)
		}
	}
}

func TestBarriers(t *testing.T) {
	for _, c := range []struct {
		alignment   frame.Alignment
		timeoutMs   int64
		timeoutable bool
	}{
		{frame.Aligned, frame.NoAlignedTimeout, false}, {frame.Aligned, 1, true}, {frame.Aligned, 0, false}, {frame.Aligned, -1, false},
		{frame.ForcedAligned, 1, false}, {frame.Unaligned, 1, false}, {frame.AtLeastOnce, 1, false},
	} {
		b := frame.CheckpointBarrier{Alignment: c.alignment, AlignedTimeoutMs: c.timeoutMs}
		if b.IsTimeoutable() != c.timeoutable || b.NeedsAlignment() != (c.alignment == frame.Aligned || c.alignment == frame.ForcedAligned) {
			t.Errorf("%+v: timeoutable %t, needs alignment %t", b, b.IsTimeoutable(), b.NeedsAlignment())
		}
		if u := b.AsUnaligned(); u.Alignment != frame.Unaligned || u.AlignedTimeoutMs != frame.NoAlignedTimeout {
			t.Errorf("%+v unaligned is %+v", b, u)
		}
	}
}

func TestHostileEvents(t *testing.T) {
	const barrierHead = "00000001 0000000000000001 0000018bcfe56801"
	for name, content := range map[string]string{
		"empty": "", "three bytes": "000000", "kind 11": "0000000b", "negative kind": "ffffffff",
		"barrier type 5":            barrierHead + "05 ffffffff 01 7fffffffffffffff",
		"savepoint format 2":        barrierHead + "01 02 ffffffff 01 7fffffffffffffff",
		"alignment 4":               barrierHead + "00 ffffffff 04 7fffffffffffffff",
		"location of -2":            barrierHead + "00 fffffffe 01 7fffffffffffffff",
		"location behind the end":   barrierHead + "00 7fffffff 01 7fffffffffffffff",
		"location takes the rest":   barrierHead + "00 00000009 01 7fffffffffffffff",
		"mode 2":                    "00000008 02",
		"class behind the end":      "00000003 0003 6162",
		"class that is no text":     "00000003 0002 c361",
		"announced announcement":    "00000006 00000001 00000006 00000001 00000000",
		"announcement of nothing":   "00000006 00000001",
		"announcement of a mystery": "00000006 00000001 0000000b",
	} {
		got, err := frame.ParseEvent(unhex(t, content))
		var corrupt *frame.CorruptError
		if !errors.As(err, &corrupt) || corrupt.Reason != "Network stream corrupted: received incorrect event." {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// Class names are modified UTF-8, in which NUL and what lies beyond the basic plane look different.
func TestClassNames(t *testing.T) {
	for class, want := range map[string]string{"a\x00b": "61c08062", "é€": "c3a9e282ac", "😀": "eda0bdedb880"} {
		content := frame.AppendEvent(nil, frame.Other{Class: class})
		if got := content[6:]; !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%q is %x, want %s", class, got, want)
		}
		if e, err := frame.ParseEvent(content); err != nil || e.(frame.Other).Class != class {
			t.Errorf("%q is read as %+v, %v", class, e, err)
		}
	}
	lone := map[string]string{"eda0bd": "\uFFFD", "edb880": "\uFFFD", "eda0bd61": "\uFFFDa", "eda0bdeda0bdedb880": "\uFFFD😀"}
	for wire, want := range lone {
		n := len(wire) / 2
		content := append([]byte{0, 0, 0, 3, 0, byte(n)}, unhex(t, wire)...)
		if e, err := frame.ParseEvent(content); err != nil || e.(frame.Other).Class != want {
			t.Errorf("%s is read as %+v, %v", wire, e, err)
		}
	}
}

func TestOwnNonsenseEventsPanic(t *testing.T) {
	for name, e := range map[string]frame.Event{
		"announced announcement": frame.Announcement{Announced: frame.Announcement{Announced: frame.EndOfPartition{}}},
		"barrier of no type":     frame.CheckpointBarrier{Type: 5},
		"class name too long":    frame.Other{Class: strings.Repeat("x", 1<<16)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			frame.AppendEvent(nil, e)
		}()
	}
}
