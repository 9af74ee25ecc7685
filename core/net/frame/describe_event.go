// describe_event.go: events as named values.

package frame

import (
	"encoding/hex"
	"fmt"
	"strings"
)

var (
	checkpointTypeNames = [...]string{"CHECKPOINT", "SAVEPOINT", "SAVEPOINT", "SAVEPOINT", "FULL_CHECKPOINT"}
	postActionNames     = [...]string{Savepoint: "NONE", SavepointSuspend: "SUSPEND", SavepointTerminate: "TERMINATE"}
	formatNames         = [...]string{"CANONICAL", "NATIVE"}
	alignmentNames      = [...]string{"AT_LEAST_ONCE", "ALIGNED", "UNALIGNED", "FORCED_ALIGNED"}
)

// DescribeEvent names everything in an event as the recordings' expect.json do. The body of an event without a number of its own
// is shown with its padding.
func DescribeEvent(e Event) Description {
	switch e := e.(type) {
	case CheckpointBarrier:
		return describeBarrier(e)
	case CancelCheckpoint:
		return Description{{"event", "CancelCheckpointMarker"}, {"id", e.ID}}
	case Announcement:
		return Description{{"event", "EventAnnouncement"}, {"sequence_number", e.Sequence}, {"announced", DescribeEvent(e.Announced)}}
	case SubtaskConnection:
		return Description{{"event", "SubtaskConnectionDescriptor"}, {"input_subtask", e.InputSubtask}, {"output_subtask", e.OutputSubtask}}
	case EndOfData:
		mode := "DRAIN"
		if e.NoDrain {
			mode = "NO_DRAIN"
		}
		return Description{{"event", "EndOfData"}, {"mode", mode}}
	case RecoveryMetadata:
		return Description{{"event", "RecoveryMetadata"}, {"final_buffer_subpartition", e.FinalBufferSubpartition}}
	case Other:
		simple := e.Class[strings.LastIndexAny(e.Class, ".$")+1:]
		return Description{{"event", simple}, {"class", e.Class}, {"body_hex", hex.EncodeToString(e.Body)}}
	case EndOfPartition:
		return Description{{"event", "EndOfPartitionEvent"}}
	case EndOfSuperstep:
		return Description{{"event", "EndOfSuperstepEvent"}}
	case EndOfChannelState:
		return Description{{"event", "EndOfChannelStateEvent"}}
	case EndOfSegment:
		return Description{{"event", "EndOfSegmentEvent"}}
	}
	panic(fmt.Sprintf("frame: an event of type %T", e))
}

func describeBarrier(b CheckpointBarrier) Description {
	d := Description{
		{"event", "CheckpointBarrier"}, {"id", b.ID}, {"timestamp", b.TimestampMs}, {"type", checkpointTypeNames[b.Type]},
	}
	if b.Type.IsSavepoint() {
		d = append(d, Field{"post_action", postActionNames[b.Type]}, Field{"format", formatNames[b.Format]})
	}
	location := Field{"location", nil}
	if b.Location != nil {
		location.Value = hex.EncodeToString(b.Location)
	}
	return append(d, location, Field{"alignment", alignmentNames[b.Alignment]}, Field{"aligned_timeout", b.AlignedTimeoutMs})
}
