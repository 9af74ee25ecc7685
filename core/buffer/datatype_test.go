// datatype_test.go: the table of what a buffer carries.

package buffer

import "testing"

// Section 1.5's table: the number is the byte on the wire.
func TestDataTypes(t *testing.T) {
	type properties struct{ buffer, blocks, priority, announced bool }
	want := []struct {
		typ  DataType
		name string
		is   properties
	}{
		{None, "NONE", properties{}},
		{DataBuffer, "DATA_BUFFER", properties{buffer: true}},
		{EventBuffer, "EVENT_BUFFER", properties{}},
		{PrioritizedEvent, "PRIORITIZED_EVENT_BUFFER", properties{priority: true}},
		{AlignedBarrier, "ALIGNED_CHECKPOINT_BARRIER", properties{blocks: true}},
		{TimeoutableBarrier, "TIMEOUTABLE_ALIGNED_CHECKPOINT_BARRIER", properties{blocks: true, announced: true}},
		{RecoveryCompletion, "RECOVERY_COMPLETION", properties{blocks: true}},
		{EndOfSegment, "END_OF_SEGMENT", properties{}},
		{DataBufferWithClearEnd, "DATA_BUFFER_WITH_CLEAR_END", properties{buffer: true}},
		{EndOfData, "END_OF_DATA", properties{}},
		{EndOfPartition, "END_OF_PARTITION", properties{}},
		{RecoveryMetadata, "RECOVERY_METADATA", properties{}},
	}
	for i, w := range want {
		if int(w.typ) != i || w.typ.String() != w.name || !w.typ.Valid() {
			t.Errorf("%d: %d is %v, want %s", i, w.typ, w.typ, w.name)
		}
		is := properties{w.typ.IsBuffer(), w.typ.BlocksUpstream(), w.typ.HasPriority(), w.typ.NeedsAnnouncement()}
		if is != w.is {
			t.Errorf("%v is %+v, want %+v", w.typ, is, w.is)
		}
		if is.priority && is.announced {
			t.Errorf("%v overtakes and is announced: one or the other", w.typ)
		}
		if event := i != 0 && !w.is.buffer; w.typ.IsEvent() != event {
			t.Errorf("%v: event %v", w.typ, !event)
		}
	}
	if bad := DataType(len(want)); bad.Valid() || bad.String() != "INVALID" {
		t.Errorf("%d is %v", bad, bad)
	}
}
