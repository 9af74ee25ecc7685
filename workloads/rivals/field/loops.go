// loops.go: what the processor does at best: copying, and the record loops of this package without a transport.

package field

import (
	"time"

	"xbench/harness"
	"xbench/harness/pace"
)

// Loops are the limits of one processor.
type Loops struct {
	CopyInCache    float64 // bytes per second of memcpy, batch to batch
	CopyOutOfCache float64 // and between areas that fit into no cache
	EncodeNs       float64 // per record, into a batch in cache
	DecodeNs       float64 // per record, checked as a sink does
}

// Each loop runs loopRepeats times for loopTime, and the fastest one counts: it is a limit.
const (
	loopRepeats = 5
	loopTime    = 4 * time.Millisecond
	farApart    = 64 << 20
)

// MeasureLoops measures them for records of a size.
func MeasureLoops(size int) Loops {
	a, b := make([]byte, farApart), make([]byte, farApart)
	copy(b, a) // every page is there
	near := perStep(func() { copy(a[:batchSize], b[:batchSize]) })
	far := perStep(func() { copy(a, b) })
	return Loops{
		CopyInCache: batchSize / near * 1e9, CopyOutOfCache: farApart / far * 1e9,
		EncodeNs: encodeNs(size), DecodeNs: decodeNs(size),
	}
}

// perStep is how many nanoseconds a step takes.
func perStep(step func()) float64 {
	best := 0.0
	for range loopRepeats {
		n := 0
		start := time.Now()
		for time.Since(start) < loopTime {
			step()
			n++
		}
		if ns := float64(time.Since(start)) / float64(n); best == 0 || ns < best {
			best = ns
		}
	}
	return best
}

// discard is a channel that takes everything for sent.
type discard struct{ transport }

func (discard) write(batch []byte) ([]byte, error) { return batch, nil }
func (discard) end() error                         { return nil }
func (discard) flush() error                       { return nil }

func encodeNs(size int) float64 {
	s := Spec{Writers: 1, Channels: 1, Consumers: 1, Size: size, Timeout: time.Second}
	source := source{spec: s, out: newBatches(s, discard{}, []channel{discard{}}, make([]harness.Entry, 1))}
	return perStep(func() {
		if err := source.some(chunk, 0); err != nil {
			panic("field: nothing was written and yet: " + err.Error())
		}
	}) / chunk
}

func decodeNs(size int) float64 {
	s := Spec{Writers: 1, Channels: 1, Consumers: 1, Size: size, Timeout: time.Second}
	batch := newBatches(s, discard{}, []channel{discard{}}, make([]harness.Entry, 1))
	records := batchSize / (lengthSize + size)
	if err := (&source{spec: s, out: batch}).some(records, 0); err != nil {
		panic("field: nothing was written and yet: " + err.Error())
	}
	full := batch.open[0].mem[:batch.open[0].n]
	b := newBooks(harness.Plan{}, s)
	b.join(0, harness.NewSinkTask(pace.Monotonic(), harness.Window{}))
	return perStep(func() {
		b.channels[0].entry = harness.Entry{}
		b.take(0, full)
	}) / float64(records)
}
