// fairness_test.go: every channel gets its turn: preloaded, arriving in any order, remote, local, and in a union.

package gate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// The size of Flink's InputGateFairnessTest.
const (
	fairChannels = 37
	fairBuffers  = 27
)

var endOfPartition = frame.AppendEvent(nil, frame.EndOfPartition{})

// preload puts n data buffers of no pool into a remote channel, and the end of the partition behind them.
func preload(c *RemoteChannel, n int) {
	for k := range n {
		c.OnBuffer(buffer.Unpooled([]byte{1}, buffer.DataBuffer), int32(k), -1)
	}
	c.OnBuffer(buffer.Unpooled(endOfPartition, buffer.EndOfPartition), int32(n), -1)
}

// queuedPerChannel is how much each channel still has.
func queuedPerChannel(g *InputGate) []int {
	counts := make([]int, len(g.channels))
	for i, c := range g.channels {
		counts[i], _ = c.queued()
	}
	return counts
}

// drainFairly polls a preloaded gate to its end. After every poll the fullest and the emptiest channel differ by at most one: the end of the
// partition counts as an element.
func drainFairly(t *testing.T, g *InputGate) {
	t.Helper()
	counts := queuedPerChannel(g)
	for n := range fairChannels * (fairBuffers + 1) {
		item := poll(t, g)
		counts[item.Channel]--
		if high, low := slices.Max(counts), slices.Min(counts); high-low > 1 {
			t.Fatalf("after %d polls the channels hold %v", n+1, counts)
		}
		if got, _ := g.channels[item.Channel].queued(); got != counts[item.Channel] {
			t.Fatalf("channel %d holds %d, want %d", item.Channel, got, counts[item.Channel])
		}
	}
	wantEnd(t, g)
	if !g.Ended() {
		t.Error("the gate is at its end and has not ended")
	}
}

func TestFairnessOfRemoteChannels(t *testing.T) {
	f := newFixture(t, Options{Pool: memory(t, 2, 1), Channels: fairChannels, Floating: 1})
	for i := range fairChannels {
		preload(f.remote(i), fairBuffers)
	}
	drainFairly(t, f.InputGate)
}

func TestFairnessOfLocalChannels(t *testing.T) {
	const segmentSize = 8
	p := memory(t, fairChannels*fairBuffers+2, segmentSize)
	registry := partition.NewRegistry(0)
	out := newProducer(t, p, registry, 0, fairChannels, fairChannels*fairBuffers)
	out.register()
	f := newFixture(t, Options{Pool: p, Channels: fairChannels, Floating: 1})
	for i := range fairChannels {
		for range fairBuffers {
			out.emit(i, segmentSize)
		}
		f.OpenLocal(i, registry, partitionID(0), i)
	}
	out.finish()
	drainFairly(t, f.InputGate)
}

// TestInterleavedArrivalsStarveNobody: buffers arrive in bursts, in any order of channels, between polls. Whoever has something is served before
// anybody else is served twice, and everything is drained.
func TestInterleavedArrivalsStarveNobody(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("SEED=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			f := newFixture(t, Options{Pool: memory(t, 2, 1), Channels: fairChannels, Floating: 1})
			sent := make([]int, fairChannels)
			channels := make([]*RemoteChannel, fairChannels)
			for i := range channels {
				channels[i] = f.remote(i)
			}
			passedOver := make([]int, fairChannels) // polls of others since the channel had something
			left, inGate := fairChannels*(fairBuffers+1), 0
			for left+inGate > 0 {
				for burst := rng.IntN(12); burst > 0 && left > 0; {
					i := rng.IntN(fairChannels)
					if sent[i] > fairBuffers {
						continue
					}
					b := buffer.Unpooled([]byte{1}, buffer.DataBuffer)
					if sent[i] == fairBuffers {
						b = buffer.Unpooled(endOfPartition, buffer.EndOfPartition)
					}
					channels[i].OnBuffer(b, int32(sent[i]), -1)
					sent[i]++
					burst--
					left--
					inGate++
				}
				if inGate == 0 {
					wantNothing(t, f)
					continue
				}
				queued := queuedPerChannel(f.InputGate)
				item := poll(t, f)
				inGate--
				for i, n := range queued {
					if i == item.Channel || n == 0 {
						passedOver[i] = 0
					} else if passedOver[i]++; passedOver[i] >= fairChannels {
						t.Fatalf("channel %d was passed over %d times with %d in it", i, passedOver[i], n)
					}
				}
			}
			wantEnd(t, f)
		})
	}
}

// TestUnionIsFairToItsGates: a gate of three channels and one of twenty get the same number of turns while both have something, and the
// channels of each are served as fairly as in a gate alone.
func TestUnionIsFairToItsGates(t *testing.T) {
	const few, many, each = 3, 20, 10
	p := memory(t, 4, 1)
	small := newFixture(t, Options{Pool: p, Channels: few, Floating: 1})
	large := newFixture(t, Options{Pool: p, Channels: many, Floating: 1})
	u := NewUnion(meter.Monotonic(), nil, small.InputGate, large.InputGate)
	if u.Channels() != few+many {
		t.Fatalf("%d channels, want %d", u.Channels(), few+many)
	}
	for i := range few {
		preload(small.remote(i), each)
	}
	for i := range many {
		preload(large.remote(i), each)
	}
	var turns [2]int
	counts := slices.Repeat([]int{each + 1}, few+many)
	for n := range (few + many) * (each + 1) {
		item := poll(t, u)
		counts[item.Channel]--
		if item.Channel < few {
			turns[0]++
		} else {
			turns[1]++
		}
		if d := turns[0] - turns[1]; turns[0] < few*(each+1) && (d < -1 || d > 1) {
			t.Fatalf("after %d polls the gates had %v turns", n+1, turns)
		}
		for _, part := range [][]int{counts[:few], counts[few:]} {
			if slices.Max(part)-slices.Min(part) > 1 {
				t.Fatalf("after %d polls the channels hold %v", n+1, counts)
			}
		}
	}
	wantEnd(t, u)
	wantEnd(t, u)
}
