// subpartition_barrier_test.go: what overtakes the queue, and what it leaves behind; in the language of subpartition_test.go.

package partition

import "testing"

// R8.1, 8.3, 8.4: events with priority, and barriers that overtake at once or after a while.
func TestOvertaking(t *testing.T) {
	for _, c := range []struct{ name, script string }{
		{"ahead of all data, behind earlier ones with priority, sequence numbers without a gap", `
			open 1
			open 2       -> told
			poll         -> 1 #0 backlog=0 next=NONE
			priority     -> priority@1 told
			unaligned 7  -> capture(7: 2)
			state        -> credit=true none=true backlog=0
			poll         -> PRIORITIZED_EVENT_BUFFER #1 backlog=0 next=PRIORITIZED_EVENT_BUFFER
			poll         -> barrier(7,unaligned) #2 backlog=0 next=NONE
			poll         -> 2 #3 backlog=0 next=NONE`},
		{"what was read of a buffer is not in flight any more", `
			open 5
			poll         -> 5 #0 backlog=0 next=NONE
			write 3
			unaligned 1  -> capture(1: 3) priority@1 told`},
		{"nothing in flight is a capture too: somebody counts them", `
			unaligned 1  -> capture(1: ) priority@0 told`},
		{"events are not captured", `
			full 4
			event        -> told
			full 6
			unaligned 1  -> capture(1: 4 6) priority@0`},
		{"a blocked reader is not told, and gets the event first after the resume", `
			barrier 1    -> told
			poll         -> barrier(1,aligned) #0 backlog=0 next=NONE
			open 5
			unaligned 2  -> capture(2: 5)
			poll         -> nothing
			state        -> credit=false none=false backlog=0
			resume
			state        -> credit=true none=true backlog=0
			poll         -> barrier(2,unaligned) #1 backlog=0 next=NONE`},
		{"a timeoutable barrier that leaves in its turn captured nothing, and blocks", `
			open 3
			timeoutable 4 -> told
			poll         -> 3 #0 backlog=0 next=TIMEOUTABLE_ALIGNED_CHECKPOINT_BARRIER
			poll         -> barrier(4,aligned) #1 backlog=0 next=NONE capture(4: )
			timeout 4
			event
			poll         -> nothing
			resume`},
		{"one that times out overtakes the data ahead of it, and does not block", `
			open 3
			event        -> told
			open 4
			timeoutable 4
			open 9
			timeout 3
			timeout 4    -> capture(4: 3 4) priority@0
			timeout 4
			poll         -> barrier(4,unaligned) #0 backlog=2 next=DATA_BUFFER
			poll         -> 3 #1 backlog=1 next=EVENT_BUFFER
			poll         -> EVENT_BUFFER #2 backlog=1 next=DATA_BUFFER
			poll         -> 4 #3 backlog=0 next=NONE
			poll         -> 9 #4 backlog=0 next=NONE`},
		{"one whose checkpoint was aborted leaves in its turn and does not time out", `
			open 3
			timeoutable 4 -> told
			abort 3
			abort 4      -> capture(4: aborted)
			timeout 4
			poll         -> 3 #0 backlog=0 next=TIMEOUTABLE_ALIGNED_CHECKPOINT_BARRIER
			poll         -> barrier(4,aligned) #1 backlog=0 next=NONE
			resume`},
		{"an aborted one in the queue is not mistaken for the next", `
			timeoutable 4 -> told
			abort 4      -> capture(4: aborted)
			open 2       -> told
			timeoutable 5
			timeout 5    -> capture(5: 2) priority@0
			poll         -> barrier(5,unaligned) #0 backlog=0 next=TIMEOUTABLE_ALIGNED_CHECKPOINT_BARRIER
			poll         -> barrier(4,aligned) #1 backlog=0 next=NONE`},
		{"a second one fails the capture of the first", `
			timeoutable 4 -> told
			timeoutable 5 -> capture(4: a timeoutable barrier of another checkpoint came while this one was waiting) told
			poll         -> barrier(4,aligned) #0 backlog=0 next=NONE
			resume
			poll         -> barrier(5,aligned) #1 backlog=0 next=NONE capture(5: )`},
		{"release fails the capture", `
			open 2
			timeoutable 4 -> told
			release      -> capture(4: the subpartition is released)
			timeout 4
			poll         -> nothing`},
	} {
		t.Run(c.name, func(t *testing.T) { play(t, c.script) })
	}
}
