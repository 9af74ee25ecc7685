// ledger_test.go: books that differ when anything differs, and how that is told.

package harness

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func digestOf(words []uint64) Entry {
	var e Entry
	for _, w := range words {
		e.Word(w)
	}
	return e
}

func TestAnyChangeOfAChannelShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.Uint64(), 1, 50).Draw(t, "words")
		i := rapid.IntRange(0, len(words)-1).Draw(t, "i")
		was := digestOf(words)
		changed := append([]uint64(nil), words...)
		changed[i] ^= rapid.Uint64Min(1).Draw(t, "bits")
		if digestOf(changed) == was {
			t.Fatalf("record %d of %x changed to %x, and the entry is the same", i, words, changed[i])
		}
		lost := append(append([]uint64(nil), words[:i]...), words[i+1:]...)
		if digestOf(lost) == was {
			t.Fatalf("record %d of %x lost, and the entry is the same", i, words)
		}
		j := rapid.IntRange(0, len(words)-1).Draw(t, "j")
		if words[i] != words[j] {
			swapped := append([]uint64(nil), words...)
			swapped[i], swapped[j] = swapped[j], swapped[i]
			if digestOf(swapped) == was {
				t.Fatalf("records %d and %d of %x swapped, and the entry is the same", i, j, words)
			}
		}
	})
}

// Records of nothing but zeros count too.
func TestZerosShow(t *testing.T) {
	if digestOf([]uint64{0, 1}).Digest == digestOf([]uint64{1, 0}).Digest {
		t.Error("a zero has no place in the order")
	}
	if digestOf([]uint64{0}) == digestOf([]uint64{0, 0}) {
		t.Error("a second zero does not show")
	}
}

func TestBytesDependOnContentAndLength(t *testing.T) {
	of := func(payloads ...string) Entry {
		var e Entry
		for _, p := range payloads {
			e.Bytes([]byte(p))
		}
		return e
	}
	if of("ab", "c") == of("a", "bc") || of("ab") == of("ba") || of("") == of("", "") || of("\x00") == of("") {
		t.Error("different payloads, the same entry")
	}
	if a, b := of("ab", "c"), of("ab", "c"); a != b {
		t.Error("the same payloads, different entries")
	}
}

// sending is a source with the channels' records.
func sending(index int, channels ...[]uint64) *finished {
	l := Ledger{}
	for _, words := range channels {
		l.Entries = append(l.Entries, digestOf(words))
	}
	lines := l.lines()
	return &finished{Sources: []sourceReport{{Index: index, Ledger: lines, Sent: countOf(lines)}}}
}

// receiving is a sink that received the channels' records from one source.
func receiving(source int, channels ...[]uint64) *finished {
	s := sending(source, channels...).Sources[0]
	return &finished{Sinks: []sinkReport{{
		Name: "end", Received: s.Sent, Ledgers: []sinkLedger{{Source: source, Entries: s.Ledger}},
	}}}
}

func TestVerification(t *testing.T) {
	sources := map[int]sourceName{0: {Name: "a", Channels: 2}, 1: {Name: "b", Index: 1, Channels: 1}}
	one, other, none := []uint64{1, 2, 3}, []uint64{4}, []uint64(nil)
	overcounted, oversent := receiving(0, one), sending(0, one)
	overcounted.Sinks[0].Received++
	oversent.Sources[0].Sent++
	for name, c := range map[string]struct {
		reports []*finished
		want    string
	}{
		"equal":                       {[]*finished{sending(0, one, other), sending(1, other), receiving(0, one, other), receiving(1, other)}, ""},
		"split over sinks":            {[]*finished{sending(0, one, other), receiving(0, one), receiving(0, none, other)}, ""},
		"nothing at all":              {[]*finished{sending(0), receiving(0)}, ""},
		"lost":                        {[]*finished{sending(0, one, other), receiving(0, one)}, "source a channel 1: 1 records sent, 0 received"},
		"invented":                    {[]*finished{sending(0, none, one), receiving(0, other, one)}, "source a channel 0: 0 records sent, 1 received"},
		"in another channel":          {[]*finished{sending(0, one, other), receiving(0, other, one)}, "source a channel 0: 3 records sent, 1 received; 2 channels differ"},
		"from another source":         {[]*finished{sending(0, one), sending(1, other), receiving(0, other), receiving(1, one)}, "source a channel 0: 3 records sent, 1 received; 2 channels differ"},
		"in another order":            {[]*finished{sending(0, []uint64{1, 2}), receiving(0, []uint64{2, 1})}, "2 records sent, 2 received, but not the same ones in the same order"},
		"in two sinks":                {[]*finished{sending(0, one), receiving(0, one), receiving(0, one)}, "sink end: source a channel 0: records in two ledgers"},
		"in a channel that is none":   {[]*finished{sending(1, one), receiving(1, none, one)}, "sink end: records of source 1 channel 1, which does not exist"},
		"from a source that is none":  {[]*finished{sending(0, one), receiving(7, one)}, "sink end: records of source 7 channel 0, which does not exist"},
		"received more than verified": {[]*finished{sending(0, one), overcounted}, "sink end says that it received 4 records, its ledgers have 3"},
		"sent more than verified":     {[]*finished{oversent, receiving(0, one)}, "source a says that it sent 4 records, its ledger has 3"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if b, err := newBooks(sources, c.reports); err != nil {
				got = err.Error()
			} else {
				got = b.verify(sources)
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func BenchmarkEntryWord(b *testing.B) {
	entries := make([]Entry, 8)
	for i := range uint64(b.N) {
		entries[i&7].Word(i)
	}
}
