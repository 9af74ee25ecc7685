// selector_test.go: where records go, selector by selector, and what a writer says to one that errs.

package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"xbench/core/serde"
)

// picks are a selector's choices for so many records.
func picks(s Selector, n, records int) (got []int) {
	for range records {
		got = append(got, s.Select(serde.Bytes("x"), n))
	}
	return got
}

// TestForwardAndGlobalSelectors: always 0 (Flink: ForwardPartitioner, GlobalPartitioner).
func TestForwardAndGlobalSelectors(t *testing.T) {
	for _, s := range []Selector{Forward{}, Global{}} {
		for _, n := range []int{1, 2, 1024} {
			if got := picks(s, n, 3); !slices.Equal(got, []int{0, 0, 0}) {
				t.Errorf("%T over %d: %v", s, n, got)
			}
		}
	}
}

// TestRoundRobinSelectors: in turn, from channel 0 on (Flink: RoundRobinChannelSelector, RescalePartitioner).
func TestRoundRobinSelectors(t *testing.T) {
	for _, s := range []Selector{&RoundRobin{}, &Rescale{}} {
		if got, want := picks(s, 3, 7), []int{0, 1, 2, 0, 1, 2, 0}; !slices.Equal(got, want) {
			t.Errorf("%T: %v, want %v", s, got, want)
		}
	}
	for _, s := range []Selector{&RoundRobin{}, &Rescale{}, &Rebalance{}, &Shuffle{}} {
		if got := picks(s, 1, 3); !slices.Equal(got, []int{0, 0, 0}) {
			t.Errorf("%T over 1: %v", s, got)
		}
	}
}

// TestRebalanceSelector: in turn, from anywhere on, which the seed decides (Flink: RebalancePartitioner).
func TestRebalanceSelector(t *testing.T) {
	const n = 5
	begins := map[int]int{}
	for seed := range uint64(100) {
		got := picks(&Rebalance{Seed: seed}, n, 2*n+1)
		for i, pick := range got {
			if want := (got[0] + i) % n; pick != want {
				t.Fatalf("seed %d: record %d goes to %d, want %d", seed, i, pick, want)
			}
		}
		if again := picks(&Rebalance{Seed: seed}, n, 1); again[0] != got[0] {
			t.Errorf("seed %d begins at %d and at %d", seed, got[0], again[0])
		}
		begins[got[0]]++
	}
	if len(begins) != n {
		t.Errorf("100 seeds begin at %v, want all of 0 to %d", begins, n-1)
	}
}

// TestShuffleSelector: every channel equally often, none of it by turns, and the same again from the same seed (Flink: ShufflePartitioner).
func TestShuffleSelector(t *testing.T) {
	for _, n := range []int{2, 3, 10, 100} {
		const each = 2000
		got := picks(&Shuffle{Seed: 7}, n, each*n)
		count := make([]int, n)
		repeats := 0
		for i, pick := range got {
			count[pick]++
			if i > 0 && pick == got[i-1] {
				repeats++
			}
		}
		// Six standard deviations of a binomial distribution: sqrt(2000) is 45.
		if least, most := slices.Min(count), slices.Max(count); least < each-6*45 || most > each+6*45 {
			t.Errorf("over %d channels: %d to %d records of %d", n, least, most, each)
		}
		if repeats < each/2 || repeats > 3*each/2 {
			t.Errorf("over %d channels: %d records went where the one before went, want about %d", n, repeats, each)
		}
		if !slices.Equal(got, picks(&Shuffle{Seed: 7}, n, each*n)) || slices.Equal(got, picks(&Shuffle{Seed: 8}, n, each*n)) {
			t.Errorf("over %d channels: the seed does not decide", n)
		}
	}
}

// byText hashes a record whose payload is the key's text.
func byText(hash func(text string) int32) func(r serde.Record) int32 {
	return func(r serde.Record) int32 { return hash(string(r.(serde.Bytes))) }
}

// TestKeyGroupSelector: the channel that owns the key's group (Flink: KeyGroupStreamPartitioner), for keys whose groups a real Flink computed.
func TestKeyGroupSelector(t *testing.T) {
	text, err := os.ReadFile("serde/testdata/keygroups.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Keys []struct {
			Type, Key string
			Hash      int32
			KeyGroup  int `json:"key_group_128"`
		}
	}
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors.Keys) == 0 {
		t.Fatalf("%d keys, %v", len(vectors.Keys), err)
	}
	for _, k := range vectors.Keys {
		for _, n := range []int{1, 2, 3, 4, 7, 85, 128} {
			s := &KeyGroup{Hash: func(serde.Record) int32 { return k.Hash }, MaxParallelism: 128}
			got := s.Select(serde.Bytes(k.Key), n)
			if first, last := serde.KeyGroupRange(got, n, 128); k.KeyGroup < first || k.KeyGroup > last {
				t.Errorf("%s %q, of group %d, goes to channel %d of %d, which owns %d to %d", k.Type, k.Key, k.KeyGroup, got, n, first, last)
			}
		}
	}
	s := &KeyGroup{Hash: byText(serde.HashString)}
	for key, want := range map[string]int{"hello": 1, "key-17": 3} {
		if got := s.Select(serde.Bytes(key), 4); got != want {
			t.Errorf("%q goes to channel %d, want %d", key, got, want)
		}
	}
}

// TestKeyGroupSelectorAsRecorded: 200 keys over four channels, as a recorded Flink job spread them.
func TestKeyGroupSelectorAsRecorded(t *testing.T) {
	text, err := os.ReadFile("net/frame/testdata/captures/elements-long-4ch.expect.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		MaxParallelism int `json:"max_parallelism"`
		Channels       []struct {
			Subpartition int
			Stream       []struct {
				Element string
				Value   int64
			}
		}
	}
	if err := json.Unmarshal(text, &recorded); err != nil || len(recorded.Channels) != 4 {
		t.Fatalf("%d channels, %v", len(recorded.Channels), err)
	}
	s := &KeyGroup{MaxParallelism: recorded.MaxParallelism, Hash: byText(func(text string) int32 {
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return serde.HashLong(v)
	})}
	keys := 0
	for _, ch := range recorded.Channels {
		for _, e := range ch.Stream {
			if e.Element != "record" {
				continue
			}
			keys++
			if got := s.Select(serde.Bytes(strconv.FormatInt(e.Value, 10)), 4); got != ch.Subpartition {
				t.Errorf("%d goes to channel %d, Flink sent it to %d", e.Value, got, ch.Subpartition)
			}
		}
	}
	if keys != 200 {
		t.Errorf("%d keys were recorded, want 200", keys)
	}
}

// TestSelectorsThatCannotServe are refused with the writer, by an error that names them.
func TestSelectorsThatCannotServe(t *testing.T) {
	x := open(t, Options{Segments: 64, SegmentSize: 64})
	hash := byText(serde.HashString)
	for _, c := range []struct {
		name      string
		selector  Selector
		n         int
		broadcast bool
		want      string // in the error; empty: none
	}{
		{"as many groups as channels", &KeyGroup{Hash: hash, MaxParallelism: 5}, 5, false, ""},
		{"the default", &KeyGroup{Hash: hash}, 5, false, ""},
		{"the most", &KeyGroup{Hash: hash, MaxParallelism: 32768}, 5, false, ""},
		{"fewer groups than channels", &KeyGroup{Hash: hash, MaxParallelism: 4}, 5, false, "selector *core.KeyGroup: 5 subpartitions, but MaxParallelism 4"},
		{"too many groups", &KeyGroup{Hash: hash, MaxParallelism: 32769}, 5, false, "MaxParallelism 32769, allowed are at most 32768"},
		{"less than none", &KeyGroup{Hash: hash, MaxParallelism: -1}, 5, false, "5 subpartitions, but MaxParallelism -1"},
		{"more channels than there can be groups", &KeyGroup{Hash: hash}, 32769, false, "32769 subpartitions, but MaxParallelism 32768"},
		{"no hash", &KeyGroup{}, 5, false, "selector *core.KeyGroup: no Hash"},
		{"no function", Custom(nil), 5, false, "selector core.Custom: no function"},
		{"nothing to select", Forward{}, 5, true, "selector core.Forward for a writer that broadcasts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := x.NewWriter(t.Context(), WriterOptions{Subpartitions: c.n, Selector: c.selector, Broadcast: c.broadcast})
			if err == nil {
				w.Close()
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if x.FreeSegments() != 64 {
				t.Errorf("%d of 64 segments are free", x.FreeSegments())
			}
		})
	}
}

// TestSelectorThatPicksWhatIsNotThere: an error that names it, a record that is not sent, and a writer that goes on.
func TestSelectorThatPicksWhatIsNotThere(t *testing.T) {
	x := open(t, Options{Segments: 64, SegmentSize: 64})
	pick := 0
	w := newWriter(t, x, WriterOptions{
		Partition: partitionID(0), Subpartitions: 4, BufferTimeout: FlushNever,
		Selector: Custom(func(_ serde.Record, n int) int { return pick }),
	})
	for _, wrong := range []int{4, -1, 1 << 40, -1 << 63} {
		pick = wrong
		err := w.Emit(textRecord("lost"))
		var fault *SelectorError
		if !errors.As(err, &fault) || fault.Index != wrong || fault.Subpartitions != 4 {
			t.Fatalf("%d: %#v", wrong, err)
		}
		if want := fmt.Sprintf("selector core.Custom picked subpartition %d, allowed are 0 to 3", wrong); !strings.Contains(err.Error(), want) {
			t.Errorf("the message is %q, want %q", err, want)
		}
	}
	pick = 3
	if err := w.Emit(textRecord("sent")); err != nil {
		t.Fatal(err)
	}
	var task sync.WaitGroup
	task.Go(func() {
		defer w.Close()
		if err := w.End(); err != nil {
			t.Error(err)
		}
	})
	r := newReader(t, x, inputs("", 0, 4))
	defer r.Close()
	got, err := readAll(t.Context(), r)
	if err != nil || len(got.payloads) != 1 || !slices.Equal(got.payloads[3], []string{"sent"}) {
		t.Errorf("%v, %v", got.payloads, err)
	}
	task.Wait()
}

// TestSelectorsAllocateNothing: none of them per record.
func TestSelectorsAllocateNothing(t *testing.T) {
	record := &serde.BareRecord[int64]{Serializer: &serde.Long}
	for _, s := range []Selector{
		Forward{}, Global{}, &RoundRobin{}, &Rescale{}, &Rebalance{}, &Shuffle{},
		&KeyGroup{Hash: func(r serde.Record) int32 { return serde.HashLong(r.(*serde.BareRecord[int64]).Value) }},
		Custom(func(_ serde.Record, n int) int { return n - 1 }),
	} {
		if n := testing.AllocsPerRun(100, func() { record.Value++; s.Select(record, 7) }); n > 0 {
			t.Errorf("%T: %v allocations", s, n)
		}
	}
}
