// settings.go: the names of a case's parameters, as suites and flags use them.

package workloads

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"xbench/core"
)

// Setting is one parameter of a case by its name.
type Setting struct {
	Name string // kebab-case, the key in a suite and the flag
	Doc  string
	set  func(c *Case, text string) error
	get  func(c *Case) string
}

// settings are all parameters of a case, in the order in which a reader wants them.
var settings = []Setting{
	choice("workload", "what is sent: longs, latency (rounds of longs, each when the one before was read), keyed or trace", func(c *Case) *string { return &c.Workload }, Longs, Rounds, Keyed, Trace),
	text("driver", "what is measured", func(c *Case) *string { return &c.Driver }),
	{"rate", "records per second of all writers together: 50k; max: a closed loop, as fast as they go", setRate, getRate},
	{"size", "of a payload: longs 8 (12 with their length) or 16 to 1MiB; auto: 8 of longs, else 100", setSize, getSize},
	choice("spread", "of longs over a writer's channels: round-robin, broadcast (each to all), or skew (one to each, then all to the first)", func(c *Case) *string { return &c.Spread }, RoundRobin, Broadcast, Skew),
	whole("burst", "records of a writer that are due together; longs at a rate", func(c *Case) *int { return &c.Burst }),
	whole("round", "records of a round; workload latency", func(c *Case) *int { return &c.Round }),
	choice("keys", "distribution of the keys: zipf, uniform or sequential", func(c *Case) *string { return &c.Keys }, Zipf, Uniform, Sequential),
	whole("key-count", "how many different keys there are", func(c *Case) *int { return &c.KeyCount }),
	real("key-skew", "exponent of zipf: 0 is uniform", func(c *Case) *float64 { return &c.KeySkew }),
	text("trace", "name of an embedded trace, or a file", func(c *Case) *string { return &c.Trace }),
	real("speed", "how many times faster than it was recorded a trace is replayed; 0: it takes warmup and duration", func(c *Case) *float64 { return &c.Speed }),
	whole("writers", "producing tasks, each with a partition", func(c *Case) *int { return &c.Writers }),
	whole("channels", "subpartitions of each partition", func(c *Case) *int { return &c.Channels }),
	whole("readers", "consuming tasks, which share the channels or the writers", func(c *Case) *int { return &c.Readers }),
	choice("share", "what the readers share out: channels (of every writer some) or writers", func(c *Case) *string { return &c.Share }, ByChannel, ByWriter),
	whole("stalled", "how many readers, the last ones, stand still once", func(c *Case) *int { return &c.Stalled }),
	duration("stall", "for how long they stand still", func(c *Case) *time.Duration { return &c.Stall }),
	duration("stall-at", "when, after the measured time has begun", func(c *Case) *time.Duration { return &c.StallAt }),
	whole("processes", "2: sources and sinks apart; 1: in one", func(c *Case) *int { return &c.Processes }),
	whole("segments", "of each process; 0: 4 per channel, at least 2048", func(c *Case) *int { return &c.Segments }),
	size("segment-size", "of a segment", func(c *Case) *int { return &c.SegmentSize }),
	whole("exclusive", "buffers that each channel has of its own", func(c *Case) *int { return &c.Exclusive }),
	whole("floating", "buffers that the channels of a gate share", func(c *Case) *int { return &c.Floating }),
	{"buffer-timeout", "how long a record may wait for its buffer to fill: 100ms; 0: not at all; never", setTimeout, getTimeout},
	whole("connections", "that the process with the sinks opens", func(c *Case) *int { return &c.Connections }),
	{"tls", "on: mutual TLS between the processes, with a key that anybody can derive: for its cost, not its protection; off", setTLS, getTLS},
	text("congestion", "TCP congestion control of the data sockets: reno, cubic, ...; empty: the machine's default", func(c *Case) *string { return &c.Congestion }),
	{"listen", "address of the process with the sources; port 0 picks one", setListen, func(c *Case) string { return c.Listen }},
	duration("warmup", "before what is measured", func(c *Case) *time.Duration { return &c.Warmup }),
	duration("duration", "of what is measured", func(c *Case) *time.Duration { return &c.Duration }),
	whole("trials", "how often, each in fresh processes", func(c *Case) *int { return &c.Trials }),
	{"seed", "of keys and payloads", setSeed, func(c *Case) string { return strconv.FormatUint(c.Seed, 10) }},
}

// Settings lists the parameters that Set knows.
func Settings() []Setting { return slices.Clone(settings) }

// Set changes one parameter to what a suite or a flag says. What is wrong is a *KeyError. Whether all of them go together is for Plan to say.
func (c *Case) Set(key, value string) error {
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == key })
	if i < 0 {
		return &KeyError{Key: key, Err: errUnknownKey}
	}
	if err := settings[i].set(c, value); err != nil {
		return &KeyError{Key: key, Err: err}
	}
	return nil
}

// Get is a parameter in the form in which Set takes it; "" when there is none of that name.
func (c *Case) Get(key string) string {
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == key })
	if i < 0 {
		return ""
	}
	return settings[i].get(c)
}

var errUnknownKey = errors.New("unknown key")

func text(name, doc string, field func(*Case) *string) Setting {
	return Setting{name, doc,
		func(c *Case, s string) error { *field(c) = s; return nil },
		func(c *Case) string { return *field(c) }}
}

func choice(name, doc string, field func(*Case) *string, choices ...string) Setting {
	s := text(name, doc, field)
	s.set = func(c *Case, value string) error {
		if !slices.Contains(choices, value) {
			return fmt.Errorf("%q is not one of %s", value, strings.Join(choices, ", "))
		}
		*field(c) = value
		return nil
	}
	return s
}

func whole(name, doc string, field func(*Case) *int) Setting {
	return Setting{name, doc,
		func(c *Case, s string) (err error) {
			if *field(c), err = strconv.Atoi(s); err != nil {
				return fmt.Errorf("%q is not a whole number", s)
			}
			return nil
		},
		func(c *Case) string { return strconv.Itoa(*field(c)) }}
}

func real(name, doc string, field func(*Case) *float64) Setting {
	return Setting{name, doc,
		func(c *Case, s string) error {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil || !(v >= 0) || math.IsInf(v, 0) {
				return fmt.Errorf("%q is not a number from 0 on", s)
			}
			*field(c) = v
			return nil
		},
		func(c *Case) string { return strconv.FormatFloat(*field(c), 'g', -1, 64) }}
}

func size(name, doc string, field func(*Case) *int) Setting {
	return Setting{name, doc,
		func(c *Case, s string) (err error) { *field(c), err = parseSize(s); return err },
		func(c *Case) string { return formatSize(*field(c)) }}
}

func duration(name, doc string, field func(*Case) *time.Duration) Setting {
	return Setting{name, doc,
		func(c *Case, s string) (err error) { *field(c), err = parseDuration(s); return err },
		func(c *Case) string { return field(c).String() }}
}

func setRate(c *Case, s string) (err error) {
	if s == "max" {
		c.Rate = 0
		return nil
	}
	if c.Rate, err = parseRate(s); err == nil && c.Rate == 0 {
		return fmt.Errorf("nothing is sent at a rate of 0")
	}
	return err
}

func getRate(c *Case) string {
	if c.Rate == 0 {
		return "max"
	}
	return formatRate(c.Rate)
}

func setTimeout(c *Case, s string) (err error) {
	if s == "never" {
		c.BufferTimeout = core.FlushNever
		return nil
	}
	c.BufferTimeout, err = parseDuration(s)
	return err
}

func getTimeout(c *Case) string {
	if c.BufferTimeout == core.FlushNever {
		return "never"
	}
	return c.BufferTimeout.String()
}

func setSize(c *Case, s string) (err error) {
	if s == "auto" {
		c.Size = SizeAuto
		return nil
	}
	c.Size, err = parseSize(s)
	return err
}

func getSize(c *Case) string {
	if c.Size == SizeAuto {
		return "auto"
	}
	return formatSize(c.Size)
}

func setTLS(c *Case, s string) error {
	if s != "on" && s != "off" {
		return fmt.Errorf("%q is neither on nor off", s)
	}
	c.TLS = s == "on"
	return nil
}

func getTLS(c *Case) string {
	if c.TLS {
		return "on"
	}
	return "off"
}

func setListen(c *Case, s string) error {
	if _, _, err := net.SplitHostPort(s); err != nil {
		return fmt.Errorf("%q is not an address: write 127.0.0.1:0", s)
	}
	c.Listen = s
	return nil
}

func setSeed(c *Case, s string) (err error) {
	if c.Seed, err = strconv.ParseUint(s, 10, 64); err != nil {
		return fmt.Errorf("%q is not a whole number from 0 on", s)
	}
	return nil
}
