// options.go: how much a Deserializer accepts, and where it keeps it.

package serde

import (
	"fmt"
	"math"
	"os"
)

// DefaultMaxRecord is the longest payload that a Deserializer accepts if not told otherwise: 256 MiB. Flink takes up to 2 GiB; something
// must bound what a broken length costs.
const DefaultMaxRecord = 256 << 20

// When a record that spans buffers is gathered in a file rather than in memory.
const (
	DefaultSpillThreshold = 5 << 20 // bytes of payload; Flink's, like the next
	MinSpillThreshold     = 100 << 10
	NeverSpill            = -1 // as SpillThreshold: gather records of every size in memory
)

// Options of a Deserializer. The zero value holds at most 5 MiB of a record in memory, which is then the bound of a channel: to gather takes no more
// than the record, and a longer one only the buffer of its file, 256 KiB. (While memory grows, the half that it grew from is garbage.)
type Options struct {
	// MaxRecord is the longest payload in bytes; 0: DefaultMaxRecord.
	MaxRecord int
	// SpillThreshold: a longer payload, in bytes, is gathered in a file; 0: DefaultSpillThreshold. At least MinSpillThreshold, or NeverSpill.
	SpillThreshold int
	// TempDirs are folders for such files, which share them; none: the system's. On a file system in memory nothing is won.
	TempDirs []string
}

// Validate says what is wrong with options that a user gave.
func (o Options) Validate() error {
	switch {
	case o.MaxRecord < 0 || o.MaxRecord > math.MaxInt32:
		return fmt.Errorf("serde: MaxRecord %d, allowed are 0 to %d", o.MaxRecord, math.MaxInt32)
	case o.SpillThreshold != 0 && o.SpillThreshold != NeverSpill && o.SpillThreshold < MinSpillThreshold:
		return fmt.Errorf("serde: SpillThreshold %d, allowed are %d and more, 0 (%d), and %d (never)",
			o.SpillThreshold, MinSpillThreshold, DefaultSpillThreshold, NeverSpill)
	}
	return nil
}

func (o Options) complete() Options {
	if o.MaxRecord == 0 {
		o.MaxRecord = DefaultMaxRecord
	}
	switch o.SpillThreshold {
	case 0:
		o.SpillThreshold = DefaultSpillThreshold
	case NeverSpill:
		o.SpillThreshold = o.MaxRecord
	}
	if len(o.TempDirs) == 0 {
		o.TempDirs = []string{os.TempDir()}
	}
	return o
}
