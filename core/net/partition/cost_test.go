// cost_test.go: what a record, a buffer and a flush cost, and that none of them allocates.

package partition

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"xbench/core/buffer"
)

// silent is a listener of a reader that polls anyway.
type silent struct{ told int }

func (s *silent) DataAvailable()          { s.told++ }
func (s *silent) DataPending()            { s.told++ }
func (s *silent) Push()                   {}
func (s *silent) PriorityAvailable(int32) {}

// put12 writes a record of 12 bytes as a task does.
func put12(p *ResultPartition, ch int, x uint64) {
	b := p.Builder(ch)
	if room := b.Room(); len(room) >= 12 {
		binary.BigEndian.PutUint32(room, 8)
		binary.BigEndian.PutUint64(room[4:], x)
		b.Advance(12)
		return
	}
	var record [12]byte
	binary.BigEndian.PutUint32(record[:], 8)
	binary.BigEndian.PutUint64(record[4:], x)
	if err := p.Emit(context.Background(), record[:], ch); err != nil {
		panic(err)
	}
}

func drop(v *View) (n int) {
	for {
		p, ok := v.Poll()
		if !ok {
			return n
		}
		n += p.Buffer.Len()
		p.Buffer.Recycle()
	}
}

// bench is a partition and the views of all its subpartitions, on one goroutine.
func bench(b testing.TB, subs, segmentSize int) (*ResultPartition, []*View) {
	global, err := buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: 2*subs + 8, SegmentSize: segmentSize})
	if err != nil {
		b.Fatal(err)
	}
	local, err := global.CreateLocal(buffer.LocalOptions{Required: 2*subs + 8, Subpartitions: subs})
	if err != nil {
		b.Fatal(err)
	}
	p, err := New(Spec{Subpartitions: subs, Pool: local})
	if err != nil {
		b.Fatal(err)
	}
	views := make([]*View, subs)
	for i := range views {
		if views[i], err = p.CreateView(i, &silent{}); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		p.Fail(errTestOver)
		p.Close()
		if err := global.Free(); err != nil {
			b.Error(err)
		}
	})
	return p, views
}

// In the steady state nothing allocates: not a record, not a buffer, not a flush, not a broadcast.
func TestNothingAllocates(t *testing.T) {
	const subs = 4
	p, views := bench(t, subs, 256)
	x := uint64(0)
	for name, step := range map[string]func(){
		"records and buffers": func() {
			for range 100 {
				x++
				put12(p, int(x%subs), x)
			}
		},
		"broadcasts": func() {
			var record [12]byte
			for range 20 {
				if err := p.Broadcast(context.Background(), record[:]); err != nil {
					t.Fatal(err)
				}
			}
		},
		"flushes": func() {
			put12(p, 1, x)
			p.FlushAll()
			p.Idle()
			p.RequestFlush()
			put12(p, 1, x)
			p.RequestFlush()
			put12(p, 2, x)
		},
	} {
		round := func() {
			step()
			for _, v := range views {
				drop(v)
			}
		}
		for range 100 {
			round()
		}
		if n := testing.AllocsPerRun(100, round); n != 0 {
			t.Errorf("%s: %v allocations a round", name, n)
		}
	}
}

// One record of 12 bytes through the builder of one of so many channels, its share of a buffer and of that buffer's poll
// included.
func BenchmarkRecord(b *testing.B) {
	for _, subs := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("channels=%d", subs), func(b *testing.B) {
			p, views := bench(b, subs, 32<<10)
			b.ReportAllocs()
			ch := 0
			for i := range b.N {
				put12(p, ch, uint64(i))
				if ch++; ch == subs {
					ch = 0
				}
				if i&0x1fff == 0 && !p.IsAvailable() || i&0x3fff == 0 {
					for _, v := range views {
						drop(v)
					}
				}
			}
		})
	}
}

// One buffer: taken from the pool, queued, finished, polled, recycled.
func BenchmarkBuffer(b *testing.B) {
	p, views := bench(b, 1, 64)
	record := make([]byte, 64)
	b.ReportAllocs()
	for range b.N {
		if err := p.Emit(context.Background(), record, 0); err != nil {
			b.Fatal(err)
		}
		drop(views[0])
	}
}

// One flush of so many channels, each with one new record, and the polls that it leads to.
func BenchmarkFlush(b *testing.B) {
	for _, subs := range []int{1, 1000} {
		b.Run(fmt.Sprintf("channels=%d", subs), func(b *testing.B) {
			p, views := bench(b, subs, 32<<10)
			b.ReportAllocs()
			for i := range b.N {
				for ch := range subs {
					put12(p, ch, uint64(i))
				}
				p.FlushAll()
				for _, v := range views {
					drop(v)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*subs), "ns/channel")
		})
	}
}
