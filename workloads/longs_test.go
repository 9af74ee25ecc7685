// longs_test.go: that no record of workload longs can be lost, doubled, moved or changed unnoticed, and what its spreads send.

package workloads

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"xbench/core"
	"xbench/core/net/frame"
	"xbench/core/serde"
	"xbench/harness"
	"xbench/harness/pace"
)

// longsParams are those of a stream of two channels.
func longsParams(size int, spread string) Params {
	p := NewCase("longs").Params
	p.Workload, p.Size, p.Spread, p.Channels = Longs, size, spread, 2
	return p
}

// bench is an exchange through which tests send what they like.
type bench struct {
	t          *testing.T
	x          *core.Exchange
	partitions int
}

func newBench(t *testing.T) *bench {
	x, err := core.Open(core.Options{Segments: 32, SegmentSize: 256})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return &bench{t: t, x: x}
}

// pair is a writer and the reader of its channels.
func (b *bench) pair(p Params) (*core.Writer, *core.Reader) {
	b.partitions++
	id := frame.ResultPartitionID{Partition: frame.NewPartitionID([16]byte{1}, int32(b.partitions))}
	w, err := b.x.NewWriter(b.t.Context(), core.WriterOptions{Partition: id, Subpartitions: p.Channels, Broadcast: p.Spread == Broadcast})
	if err != nil {
		b.t.Fatal(err)
	}
	var gate []core.Input
	for ch := range p.Channels {
		gate = append(gate, core.Input{Partition: id, Subpartition: ch})
	}
	r, err := b.x.NewReader(b.t.Context(), core.ReaderOptions{Gates: [][]core.Input{gate}})
	if err != nil {
		b.t.Fatal(err)
	}
	return w, r
}

// honest is what longs sends in some batches, by channel, and what it enters into the books.
func (b *bench) honest(p Params) (records [][][]byte, books []harness.Entry) {
	w, r := b.pair(p)
	books = make([]harness.Entry, p.Channels)
	sent := make(chan error, 1)
	go func() {
		defer w.Close()
		l := newLongs(p, 0, w, books)
		var err error
		for i := range 5 {
			err = errors.Join(err, l.stamp(int64(1000+i)), l.send(6))
		}
		l.enter()
		sent <- errors.Join(err, w.End())
	}()
	records = make([][][]byte, p.Channels)
	for {
		a, err := r.Advance(b.t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.t.Fatal(err)
		}
		for payload, ok, _ := r.Next(); ok; payload, ok, _ = r.Next() {
			records[a.Channel] = append(records[a.Channel], bytes.Clone(payload))
		}
	}
	r.Close()
	if err := <-sent; err != nil {
		b.t.Fatal(err)
	}
	return records, books
}

// receive sends records to a sink of ours, and tells what it says and what it has in its books.
func (b *bench) receive(p Params, records [][][]byte) ([]harness.Entry, error) {
	plain := p
	plain.Spread = RoundRobin // a broadcast cannot send differing records
	w, r := b.pair(plain)
	var writer sync.WaitGroup
	writer.Go(func() {
		defer w.Close()
		for ch := range records {
			for _, payload := range records[ch] {
				if w.EmitTo(ch, serde.Bytes(payload)) != nil {
					return // the sink has left
				}
			}
		}
		_ = w.End()
	})
	s := &sink{p: p, in: r, witness: &witness{producer: "127.0.0.1:1"}}
	for ch := range p.Channels {
		first := firstLong(0, ch, p.Spread)
		s.channels = append(s.channels, channel{origin: origin{0, ch}, index: ch, first: first, next: first})
	}
	t := harness.NewSinkTask(pace.Monotonic(), harness.Window{})
	err := s.run(b.t.Context(), t)
	if err != nil {
		w.Fail(err)
	}
	writer.Wait()
	return t.Ledger(0, p.Channels).Entries, err
}

// Whatever happens to one record, the sink says so, or its books are not those of the source.
func TestNoLongGoesWrongUnnoticed(t *testing.T) {
	harm := map[string]func(of [][]byte, i int, other [][]byte) [][]byte{
		"lost":    func(of [][]byte, i int, _ [][]byte) [][]byte { return slices.Delete(of, i, i+1) },
		"doubled": func(of [][]byte, i int, _ [][]byte) [][]byte { return slices.Insert(of, i, of[i]) },
		"swapped": func(of [][]byte, i int, _ [][]byte) [][]byte {
			j := (i + 1) % len(of)
			of[i], of[j] = of[j], of[i]
			return of
		},
		"changed": func(of [][]byte, i int, _ [][]byte) [][]byte {
			of[i] = bytes.Clone(of[i])
			of[i][i%longBytes] ^= 1 << (i % 8)
			return of
		},
		"changed at its end": func(of [][]byte, i int, _ [][]byte) [][]byte {
			of[i] = bytes.Clone(of[i])
			of[i][len(of[i])-1] ^= 0x10
			return of
		},
		"cut short": func(of [][]byte, i int, _ [][]byte) [][]byte {
			of[i] = of[i][:len(of[i])-1]
			return of
		},
		"another channel's": func(of [][]byte, i int, other [][]byte) [][]byte {
			of[i] = other[min(i, len(other)-1)]
			return of
		},
	}
	b := newBench(t)
	for _, p := range []Params{longsParams(8, RoundRobin), longsParams(24, RoundRobin), longsParams(8, Skew), longsParams(8, Broadcast)} {
		records, books := b.honest(p)
		got, err := b.receive(p, records)
		if err != nil || !slices.Equal(got, books) {
			t.Fatalf("%s of %d bytes, unharmed: %v, %v, want %v", p.Spread, p.Size, err, got, books)
		}
		for what, do := range harm {
			if what == "another channel's" && p.Spread == Broadcast {
				continue // it is the same
			}
			for ch := range records {
				if what == "swapped" && len(records[ch]) == 1 {
					continue // with itself
				}
				for i := range records[ch] {
					harmed := [][][]byte{records[0], records[1]}
					harmed[ch] = do(slices.Clone(records[ch]), i, records[1-ch])
					if got, err := b.receive(p, harmed); err == nil && slices.Equal(got, books) {
						t.Errorf("%s of %d bytes: record %d of channel %d was %s, and nobody noticed", p.Spread, p.Size, i, ch, what)
					}
				}
			}
		}
	}
}

// The error says where, what came and what should have.
func TestAWrongLongIsNamed(t *testing.T) {
	b := newBench(t)
	p := longsParams(8, RoundRobin)
	records, _ := b.honest(p)
	records[1] = slices.Delete(records[1], 2, 4)
	_, err := b.receive(p, records)
	if want := "reader 0: channel 1 of writer 0: record 2 has value 0x200000004, want 0x200000002: 2 records are missing"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// What each spread sends to which channel, and that its books have it.
func TestSpreads(t *testing.T) {
	for _, c := range []struct {
		spread string
		counts []uint64 // of 35 records to 3 channels
	}{
		{RoundRobin, []uint64{12, 12, 11}},
		{Skew, []uint64{33, 1, 1}},
		{Broadcast, []uint64{35, 35, 35}},
	} {
		p := longsParams(8, c.spread)
		p.Channels = 3
		records, books := newBench(t).honest(p)
		for ch, want := range c.counts {
			if n := uint64(len(records[ch])); n != want || books[ch].Count != want {
				t.Errorf("%s: channel %d got %d records, the books say %d, want %d", c.spread, ch, n, books[ch].Count, want)
			}
		}
	}
}
