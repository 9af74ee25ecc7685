// datatype.go: what a buffer carries, with the numbers it has on the wire.

package buffer

// DataType says what a buffer carries. Its number is the byte on the wire (Flink 2.0, Buffer.DataType's ordinals).
type DataType uint8

const (
	None DataType = iota // "nothing next"; never on the wire
	DataBuffer
	EventBuffer
	PrioritizedEvent
	AlignedBarrier
	TimeoutableBarrier
	RecoveryCompletion
	EndOfSegment
	DataBufferWithClearEnd
	EndOfData
	EndOfPartition
	RecoveryMetadata

	dataTypes // how many there are
)

var dataTypeNames = [dataTypes]string{
	"NONE", "DATA_BUFFER", "EVENT_BUFFER", "PRIORITIZED_EVENT_BUFFER", "ALIGNED_CHECKPOINT_BARRIER",
	"TIMEOUTABLE_ALIGNED_CHECKPOINT_BARRIER", "RECOVERY_COMPLETION", "END_OF_SEGMENT",
	"DATA_BUFFER_WITH_CLEAR_END", "END_OF_DATA", "END_OF_PARTITION", "RECOVERY_METADATA",
}

// Valid reports whether t is a number that Flink knows.
func (t DataType) Valid() bool { return t < dataTypes }

// IsBuffer reports whether t is data: it costs a credit and counts in the backlog. Everything else but None is an event.
func (t DataType) IsBuffer() bool { return t == DataBuffer || t == DataBufferWithClearEnd }

// IsEvent reports whether t is an event: free of credit, not counted in the backlog.
func (t DataType) IsEvent() bool { return t != None && !t.IsBuffer() }

// HasPriority reports whether t overtakes everything queued that has no priority.
func (t DataType) HasPriority() bool { return t == PrioritizedEvent }

// BlocksUpstream reports whether the subpartition stands still after t until the consumer resumes it.
func (t DataType) BlocksUpstream() bool {
	return t == AlignedBarrier || t == TimeoutableBarrier || t == RecoveryCompletion
}

// NeedsAnnouncement reports whether the receiver announces t ahead of the data queued before it.
func (t DataType) NeedsAnnouncement() bool { return t == TimeoutableBarrier }

// String is Flink's name of t.
func (t DataType) String() string {
	if !t.Valid() {
		return "INVALID"
	}
	return dataTypeNames[t]
}
