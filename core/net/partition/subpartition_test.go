// subpartition_test.go: the rules R2.1 to R2.5 of a pipelined subpartition, as conversations between its task and its reader.

package partition

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// A script is one step per line, "step -> what it brought about". The steps of the task:
//
//	open N      a buffer with N bytes that will be written on
//	write N     N bytes more in it, published
//	end         the open buffer is finished and nobody looked since
//	full N      open N and end before it joins the queue
//	event, barrier ID, timeoutable ID, unaligned ID, priority     events
//	flush, finish
//
// of the reader: poll, resume; of others: timeout ID, abort ID, release. "told" means that the reader was notified,
// "priority@N" that it was told of an event with priority and sequence number N. A poll brings the size in bytes or the
// event's type, then the sequence number, the backlog and what is next. state says whether a reader with credit, and one
// without, would be told that there is something, and the backlog.
type talk struct {
	t    *testing.T
	f    *fixture
	sub  *subpartition
	view *View
	l    *counter
	tail buffer.Builder
}

func play(t *testing.T, script string) {
	t.Helper()
	f := newFixture(t, shape{subs: 1, segments: 8, segmentSize: 1100})
	v, l := f.view(0)
	k := &talk{t: t, f: f, sub: &f.subs[0], view: v, l: l}
	for _, line := range strings.Split(strings.TrimSpace(script), "\n") {
		step, want, ok := strings.Cut(line, "->")
		step, want = strings.TrimSpace(step), strings.TrimSpace(want)
		if !ok {
			want = "-"
		}
		if got := k.step(step); got != want {
			t.Errorf("%s -> %s\nwanted %s", step, got, want)
		}
	}
	k.tail.Close()
	v.Release()
}

func (k *talk) step(step string) string {
	k.t.Helper()
	verb, arg, _ := strings.Cut(step, " ")
	n, _ := strconv.Atoi(arg)
	before, beforePriority := k.l.data, len(k.l.priority)
	said := k.act(verb, n)
	for _, sequence := range k.l.priority[beforePriority:] {
		said = append(said, fmt.Sprintf("priority@%d", sequence))
	}
	for range k.l.data - before {
		said = append(said, "told")
	}
	if len(said) == 0 {
		return "-"
	}
	return strings.Join(said, " ")
}

func (k *talk) act(verb string, n int) (said []string) {
	k.t.Helper()
	switch verb {
	case "open", "full":
		k.end()
		b, err := k.f.pool.Request(0)
		if err != nil || b.IsZero() {
			k.t.Fatal("no buffer", err)
		}
		k.tail = buffer.NewBuilder(b)
		c := k.tail.ConsumerFromBeginning()
		k.tail.Append(pattern(n))
		k.tail.Publish()
		if verb == "full" {
			k.end()
		}
		k.sub.add(c)
	case "write":
		k.tail.Append(pattern(n))
		k.tail.Publish()
	case "end":
		k.end()
	case "event":
		k.event(frame.CancelCheckpoint{ID: 1}, false)
	case "priority":
		k.event(frame.CancelCheckpoint{ID: 1}, true)
	case "barrier":
		k.event(aligned(int64(n)), false)
	case "timeoutable":
		k.event(timeoutable(int64(n)), false)
	case "unaligned":
		k.event(unaligned(int64(n)), true)
	case "flush":
		k.sub.flush()
	case "finish":
		k.end()
		k.sub.finish()
	case "timeout":
		k.sub.alignedBarrierTimeout(int64(n))
	case "abort":
		k.sub.abortCheckpoint(int64(n), errors.New("aborted"))
	case "release":
		k.sub.release()
	case "resume":
		if err := k.view.Resume(); err != nil {
			said = append(said, err.Error()[:len("Should be blocked by checkpoint.")])
		}
	case "poll":
		said = append(said, k.poll())
	case "state":
		with, backlog := k.view.Availability(true)
		without, _ := k.view.Availability(false)
		said = append(said, fmt.Sprintf("credit=%t none=%t backlog=%d", with, without, backlog))
	default:
		k.t.Fatalf("no step %q", verb)
	}
	return append(said, k.captured()...)
}

func (k *talk) end() {
	if k.tail.IsOpen() {
		k.tail.Finish()
		k.tail.Close()
	}
}

func (k *talk) event(e frame.Event, priority bool) {
	k.end()
	content, t := event(e, priority)
	k.sub.add(buffer.FinishedConsumer(buffer.Unpooled(content, t)))
}

func (k *talk) poll() string {
	p, ok := k.view.Poll()
	if !ok {
		return "nothing"
	}
	defer p.Buffer.Recycle()
	what := p.Buffer.Type().String()
	if p.Buffer.Type().IsBuffer() {
		what = strconv.Itoa(p.Buffer.Len())
	} else if e, err := frame.ParseEvent(p.Buffer.Bytes()); err != nil {
		k.t.Error(err)
	} else if b, ok := e.(frame.CheckpointBarrier); ok {
		kind := map[frame.Alignment]string{frame.Aligned: "aligned", frame.Unaligned: "unaligned"}[b.Alignment]
		what = fmt.Sprintf("barrier(%d,%s)", b.ID, kind)
	}
	return fmt.Sprintf("%s #%d backlog=%d next=%v", what, p.Sequence, p.Backlog, p.Next)
}

// captured says what barriers left behind: capture(checkpoint: sizes in bytes), or why there is none.
func (k *talk) captured() (said []string) {
	for _, c := range k.f.captures {
		var sizes []string
		for _, b := range c.InFlight {
			sizes = append(sizes, strconv.Itoa(b.Len()))
		}
		if c.Err != nil {
			sizes = append(sizes, c.Err.Error())
		}
		said = append(said, fmt.Sprintf("capture(%d: %s)", c.Checkpoint, strings.Join(sizes, " ")))
		c.recycle()
	}
	k.f.captures = nil
	return said
}

// R2.1 to R2.3: who is told, and when.
func TestNotification(t *testing.T) {
	for _, c := range []struct{ name, script string }{
		{"R2.1 an empty unfinished buffer tells nobody", `
			open 0
			poll    -> nothing
			state   -> credit=false none=false backlog=0`},
		{"R2.1 the second buffer tells once, the third and fourth do not", `
			open 10
			open 10 -> told
			open 10
			open 10
			state   -> credit=true none=false backlog=3
			poll    -> 10 #0 backlog=2 next=DATA_BUFFER
			open 10
			poll    -> 10 #1 backlog=2 next=DATA_BUFFER
			poll    -> 10 #2 backlog=1 next=DATA_BUFFER
			poll    -> 10 #3 backlog=0 next=NONE
			open 10 -> told`},
		{"R2.1 drained to one finished buffer, the next one tells nobody, for the reader has not finished", `
			full 10
			full 10 -> told
			full 10
			poll    -> 10 #0 backlog=1 next=DATA_BUFFER
			poll    -> 10 #1 backlog=0 next=NONE
			full 10 -> told`},
		{"R2.1 none while a flush is requested: the reader drains everything anyway", `
			open 10
			flush   -> told
			open 10
			open 10
			poll    -> 10 #0 backlog=2 next=DATA_BUFFER`},
		{"R2.2 a single buffer whose end nobody saw is not counted", `
			full 1024
			state   -> credit=false none=false backlog=0
			open 1  -> told
			state   -> credit=true none=false backlog=1`},
		{"R2.2 its end is seen by the poll that takes the rest", `
			open 5
			poll    -> 5 #0 backlog=0 next=NONE
			write 3
			end
			state   -> credit=false none=false backlog=0
			poll    -> 3 #1 backlog=0 next=NONE
			poll    -> nothing`},
		{"R2.3 flush on empty does nothing", `
			flush
			full 10
			state   -> credit=false none=false backlog=0`},
		{"R2.3 flush of a buffer without bytes does nothing", `
			open 0
			flush
			state   -> credit=false none=false backlog=0
			write 7
			flush   -> told`},
		{"R2.3 flush behind a finished buffer: not told again, but the tail counts", `
			full 1025
			open 1024 -> told
			state   -> credit=true none=false backlog=1
			flush
			state   -> credit=true none=false backlog=2
			poll    -> 1025 #0 backlog=1 next=DATA_BUFFER
			poll    -> 1024 #1 backlog=0 next=NONE
			poll    -> nothing`},
		{"R2.3 drained to one unfinished: a flush tells once, a second one does not", `
			full 1025
			open 1024 -> told
			poll    -> 1025 #0 backlog=0 next=NONE
			flush   -> told
			flush
			poll    -> 1024 #1 backlog=0 next=NONE
			poll    -> nothing`},
		{"R2.3 what is written after a flush was polled needs another one", `
			open 4
			flush   -> told
			poll    -> 4 #0 backlog=0 next=NONE
			write 6
			state   -> credit=false none=false backlog=0
			flush   -> told
			poll    -> 6 #1 backlog=0 next=NONE`},
		{"empty finished buffers are passed over", `
			full 0
			full 0  -> told
			full 0
			open 1024
			poll    -> 1024 #0 backlog=0 next=NONE
			poll    -> nothing`},
		{"a tail may be read any time, it is only not advertised", `
			open 1024
			state   -> credit=false none=false backlog=0
			poll    -> 1024 #0 backlog=0 next=NONE`},
		{"an event is finished and known to be", `
			event   -> told
			state   -> credit=true none=true backlog=0
			poll    -> EVENT_BUFFER #0 backlog=0 next=NONE`},
		{"an event behind a buffer makes that one sendable", `
			open 10
			event   -> told
			state   -> credit=true none=false backlog=1
			poll    -> 10 #0 backlog=0 next=EVENT_BUFFER
			state   -> credit=true none=true backlog=0
			poll    -> EVENT_BUFFER #1 backlog=0 next=NONE`},
		{"the end always tells: of an empty queue", `
			finish  -> told
			poll    -> END_OF_PARTITION #0 backlog=0 next=NONE
			poll    -> nothing`},
		{"the end always tells: behind several buffers, and all of them count", `
			open 1
			open 1  -> told
			open 1
			finish  -> told
			state   -> credit=true none=false backlog=3`},
		{"the end always tells: though a flush has", `
			open 1
			flush   -> told
			finish  -> told`},
		{"the end always tells: though the reader is blocked", `
			barrier 1 -> told
			poll    -> barrier(1,aligned) #0 backlog=0 next=NONE
			finish  -> told
			poll    -> nothing
			resume
			poll    -> END_OF_PARTITION #1 backlog=0 next=NONE`},
		{"nothing is added after the end", `
			finish  -> told
			open 5
			event
			poll    -> END_OF_PARTITION #0 backlog=0 next=NONE
			poll    -> nothing`},
	} {
		t.Run(c.name, func(t *testing.T) { play(t, c.script) })
	}
}

// R2.4: the backlog reported at the start is the number of data buffers that can be polled while more is available.
func TestBacklogIsWhatCanBePolled(t *testing.T) {
	for _, flushed := range []bool{false, true} {
		for _, finished := range []bool{false, true} {
			t.Run(fmt.Sprintf("R2.4 flushed=%t finished=%t", flushed, finished), func(t *testing.T) {
				f := newFixture(t, shape{subs: 1, segments: 6, segmentSize: 100})
				v, _ := f.view(0)
				for range 5 { // four full ones and a tail
					f.emit(0, 99)
				}
				if flushed {
					f.Flush(0)
				}
				if finished {
					if err := f.Finish(); err != nil {
						t.Fatal(err)
					}
				}
				_, backlog := v.Availability(true)
				polled := 0
				for {
					if available, _ := v.Availability(true); !available {
						break
					}
					p, ok := v.Poll()
					if !ok {
						t.Fatal("available, but nothing to poll")
					}
					if p.Buffer.Type().IsBuffer() {
						polled++
					}
					if want := backlog - polled; p.Backlog != want {
						t.Errorf("after %d buffers the backlog is %d, wanted %d", polled, p.Backlog, want)
					}
					p.Buffer.Recycle()
				}
				if polled != backlog {
					t.Errorf("polled %d buffers, the backlog was %d", polled, backlog)
				}
				v.Release()
			})
		}
	}
}

// R2.5: between a blocking event and the resume nothing is told, polled or counted.
func TestBlocked(t *testing.T) {
	const block = `
			barrier 1 -> told
			poll    -> barrier(1,aligned) #0 backlog=0 next=NONE
			state   -> credit=false none=false backlog=0`
	for _, c := range []struct{ name, script string }{
		{"R2.5 event", block + `
			event
			poll    -> nothing
			state   -> credit=false none=false backlog=0
			resume
			state   -> credit=true none=true backlog=0
			poll    -> EVENT_BUFFER #1 backlog=0 next=NONE`},
		{"R2.5 buffer and flush", block + `
			open 7
			flush
			poll    -> nothing
			state   -> credit=false none=false backlog=0
			resume
			state   -> credit=true none=false backlog=1
			poll    -> 7 #1 backlog=0 next=NONE`},
		{"R2.5 two buffers", block + `
			open 7
			open 8
			poll    -> nothing
			state   -> credit=false none=false backlog=0
			resume
			state   -> credit=true none=false backlog=1
			poll    -> 7 #1 backlog=0 next=NONE`},
		{"R2.5 one buffer that is not flushed", block + `
			open 7
			poll    -> nothing
			resume
			state   -> credit=false none=false backlog=0`},
		{"R2.5 nothing", block + `
			poll    -> nothing
			resume
			state   -> credit=false none=false backlog=0`},
		{"what was queued behind the event waits", `
			open 1
			barrier 5 -> told
			open 2
			open 3
			poll    -> 1 #0 backlog=1 next=ALIGNED_CHECKPOINT_BARRIER
			poll    -> barrier(5,aligned) #1 backlog=0 next=NONE
			poll    -> nothing
			flush
			resume
			state   -> credit=true none=false backlog=2
			poll    -> 2 #2 backlog=1 next=DATA_BUFFER
			poll    -> 3 #3 backlog=0 next=NONE`},
		{"resume without a block is the consumer's fault", `
			resume  -> Should be blocked by checkpoint.`},
		{"a blocked one with an event at the head is not available without credit either", block + `
			event
			state   -> credit=false none=false backlog=0`},
	} {
		t.Run(c.name, func(t *testing.T) { play(t, c.script) })
	}
}

// A receiver without exclusive buffers lends one for every buffer it was told of, and gets it back also when it is empty.
func TestEmptyBuffersForReceiversWithoutCredit(t *testing.T) {
	f := newFixture(t, shape{subs: 1, segments: 4, segmentSize: 100})
	v, _ := f.view(0)
	v.ReturnEmptyBuffers()
	f.emit(0, 10)
	poll(t, v, 10)
	wantNothing(t, v) // not finished
	if err := f.Finish(); err != nil {
		t.Fatal(err)
	}
	if p := poll(t, v, 0); p.Buffer.Type() != buffer.DataBuffer || p.Next != buffer.EndOfPartition {
		t.Errorf("the rest: %+v", p)
	}
	poll(t, v, 4)
	v.Release()
}
