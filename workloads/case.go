// case.go: one workload with all its parameters, and what of them goes to the harness.

package workloads

import (
	"encoding/json"
	"fmt"
	"time"

	"xbench/core"
	"xbench/harness"
)

// Case is one workload with its parameters. NewCase fills in the defaults, Set changes one as a suite or a flag says, Plan
// checks them together.
type Case struct {
	Name      string
	Driver    string
	Processes int
	Trials    int
	Seed      uint64
	Warmup    time.Duration
	Duration  time.Duration
	Params
}

// Params are the part of a case that its driver is told.
type Params struct {
	Load
	Exchange
}

// Load is what is sent, when, and by how many to how many.
type Load struct {
	Workload string  `json:"workload"`        // Longs, Rounds, Keyed or Trace
	Rate     uint64  `json:"rate"`            // records per second of all writers together; 0: closed loop
	Size     int     `json:"size"`            // of a payload, bytes; SizeAuto in a Case: as is usual for the workload
	Spread   string  `json:"spread"`          // over a writer's channels: RoundRobin, Broadcast or Skew; Longs and Rounds
	Round    int     `json:"round,omitempty"` // records of a round; Rounds
	Burst    int     `json:"burst,omitempty"` // records of a writer that are due together; Longs at a rate
	Keys     string  `json:"keys"`            // their distribution: Zipf, Uniform or Sequential; Keyed
	KeyCount int     `json:"key_count"`       // different ones; Keyed
	KeySkew  float64 `json:"key_skew"`        // exponent of Zipf
	Trace    string  `json:"trace,omitempty"` // name of an embedded one, or a path; Trace
	Speed    float64 `json:"speed"`           // of a trace's time; 0: as fast as makes it fit warm-up and duration; Trace
	Writers  int     `json:"writers"`         // each with a partition
	Channels int     `json:"channels"`        // subpartitions of each partition
	Readers  int     `json:"readers"`         // that share the channels, or the writers
	Share    string  `json:"share"`           // what the readers share out: ByChannel or ByWriter

	// The last Stalled readers stand still once, for Stall, beginning StallAt after the measured time has begun.
	Stalled int           `json:"stalled,omitempty"`
	Stall   time.Duration `json:"stall_ns,omitempty"`
	StallAt time.Duration `json:"stall_at_ns,omitempty"`
}

// How readers share what there is to read.
const (
	ByChannel = "channels" // of every writer's channels each reader has some
	ByWriter  = "writers"  // each reader has some writers, and all of their channels
)

// Exchange is how the exchange is set up: the same on both sides.
type Exchange struct {
	Segments      int           `json:"segments"`     // 0: as many as Flink's benchmark has
	SegmentSize   int           `json:"segment_size"` // bytes
	Exclusive     int           `json:"exclusive"`    // buffers per channel
	Floating      int           `json:"floating"`     // buffers per gate
	BufferTimeout time.Duration `json:"buffer_timeout_ns"`
	Listen        string        `json:"listen"`
	Connections   int           `json:"connections"`          // of the process with the sinks
	TLS           bool          `json:"tls,omitempty"`        // mutual, with a key that is no secret
	Congestion    string        `json:"congestion,omitempty"` // TCP's, of the data sockets; "": the machine's default
}

// The workloads.
const (
	Longs  = "longs"
	Rounds = "latency"
	Keyed  = "keyed"
	Trace  = "trace"
)

// SizeAuto stands for the size that is usual for the workload.
const SizeAuto = -1

// usualSize is what SizeAuto means: a long, or something like an event.
func usualSize(workload string) int {
	if workload == Longs || workload == Rounds {
		return longBytes
	}
	return 100
}

// Limits of parameters. They keep a slip of the pen from taking all memory.
const (
	sizeMaxBytes   = 64 << 20
	longMaxBytes   = 1 << 20
	roundMax       = 1 << 20 // and of a burst
	connectionsMax = 64
	keyCountMax    = 1 << 22
	parallelismMax = 1 << 15 // Flink's: a channel is found by its key group
)

// NewCase is a case with the defaults of everything.
func NewCase(name string) Case {
	return Case{
		Name: name, Driver: "exchange", Processes: 2, Trials: 1, Seed: 1,
		Warmup: time.Second, Duration: 10 * time.Second,
		Params: Params{
			Load: Load{Workload: Keyed, Size: SizeAuto, Spread: RoundRobin, Round: 100, Burst: 1, Keys: Zipf, KeyCount: 10_000, KeySkew: 1, Writers: 1, Channels: 4, Readers: 1, Share: ByChannel},
			Exchange: Exchange{
				SegmentSize: core.DefaultSegmentSize, Exclusive: core.DefaultExclusive, Floating: core.DefaultFloating,
				BufferTimeout: core.DefaultBufferTimeout, Listen: "127.0.0.1:0", Connections: 1,
			},
		},
	}
}

// KeyError says that a parameter is wrong, and which one.
type KeyError struct {
	Key string // as in a suite
	Err error
}

func (e *KeyError) Error() string { return e.Key + ": " + e.Err.Error() }

func (e *KeyError) Unwrap() error { return e.Err }

func keyError(key, format string, args ...any) error {
	return &KeyError{Key: key, Err: fmt.Errorf(format, args...)}
}

// Plan checks the parameters against each other, and says what the harness has to know of them. What is wrong is a *KeyError.
func (c Case) Plan() (harness.Case, error) {
	if c.Size == SizeAuto {
		c.Size = usualSize(c.Workload)
	}
	if c.Workload != Rounds {
		c.Round = 0
	}
	if c.Workload != Longs || c.Rate == 0 {
		if c.Burst != 1 {
			return harness.Case{}, keyError("burst", "only longs at a rate come in bursts")
		}
		c.Burst = 0
	}
	if err := c.check(); err != nil {
		return harness.Case{}, err
	}
	planned := harness.Case{
		Name: c.Name, Driver: c.Driver, Processes: c.Processes, Trials: c.Trials, Seed: c.Seed,
		Loop: harness.Closed, Warmup: c.Warmup, Duration: c.Duration,
	}
	if c.Rate > 0 {
		planned.Loop, planned.Rate = harness.Open, float64(c.Rate)
	}
	if c.Workload == Trace {
		rate, err := traceRate(c.Load, c.Warmup+c.Duration)
		if err != nil {
			return harness.Case{}, err
		}
		planned.Loop, planned.Rate, planned.Trace = harness.Open, rate, c.Trace
	}
	var err error
	if planned.Params, err = json.Marshal(c.Params); err != nil {
		return harness.Case{}, fmt.Errorf("case %s: %w", c.Name, err)
	}
	return planned, nil
}

// check finds parameters that make no sense, alone or together.
func (c Case) check() error {
	if Drivers()[c.Driver] == nil {
		return keyError("driver", "no driver is called %q", c.Driver)
	}
	for _, r := range []struct {
		key              string
		value, low, high int
	}{
		{"processes", c.Processes, 1, 2},
		{"trials", c.Trials, 1, 10_000},
		{"writers", c.Writers, 1, parallelismMax},
		{"channels", c.Channels, 1, parallelismMax},
		{"readers", c.Readers, 1, c.shares()},
		{"stalled", c.Stalled, 0, c.Readers},
		{"size", c.Size, 0, sizeMaxBytes},
		{"burst", c.Burst, 0, roundMax},
		{"connections", c.Connections, 1, connectionsMax},
		{"key-count", c.KeyCount, 1, keyCountMax},
		{"segments", c.Segments, 0, 1 << 24},
		{"segment-size", c.SegmentSize, 64, 1 << 26},
		{"exclusive", c.Exclusive, 0, 1 << 16},
		{"floating", c.Floating, 1, 1 << 16},
	} {
		if r.value < r.low || r.value > r.high {
			return keyError(r.key, "%d, between %d and %d are possible", r.value, r.low, r.high)
		}
	}
	if c.Duration <= 0 {
		return keyError("duration", "%v: nothing would be measured", c.Duration)
	}
	if t := c.BufferTimeout; t != core.FlushNever && t != core.FlushAlways && t < time.Millisecond {
		return keyError("buffer-timeout", "%v: below 1ms, only 0 (every record) is possible", t)
	}
	if c.Stalled > 0 && c.Stall == 0 {
		return keyError("stalled", "%d readers stand still for no time: stall says for how long", c.Stalled)
	}
	return c.checkLoad()
}

// shares is how many readers there can be.
func (c Case) shares() int {
	if c.Share == ByWriter {
		return c.Writers
	}
	return c.Channels
}

func (c Case) checkLoad() error {
	switch c.Workload {
	case Longs, Rounds:
		if err := c.checkLongs(); err != nil {
			return err
		}
	case Keyed:
		if c.Trace != "" {
			return keyError("trace", "only workload trace replays one")
		}
	case Trace:
		switch {
		case c.Trace == "":
			return keyError("trace", "workload trace needs one: %s, or a file", embeddedTraces())
		case c.Rate != 0:
			return keyError("rate", "a trace has times of its own: change speed, or duration")
		}
	}
	if c.Spread != RoundRobin && c.Workload != Longs && c.Workload != Rounds {
		return keyError("spread", "workload %s spreads its records by their keys", c.Workload)
	}
	if c.Speed != 0 && c.Workload != Trace {
		return keyError("speed", "only a trace has times of its own")
	}
	return nil
}

// checkLongs checks what is special about workloads longs and latency.
func (c Case) checkLongs() error {
	if c.Size != longBytes && c.Size < 2*longBytes || c.Size > longMaxBytes {
		return keyError("size", "%d: a long is of 8 bytes, or of 16 (its value twice) to %d", c.Size, longMaxBytes)
	}
	if c.Workload == Longs {
		if c.Rate > 0 && c.Burst == 0 {
			return keyError("burst", "of 0 records")
		}
		return nil
	}
	switch {
	case c.Rate != 0:
		return keyError("rate", "a round waits for the one before: rate can only be max")
	case c.Round < 1 || c.Round > roundMax:
		return keyError("round", "%d, between 1 and %d are possible", c.Round, roundMax)
	case c.Readers > 1 && c.Share != ByWriter:
		return keyError("readers", "%d share each writer's channels: a round of workload latency is read by one (share: writers)", c.Readers)
	}
	return nil
}
