// driver.go: what a system under test has to offer, and the plan that it is given.

// Package harness measures systems that move records: it starts worker processes, runs a
// driver's sources and sinks in them between common instants, finds out whether every
// record arrived once, in order and unchanged, and collects latency, throughput and cost.
//
// It knows nothing about what it measures. A system under test is a Driver, found by its
// name in the table that every worker is started with. The coordinator (Coordinator) and a
// worker (WorkerMain) are two ends of one binary: the coordinator executes itself again
// with the argument "worker", and talks to it over inherited descriptors.
package harness

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"xbench/harness/wait"
)

// Driver is one system under test inside one worker. A worker makes one with NewDriver, and
// calls its methods in this order, each once: Open, Connect, Sources and Sinks, then the tasks'
// Run functions each in a goroutine of its own, then Stats, then Close. After an error nothing
// more is called: the worker's process ends, and what the driver started in its process group is
// killed.
type Driver interface {
	// Open allocates and listens. addr is where the workers reach this one, "" when none need to.
	Open(ctx context.Context, p Plan) (addr string, err error)
	// Connect is called when all workers are open: addrs[i] is worker i's, this one's included.
	Connect(ctx context.Context, addrs []string) error
	// Sources are this worker's producing tasks: none without the role RoleSource.
	Sources() []Source
	// Sinks are this worker's consuming tasks: none without the role RoleSink.
	Sinks() []Sink
	// Stats is called when all tasks of all workers have ended, and before Close.
	Stats() Stats
	// Close releases everything; other workers may have done so already. An error (a segment
	// that is not home) makes the trial invalid.
	Close() error
}

// NewDriver makes a driver for one trial.
type NewDriver func() Driver

// The roles that a worker may hold.
const (
	RoleSource = "source"
	RoleSink   = "sink"
)

// Plan is what one worker is to do in one trial.
type Plan struct {
	Case     string          `json:"case"`
	Trial    int             `json:"trial"`   // from 1
	Worker   int             `json:"worker"`  // this worker, from 0
	Workers  int             `json:"workers"` // how many there are
	Roles    []string        `json:"roles"`   // RoleSource, RoleSink or both
	Driver   string          `json:"driver"`
	Params   json.RawMessage `json:"params,omitempty"` // the driver's own; the harness does not look inside
	Seed     uint64          `json:"seed"`             // this trial's own: the same for all its workers
	Loop     Loop            `json:"loop"`
	Warmup   time.Duration   `json:"warmup_ns"`   // from begin to measure
	Duration time.Duration   `json:"duration_ns"` // from measure to end
}

// Holds reports whether the worker holds the role.
func (p Plan) Holds(role string) bool { return slices.Contains(p.Roles, role) }

// Loop says what a source waits for before it sends.
type Loop string

// The two loops: Open is paced by a schedule that a slow system cannot bend, Closed by the
// system itself.
const (
	Open   Loop = "open"
	Closed Loop = "closed"
)

// Source is one producing task. Run returns when it has sent what it had to send, and the
// system has taken it over: what is still on its way may not get lost when Run returns.
type Source struct {
	Name     string
	Index    int // among the sources of all workers, from 0; no two have the same
	Channels int // that it sends to: the entries of its ledger
	Run      func(ctx context.Context, t *SourceTask) error
}

// Sink is one consuming task. Run returns when every source that it reads from has ended
// and all their records have been received.
type Sink struct {
	Name string
	Run  func(ctx context.Context, t *SinkTask) error
}

// Stats is what only the driver can know about a worker's part of a trial. Counts are added up over
// the workers; SegmentSize, Exclusive and Floating are settings, and the largest one counts.
type Stats struct {
	BytesOnWire uint64      `json:"bytes_on_wire"` // written by this worker to its data connections, in either direction
	Connections int         `json:"connections"`   // data connections that this worker opened (not those it accepted)
	Segments    int         `json:"segments"`
	SegmentSize int         `json:"segment_size"` // bytes
	Exclusive   int         `json:"exclusive"`    // buffers per channel
	Floating    int         `json:"floating"`     // buffers per gate
	Waits       []wait.Wait `json:"waits,omitempty"`

	// What makes the class of work comparable. What a driver leaves empty is told as not known.
	Congestion    string        `json:"congestion,omitempty"` // read back from the data sockets, after they were set up
	TLS           string        `json:"tls,omitempty"`        // version and cipher suite that were negotiated; "none"
	Checks        string        `json:"checks,omitempty"`     // what the sinks look at in every record
	BufferTimeout time.Duration `json:"buffer_timeout,omitempty"`
	Bytes         SinkBytes     `json:"bytes,omitzero"`
}

// SinkBytes are the bytes that a worker's sinks received; 0: not known. A trial in which the sockets did not carry what was expected
// is invalid.
type SinkBytes struct {
	Records  uint64 `json:"records"`  // that the records take, framed
	Expected uint64 `json:"expected"` // and everything that should have come with them: headers, events, announcements
	Received uint64 `json:"received"` // by the sinks' data sockets, as the kernel counts
}
