// verify.go: whether every record arrived once, in order and unchanged.

package harness

import (
	"fmt"
	"slices"
)

// books are the ledgers of all workers of a trial.
type books struct {
	sent     map[place]Entry
	received map[place]Entry
}

// place is one channel of one source.
type place struct{ source, channel int }

// newBooks collects the ledgers. An error is a driver's contradiction: channels that do not
// exist, or that two sinks received from.
func newBooks(sources map[int]sourceName, reports []*finished) (*books, error) {
	b := &books{sent: map[place]Entry{}, received: map[place]Entry{}}
	for _, r := range reports {
		for _, s := range r.Sources {
			if err := enter(b.sent, sources, s.Index, s.Ledger); err != nil {
				return nil, err
			}
			if total := countOf(s.Ledger); s.Sent != total {
				return nil, fmt.Errorf("source %s says that it sent %d records, its ledger has %d", sources[s.Index].Name, s.Sent, total)
			}
		}
		for _, s := range r.Sinks {
			total := uint64(0)
			for _, l := range s.Ledgers {
				if err := enter(b.received, sources, l.Source, l.Entries); err != nil {
					return nil, fmt.Errorf("sink %s: %w", s.Name, err)
				}
				total += countOf(l.Entries)
			}
			if s.Received != total {
				return nil, fmt.Errorf("sink %s says that it received %d records, its ledgers have %d", s.Name, s.Received, total)
			}
		}
	}
	return b, nil
}

func countOf(lines []entryLine) (n uint64) {
	for _, l := range lines {
		n += l[1]
	}
	return n
}

func enter(books map[place]Entry, sources map[int]sourceName, source int, lines []entryLine) error {
	for _, l := range lines {
		if l[0] >= uint64(sources[source].Channels) {
			return fmt.Errorf("records of source %d channel %d, which does not exist", source, l[0])
		}
		at := place{source, int(l[0])}
		if _, taken := books[at]; taken {
			return fmt.Errorf("%s: records in two ledgers", at.in(sources))
		}
		books[at] = Entry{Count: l[1], Digest: l[2]}
	}
	return nil
}

// in names the channel.
func (p place) in(sources map[int]sourceName) string {
	return fmt.Sprintf("source %s channel %d", sources[p.source].Name, p.channel)
}

// verify says how the books differ: the first channel, and how many there are. "" when they agree.
func (b *books) verify(sources map[int]sourceName) string {
	var wrong []place
	for at, sent := range b.sent {
		if b.received[at] != sent {
			wrong = append(wrong, at)
		}
	}
	for at := range b.received {
		if _, known := b.sent[at]; !known {
			wrong = append(wrong, at)
		}
	}
	if len(wrong) == 0 {
		return ""
	}
	at := slices.MinFunc(wrong, func(a, b place) int {
		if a.source != b.source {
			return a.source - b.source
		}
		return a.channel - b.channel
	})
	sent, received := b.sent[at].Count, b.received[at].Count
	reason := fmt.Sprintf("%s: %d records sent, %d received", at.in(sources), sent, received)
	if sent == received {
		reason += ", but not the same ones in the same order"
	}
	if len(wrong) > 1 {
		reason += fmt.Sprintf("; %d channels differ", len(wrong))
	}
	return reason
}

// totals are the records of all channels.
func (b *books) totals() (sent, received uint64) {
	for _, e := range b.sent {
		sent += e.Count
	}
	for _, e := range b.received {
		received += e.Count
	}
	return sent, received
}
