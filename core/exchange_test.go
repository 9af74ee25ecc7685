package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// writers x channels longs through one connection: every value once, in order, on its channel.
func TestLongsArriveInOrder(t *testing.T) {
	for _, c := range []struct {
		writers, channels, records, segmentSize int
		remote                                  bool
		timeout                                 time.Duration
	}{
		{1, 1, 1000, 64, true, FlushAlways},
		{4, 10, 20_000, 4096, true, 100 * time.Millisecond},
		{4, 10, 20_000, 4096, false, 100 * time.Millisecond},
		{2, 3, 5000, 31, true, time.Millisecond},
		{2, 3, 5000, 31, false, FlushNever},
		{4, 100, 200_000, 32 << 10, true, 100 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%dx%d/%dB/remote=%v/%v", c.writers, c.channels, c.segmentSize, c.remote, c.timeout), func(t *testing.T) {
			segments := c.writers*c.channels*4 + 64
			out := open(t, Options{Listen: "127.0.0.1:0", Segments: segments, SegmentSize: c.segmentSize})
			in, address := out, ""
			if c.remote {
				in = open(t, Options{Segments: segments, SegmentSize: c.segmentSize})
				address = out.Addr()
			}
			var gates [][]Input
			for k := range c.writers {
				gates = append(gates, inputs(address, k, c.channels))
			}
			var tasks sync.WaitGroup
			for k := range c.writers {
				w := newWriter(t, out, WriterOptions{Partition: partitionID(k), Subpartitions: c.channels, BufferTimeout: c.timeout})
				tasks.Go(func() {
					defer w.Close()
					for i := range c.records {
						if err := w.EmitLong(i%c.channels, int64(i)); err != nil {
							t.Errorf("writer %d record %d: %v", k, i, err)
							return
						}
					}
					if err := w.End(); err != nil {
						t.Errorf("writer %d: end: %v", k, err)
					}
				})
			}
			r := newReader(t, in, gates...)
			next := make([]int64, r.Channels())
			total := 0
			for {
				a, err := r.Advance(t.Context())
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for {
					p, ok, err := r.Next()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					want := next[a.Channel]*int64(c.channels) + int64(a.Channel%c.channels)
					if got := int64(binary.BigEndian.Uint64(p)); got != want {
						t.Fatalf("channel %d: got %d, want %d", a.Channel, got, want)
					}
					next[a.Channel]++
					total++
				}
			}
			r.Close()
			tasks.Wait()
			if want := c.writers * c.records; total != want {
				t.Errorf("%d records arrived of %d", total, want)
			}
		})
	}
}
