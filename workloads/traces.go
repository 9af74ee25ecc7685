// traces.go: recorded traces, embedded or in files, as what a source sends.

package workloads

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"path"
	"strings"
	"time"

	"xbench/core/serde"
	"xbench/harness/pace"
	"xbench/harness/trace"
)

// flights.xtrace: 20,000 flights in the United States, January to March 2001, keyed by airport of origin; made
// from testdata/flights-20k.json.gz, where the data comes from the U.S. Bureau of Transportation Statistics.
//
//go:embed traces/*.xtrace
var traceFiles embed.FS

// traceMemoryMax bounds what a replayed trace may need in memory: sources hold all of it, so that nothing is read while they are timed.
const traceMemoryMax = 4 << 30

// embeddedTraces names the traces that every binary has.
func embeddedTraces() string {
	files, err := fs.Glob(traceFiles, "traces/*.xtrace")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".xtrace")
	}
	return strings.Join(files, ", ")
}

// traceFile is a trace that is open.
type traceFile interface {
	io.Reader
	io.ReaderAt
	io.Closer
}

// openTrace opens an embedded trace by its name, or else a file.
func openTrace(name string) (traceFile, int64, error) {
	if embedded, err := traceFiles.ReadFile("traces/" + name + ".xtrace"); err == nil {
		return struct {
			*bytes.Reader
			io.Closer
		}{bytes.NewReader(embedded), io.NopCloser(nil)}, int64(len(embedded)), nil
	}
	f, err := os.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, 0, fmt.Errorf("no trace is called %q, and no file: embedded is %s", name, embeddedTraces())
		}
		return nil, 0, err
	}
	s, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, s.Size(), nil
}

// traceRate is the mean rate, in records per second, at which the trace of l is replayed within a time.
func traceRate(l Load, within time.Duration) (float64, error) {
	f, size, err := openTrace(l.Trace)
	if err != nil {
		return 0, &KeyError{Key: "trace", Err: err}
	}
	defer f.Close()
	x, err := trace.ReadIndex(f, size)
	if err != nil {
		return 0, &KeyError{Key: "trace", Err: fmt.Errorf("%s: %w", l.Trace, err)}
	}
	if x.Events == 0 {
		return 0, keyError("trace", "%s: it holds no event", l.Trace)
	}
	if span := x.Blocks[len(x.Blocks)-1].End.Seconds(); l.Speed > 0 && span > 0 {
		return float64(x.Events) / span * l.Speed, nil
	}
	return float64(x.Events) / within.Seconds(), nil
}

// recording is one writer's part of a trace.
type recording struct {
	times    pace.Times // since the begin of the replay
	channels []uint16
	payloads [][]byte // nil where none was recorded
	sizes    []int
	sizeMax  int
}

// loadRecording reads what writer number index sends of the trace of l, to be replayed within a time: all events of its
// keys, so that those of one key stay in order.
func loadRecording(l Load, index int, within time.Duration) (*recording, error) {
	f, _, err := openTrace(l.Trace)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := trace.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.Trace, err)
	}
	rec := &recording{}
	groups := serde.DefaultMaxParallelism(l.Channels)
	routes := map[string]route{}
	last, memory := time.Duration(0), 0
	for r.Next() {
		e := r.Event()
		last = e.Time
		to, known := routes[e.Key]
		if !known {
			to = routeOf(e.Key, l, groups)
			routes[e.Key] = to
			memory += len(e.Key) + 64
		}
		if to.writer != index {
			continue
		}
		if e.Size > sizeMaxBytes {
			return nil, fmt.Errorf("%s: event %d has %d bytes, at most %d can be sent", l.Trace, r.Events(), e.Size, sizeMaxBytes)
		}
		if memory += 64 + len(e.Payload); memory > traceMemoryMax {
			return nil, fmt.Errorf("%s: event %d: replaying it needs more than %d MiB of memory", l.Trace, r.Events(), traceMemoryMax>>20)
		}
		rec.times = append(rec.times, e.Time)
		rec.channels = append(rec.channels, uint16(to.channel))
		rec.payloads = append(rec.payloads, bytes.Clone(e.Payload))
		rec.sizes = append(rec.sizes, int(e.Size))
		rec.sizeMax = max(rec.sizeMax, int(e.Size), len(e.Payload))
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", l.Trace, err)
	}
	rec.scale(l.Speed, last, r.Events(), within)
	return rec, nil
}

// route is where the events of a key go.
type route struct{ writer, channel int }

// routeOf is the channel that owns the key's group, and a writer by other bits of the same hash.
func routeOf(key string, l Load, groups int) route {
	hash := serde.HashString(key)
	spread := uint64(uint32(serde.Murmur(^hash))) // 31 bits
	return route{writer: int(spread * uint64(l.Writers) >> 31), channel: serde.ChannelOfKey(hash, groups, l.Channels)}
}

// scale brings the times from those of the recording to those of the replay. Without a speed, the whole trace fits exactly: the last of
// its events comes one mean interval before the end.
func (r *recording) scale(speed float64, last time.Duration, events uint64, within time.Duration) {
	if speed > 0 {
		for i, t := range r.times {
			if scaled := float64(t) / speed; scaled < math.MaxInt64 {
				r.times[i] = time.Duration(scaled)
			} else {
				r.times[i] = pace.Never
			}
		}
		return
	}
	// due = time * within / (last + last/(events-1)), exactly
	denominator := max(uint64(last), 1)
	if events > 1 {
		denominator += max(denominator/(events-1), 1)
	}
	for i, t := range r.times {
		hi, lo := bits.Mul64(uint64(t), uint64(within))
		due, _ := bits.Div64(hi, lo, denominator)
		r.times[i] = time.Duration(due)
	}
}
