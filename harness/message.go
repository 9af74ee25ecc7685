// message.go: what coordinator and worker say to each other, in the order of a trial.

package harness

import (
	"encoding/json"
	"fmt"
	"reflect"

	"xbench/results"
)

// controlVersion is said in the first message. A worker is usually this very binary; the
// version protects those who start another one.
const controlVersion = 1

// message is one of its fields; the others are nil. The worker speaks first.
//
//	worker                     coordinator
//	hello                  ->
//	                       <-  plan
//	opened                 ->                 when all have: Driver.Open
//	                       <-  peers
//	connected              ->                 Driver.Connect
//	                       <-  start          one instant for all
//	progress ...           ->  (stop)         an interruption: end now, and drain
//	finished               ->                 all tasks of this worker have ended
//	                       <-  bye            all tasks of all workers have
//	closed                 ->                 Driver.Stats and Driver.Close
//
// At any time a worker may say failed, and then ends; a coordinator may say dump, which is
// answered by dumped.
type message struct {
	Hello     *hello     `json:"hello,omitempty"`
	Plan      *Plan      `json:"plan,omitempty"`
	Opened    *opened    `json:"opened,omitempty"`
	Peers     *peers     `json:"peers,omitempty"`
	Connected *connected `json:"connected,omitempty"`
	Start     *Window    `json:"start,omitempty"`
	Progress  *progress  `json:"progress,omitempty"`
	Stop      *struct{}  `json:"stop,omitempty"`
	Finished  *finished  `json:"finished,omitempty"`
	Bye       *struct{}  `json:"bye,omitempty"`
	Closed    *closed    `json:"closed,omitempty"`
	Failed    *failed    `json:"failed,omitempty"`
	Dump      *struct{}  `json:"dump,omitempty"`
	Dumped    *dumped    `json:"dumped,omitempty"`
}

type hello struct {
	Version int `json:"version"`
	PID     int `json:"pid"`
}

// UnmarshalJSON reads what it knows and ignores the rest: a hello of another version has to
// be understood well enough to refuse it.
func (h *hello) UnmarshalJSON(text []byte) error {
	type known hello
	return json.Unmarshal(text, (*known)(h))
}

// check is the coordinator's answer to another version.
func (h hello) check() error {
	if h.Version != controlVersion {
		return fmt.Errorf("%w: the worker speaks version %d, this coordinator %d", errProtocol, h.Version, controlVersion)
	}
	return nil
}

type opened struct {
	Addr string `json:"addr"`
}

type peers struct {
	Addrs []string `json:"addrs"` // by worker
}

type connected struct {
	Sources []sourceName `json:"sources"`
	Sinks   []string     `json:"sinks"`
}

type sourceName struct {
	Name     string `json:"name"`
	Index    int    `json:"index"`
	Channels int    `json:"channels"`
}

type progress struct {
	Sent     uint64 `json:"sent"`
	Received uint64 `json:"received"`
}

// finished is what a worker's tasks measured.
type finished struct {
	End     int64          `json:"end_ns"` // Window.End, or when the worker was told to stop
	Sources []sourceReport `json:"sources"`
	Sinks   []sinkReport   `json:"sinks"`
}

type sourceReport struct {
	Index   int         `json:"index"`
	Ledger  []entryLine `json:"ledger"`
	Sent    uint64      `json:"sent"`
	Planned uint64      `json:"planned"`   // records due before the end; 0 without a pacer
	Behind  int64       `json:"behind_ns"` // how late the source was at the end; 0 without a pacer
	Lag     *recording  `json:"lag,omitempty"`
}

type sinkReport struct {
	Name     string       `json:"name"`
	Ledgers  []sinkLedger `json:"ledgers"`
	Received uint64       `json:"received"`
	Span     span         `json:"span"`
	Latency  *recording   `json:"latency,omitempty"`
}

type sinkLedger struct {
	Source  int         `json:"source"`
	Entries []entryLine `json:"entries"`
}

// entryLine is one entry of a ledger: channel, count, digest. Channels that saw no record have none.
type entryLine [3]uint64

// recording is a recorder's content.
type recording struct {
	Histogram string `json:"histogram"` // HdrHistogram's compressed encoding, V2, in base64
	Min       int64  `json:"min"`
	Max       int64  `json:"max"`
	Refused   uint64 `json:"refused"`
	Refusal   int64  `json:"refusal"`
}

type closed struct {
	Stats Stats           `json:"stats"`
	Go    results.Runtime `json:"go"`
	CPU   cpu             `json:"cpu"`
	Error string          `json:"error,omitempty"` // of Driver.Close
}

// cpu is what a worker consumed in the measured window.
type cpu struct {
	Ns   int64 `json:"ns"`   // user and system
	Wall int64 `json:"wall"` // between the two looks, in nanoseconds; 0: the window was never reached
}

type failed struct {
	Message string `json:"message"`
}

type dumped struct {
	Stacks []byte `json:"stacks"`
}

// parts counts the fields that are set: 1 in a message.
func (m message) parts() int {
	n := 0
	v := reflect.ValueOf(m)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			n++
		}
	}
	return n
}

// kind names the message as in its JSON.
func (m message) kind() string {
	v := reflect.ValueOf(m)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			name := v.Type().Field(i).Name
			return string(name[0]|0x20) + name[1:]
		}
	}
	return "nothing"
}

// The parts without content.
var nothing = &struct{}{}

// lines are the entries of l that saw records.
func (l *Ledger) lines() []entryLine {
	var lines []entryLine
	for channel, e := range l.Entries {
		if e != (Entry{}) {
			lines = append(lines, entryLine{uint64(channel), e.Count, e.Digest})
		}
	}
	return lines
}
