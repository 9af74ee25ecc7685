// debloat.go: how large buffers should be so that what is in flight is consumed in a given time. Arithmetic only.

package gate

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"xbench/core/meter"
)

// DebloatOptions are Flink's taskmanager.network.memory.buffer-debloat.*: the zero value of a field means its default.
type DebloatOptions struct {
	Target    time.Duration // how long the buffers in flight should take to consume; 1 s
	Period    time.Duration // between two looks; 200 ms
	Samples   int           // over how many looks the size is smoothed; 20
	Threshold float64       // a smaller change, relative to the last announced size, is not announced; 0.25
	Min       int           // bytes; 256
	Start     int           // bytes; 1024
}

func (o DebloatOptions) complete(segmentSize int) DebloatOptions {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if o.Target == 0 {
		o.Target = time.Second
	}
	if o.Period == 0 {
		o.Period = 200 * time.Millisecond
	}
	if o.Threshold == 0 {
		o.Threshold = 0.25
	}
	set(&o.Samples, 20)
	set(&o.Min, 256)
	set(&o.Start, 1024)
	o.Min = min(o.Min, segmentSize)
	o.Start = min(max(o.Start, o.Min), segmentSize)
	return o
}

// sizeAverage is the exponential moving average of a buffer size (Flink: BufferSizeEMA). It keeps fractions, so that it moves also by less than
// a byte a step.
type sizeAverage struct {
	last     float64
	alpha    float64
	min, max float64
}

func newSizeAverage(start, least, most, samples int) sizeAverage {
	return sizeAverage{last: float64(start), alpha: 2 / (float64(samples) + 1), min: float64(least), max: float64(most)}
}

// next moves towards totalBytes shared by so many buffers, at most twice the last size in one step.
func (a *sizeAverage) next(totalBytes int64, buffers int) int {
	if totalBytes < 0 || buffers <= 0 {
		panic(fmt.Sprintf("gate: a size for %d bytes in %d buffers", totalBytes, buffers))
	}
	desired := min(float64(totalBytes)/float64(buffers), 2*a.last)
	a.last += a.alpha * (desired - a.last)
	a.last = min(max(a.last, a.min), a.max)
	return int(math.Round(a.last))
}

// debloater decides which size to announce (Flink: BufferDebloater).
type debloater struct {
	o         DebloatOptions
	size      sizeAverage
	most      int
	announced int

	timeToConsume time.Duration // of the buffers in flight, as of the last look
}

func newDebloater(o DebloatOptions, segmentSize int) debloater {
	o = o.complete(segmentSize)
	return debloater{o: o, size: newSizeAverage(o.Start, o.Min, segmentSize, o.Samples), most: segmentSize, announced: o.Start}
}

// next takes the throughput in bytes per second and the number of buffers in use, and returns the new size and whether to announce it.
func (d *debloater) next(throughput int64, buffers int) (size int, announce bool) {
	buffers = max(1, buffers)
	total := int64(float64(throughput) * d.o.Target.Seconds())
	size = d.size.next(total, buffers)
	d.timeToConsume = time.Duration(float64(size) * float64(buffers) / float64(max(1, throughput)) * float64(time.Second))
	if d.skip(size) {
		return size, false
	}
	d.announced = size
	return size, true
}

// skip reports whether a size is too close to the announced one. The ends of the range are always worth an announcement, once.
func (d *debloater) skip(size int) bool {
	if size == d.announced {
		return true
	}
	if size <= d.o.Min || size >= d.most {
		return false
	}
	return math.Abs(float64(size-d.announced)) < float64(d.announced)*d.o.Threshold
}

// sizing is what a gate with debloating keeps. It belongs to the gate's task, but for what others read of it.
type sizing struct {
	debloater
	throughput throughput
	due        meter.Time // of the next look; 0: the start size has not been announced

	size          atomic.Int64 // bytes, as of the last look
	toConsumeNano atomic.Int64
}

func newSizing(o DebloatOptions, segmentSize int) *sizing {
	s := &sizing{debloater: newDebloater(o, segmentSize), throughput: newThroughput()}
	s.size.Store(int64(s.announced))
	return s
}

// debloat counts bytes that were polled, and when a look is due, computes a size and announces it.
func (g *InputGate) debloat(bytes int) {
	s, now := g.sizing, g.o.Clock()
	s.throughput.data(bytes, now)
	if s.due == 0 {
		s.due = now.Add(s.o.Period)
		g.SetBufferSize(s.announced)
	}
	if now < s.due {
		return
	}
	s.due = now.Add(s.o.Period)
	inUse := 0
	for _, c := range g.channels {
		inUse += c.inUse()
	}
	size, announce := s.next(s.throughput.take(now), inUse)
	s.size.Store(int64(size))
	s.toConsumeNano.Store(int64(s.timeToConsume))
	if announce {
		g.SetBufferSize(size)
	}
}

// BufferSize is the buffer size in bytes that debloating arrived at last (Flink: debloatedBufferSize); the segment size without it. Anybody may call it.
func (g *InputGate) BufferSize() int {
	if g.sizing == nil {
		return g.o.Pool.SegmentSize()
	}
	return int(g.sizing.size.Load())
}

// TimeToConsume is how long the buffers in flight will take to consume, as of the last look (Flink: estimatedTimeToConsumeBuffersMs); 0 without
// debloating. Anybody may call it.
func (g *InputGate) TimeToConsume() time.Duration {
	if g.sizing == nil {
		return 0
	}
	return time.Duration(g.sizing.toConsumeNano.Load())
}

// throughput measures bytes per second over the time in which there was something to do (Flink: ThroughputCalculator).
type throughput struct {
	bytes   int64
	busy    time.Duration
	since   meter.Time // of the running measurement; meaningless while idle
	idle    bool
	current int64
}

func newThroughput() throughput { return throughput{idle: true} }

// data counts bytes that were polled; the clock of an idle measurement runs again.
func (t *throughput) data(bytes int, now meter.Time) {
	if t.idle {
		t.idle, t.since = false, now
	}
	t.bytes += int64(bytes)
}

// pause stops the clock: a poll found nothing.
func (t *throughput) pause(now meter.Time) {
	if !t.idle {
		t.busy += now.Sub(t.since)
		t.idle = true
	}
}

// take ends the measurement and begins the next one. Where no time was measured the value before stays.
func (t *throughput) take(now meter.Time) int64 {
	if !t.idle {
		t.busy += now.Sub(t.since)
		t.since = now
	}
	if t.busy > 0 {
		t.current = int64(float64(t.bytes) / t.busy.Seconds())
	}
	t.bytes, t.busy = 0, 0
	return t.current
}
