// metric.go: readings with a name, as an exchange, a writer and a reader give them.

package meter

import "strconv"

// Unit says what a value counts.
type Unit string

// The units of metrics.
const (
	UnitSegments     Unit = "segments"
	UnitBuffers      Unit = "buffers"
	UnitRecords      Unit = "records"
	UnitBytes        Unit = "bytes"
	UnitPercent      Unit = "percent"
	UnitRatio        Unit = "ratio" // 1 is all
	UnitMilliseconds Unit = "ms"
	UnitMsPerSecond  Unit = "ms/s" // of each second, so many milliseconds
)

// Scopes say what a metric is of. A gate's is made by GateScope.
const (
	ScopeExchange  = "exchange"
	ScopeWriter    = "writer"
	ScopeReader    = "reader"
	ScopePartition = "partition" // the one partition of a writer
	ScopeTask      = "task"      // whoever calls a writer, or a reader, or both
)

// GateScope is the scope of a reader's gate, counted from 0.
func GateScope(gate int) string { return "gate " + strconv.Itoa(gate) }

// Metric is one reading. Name is Flink's, and so is the meaning.
type Metric struct {
	Name  string
	Scope string
	Value float64
	Unit  Unit
}

// Snapshot is a list of readings in an order that does not change from one to the next. A name stands in it once for each scope. The readings
// were taken one after the other, while what they are of went on.
type Snapshot []Metric

// Value looks a reading up.
func (s Snapshot) Value(scope, name string) (v float64, ok bool) {
	for _, m := range s {
		if m.Scope == scope && m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}
