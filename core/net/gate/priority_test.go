// priority_test.go: R8.1 at the consumer: what has priority goes first, once, and sequence numbers may wrap on the way.

package gate

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// sequences polls everything there is.
func sequences(t *testing.T, g input) (got []int32) {
	t.Helper()
	for {
		item, ok, err := g.Poll()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return got
		}
		item.Buffer.Recycle()
		got = append(got, item.Sequence)
	}
}

// TestPriorityEventOvertakesWhatIsReceived is R8.1 (c) and (d): data 0 and 1, an event with priority as 2, data 3 and 4 are consumed as 2, 0, 1, 3,
// 4; and the second event with priority goes behind the first.
func TestPriorityEventOvertakesWhatIsReceived(t *testing.T) {
	for _, c := range []struct {
		kinds string // d: data, p: priority
		want  []int32
	}{
		{"ddpdd", []int32{2, 0, 1, 3, 4}},
		{"pdd", []int32{0, 1, 2}},
		{"ddp", []int32{2, 0, 1}},
		{"dpdpd", []int32{1, 3, 0, 2, 4}},
		{"ppp", []int32{0, 1, 2}},
	} {
		t.Run(c.kinds, func(t *testing.T) {
			f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 1, Exclusive: 4, Floating: 1})
			ch := f.remote(0)
			for k, kind := range c.kinds {
				if kind == 'p' {
					f.arrive(ch, buffer.PrioritizedEvent, 4, int32(k), 0)
				} else {
					f.arrive(ch, buffer.DataBuffer, 4, int32(k), 0)
				}
			}
			if got := sequences(t, f); !slices.Equal(got, c.want) {
				t.Errorf("consumed %v, want %v", got, c.want)
			}
		})
	}
}

// TestChannelWithPriorityGoesFirst: among channels as well, in the order in which their events came, and the channel keeps its one place.
func TestChannelWithPriorityGoesFirst(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 16, 4), Channels: 4, Exclusive: 3, Floating: 1})
	var channels []*RemoteChannel
	for i := range 4 {
		ch := f.remote(i)
		f.arrive(ch, buffer.DataBuffer, 4, 0, 0)
		channels = append(channels, ch)
	}
	f.arrive(channels[3], buffer.PrioritizedEvent, 4, 1, 0)
	f.arrive(channels[1], buffer.PrioritizedEvent, 4, 1, 0)
	f.arrive(channels[3], buffer.PrioritizedEvent, 4, 2, 0)
	var got []string
	for range 7 {
		item := poll(t, f)
		got = append(got, fmt.Sprintf("%d:%d", item.Channel, item.Sequence))
	}
	// Channel 3 has more with priority after its first poll, so it queues again behind channel 1 and ahead of all others.
	if want := []string{"3:1", "1:1", "3:2", "0:0", "2:0", "1:0", "3:0"}; !slices.Equal(got, want) {
		t.Errorf("polled %v, want %v", got, want)
	}
	wantNothing(t, f)
}

// TestGateWithPriorityGoesFirst: in a union as well, as long as it has events with priority, and the gate keeps its one place.
func TestGateWithPriorityGoesFirst(t *testing.T) {
	p := memory(t, 32, 4)
	a := newFixture(t, Options{Pool: p, Channels: 1, Exclusive: 4, Floating: 1})
	b := newFixture(t, Options{Pool: p, Channels: 2, Exclusive: 4, Floating: 1})
	u := NewUnion(nil, nil, a.InputGate, b.InputGate)
	a0, b0, b1 := a.remote(0), b.remote(0), b.remote(1)
	for n := range int32(3) {
		a.arrive(a0, buffer.DataBuffer, 4, n, 0)
		b.arrive(b0, buffer.DataBuffer, 4, n, 0)
	}
	b.arrive(b0, buffer.PrioritizedEvent, 4, 3, 0)
	b.arrive(b1, buffer.PrioritizedEvent, 4, 0, 0)
	b.arrive(b1, buffer.PrioritizedEvent, 4, 1, 0)
	got := []string{}
	for range 9 {
		item := poll(t, u)
		got = append(got, fmt.Sprintf("%d:%d", item.Channel, item.Sequence))
	}
	if want := []string{"1:3", "2:0", "2:1", "0:0", "1:0", "0:1", "1:1", "0:2", "1:2"}; !slices.Equal(got, want) {
		t.Errorf("polled %v, want %v", got, want)
	}
	wantNothing(t, u)
}

// TestLateNoticeOfPriorityIsIgnored (FLINK-19681): the notice of an event that was polled in the meantime gives the channel no second turn with
// priority. Sequence numbers wrap, so "in the meantime" is a difference and no comparison.
func TestLateNoticeOfPriorityIsIgnored(t *testing.T) {
	for _, c := range []struct {
		polled, notice int32
		ignored        bool
	}{
		{5, 5, true},
		{5, 4, true},
		{5, 6, false},
		{math.MaxInt32, math.MaxInt32, true},
		{math.MinInt32, math.MaxInt32, true},
		{math.MaxInt32, math.MinInt32, false},
		{math.MinInt32 + 3, math.MaxInt32 - 3, true},
	} {
		t.Run(fmt.Sprintf("%d then %d", c.polled, c.notice), func(t *testing.T) {
			f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 2, Exclusive: 2, Floating: 1})
			quiet, ch := f.remote(0), f.remote(1)
			ch.mu.expected = c.polled
			f.arrive(ch, buffer.PrioritizedEvent, 4, c.polled, 0)
			if item := poll(t, f); item.Sequence != c.polled {
				t.Fatalf("polled %d", item.Sequence)
			}
			f.arrive(quiet, buffer.DataBuffer, 4, 0, 0)
			f.priorityAvailable(1, c.notice)
			if got := f.InputGate.mu.ready.place[1] == absent; got != c.ignored {
				t.Errorf("ignored: %v, want %v", got, c.ignored)
			}
			if item := poll(t, f); item.Channel != 0 {
				t.Errorf("polled channel %d", item.Channel)
			}
			wantNothing(t, f)
		})
	}
}

// TestSequenceNumbersWrap: the number after the largest int32 is the smallest.
func TestSequenceNumbersWrap(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 8, 4), Channels: 1, Exclusive: 4, Floating: 1})
	ch := f.remote(0)
	ch.mu.expected = math.MaxInt32 - 1
	for _, n := range []int32{math.MaxInt32 - 1, math.MaxInt32, math.MinInt32, math.MinInt32 + 1} {
		f.arrive(ch, buffer.DataBuffer, 1, n, 0)
	}
	want := []int32{math.MaxInt32 - 1, math.MaxInt32, math.MinInt32, math.MinInt32 + 1}
	if got := sequences(t, f); !slices.Equal(got, want) {
		t.Errorf("consumed %v, want %v", got, want)
	}
}

// TestPriorityOnLocalChannels: the event overtakes what is queued in the subpartition, and the channel overtakes the others.
func TestPriorityOnLocalChannels(t *testing.T) {
	p := memory(t, 16, 4)
	registry := partition.NewRegistry(0)
	first, second := newProducer(t, p, registry, 0, 1, 6), newProducer(t, p, registry, 1, 1, 6)
	first.register()
	second.register()
	f := newFixture(t, Options{Pool: p, Channels: 2, Floating: 1})
	f.OpenLocal(0, registry, partitionID(0), 0)
	f.OpenLocal(1, registry, partitionID(1), 0)
	first.emit(0, 4)
	second.emit(0, 4)
	second.emit(0, 4)
	second.event(aligned(1).AsUnaligned(), true)
	var got []string
	for range 4 {
		item := poll(t, f)
		got = append(got, fmt.Sprintf("%d:%v", item.Channel, item.Buffer.Type()))
	}
	want := []string{"1:PRIORITIZED_EVENT_BUFFER", "0:DATA_BUFFER", "1:DATA_BUFFER", "1:DATA_BUFFER"}
	if !slices.Equal(got, want) {
		t.Errorf("polled %v, want %v", got, want)
	}
	wantNothing(t, f)
}

// TestBlockedLocalChannel is R8.1 (a) and (b): nothing comes behind an aligned barrier, not even what has priority, until the task resumes; then
// everything does, in order.
func TestBlockedLocalChannel(t *testing.T) {
	p := memory(t, 16, 4)
	registry := partition.NewRegistry(0)
	out := newProducer(t, p, registry, 0, 1, 6)
	out.register()
	f := newFixture(t, Options{Pool: p, Channels: 1, Floating: 1})
	f.OpenLocal(0, registry, partitionID(0), 0)
	out.emit(0, 4)
	out.event(aligned(1), false)
	out.emit(0, 3)
	if item := poll(t, f); item.Buffer.Type() != buffer.DataBuffer {
		t.Fatalf("polled %v", item.Buffer)
	}
	if item := poll(t, f); item.Buffer.Type() != buffer.AlignedBarrier {
		t.Fatalf("polled %v", item.Buffer)
	}
	wantNothing(t, f)
	out.event(aligned(2).AsUnaligned(), true)
	out.event(frame.EndOfSuperstep{}, false)
	wantNothing(t, f)
	if err := f.Resume(0); err != nil {
		t.Fatal(err)
	}
	var got []buffer.DataType
	for range 3 {
		got = append(got, poll(t, f).Buffer.Type())
	}
	if want := []buffer.DataType{buffer.PrioritizedEvent, buffer.DataBuffer, buffer.EventBuffer}; !slices.Equal(got, want) {
		t.Errorf("polled %v, want %v", got, want)
	}
	wantNothing(t, f)
	if err := f.Resume(0); err == nil {
		t.Error("resumed what was not blocked")
	}
}
