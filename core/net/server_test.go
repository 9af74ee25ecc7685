// server_test.go: what a server's connection owes to its producers and to others, whatever its consumer does.

package net

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// sent is a request in the bytes that the peer writes.
func (s *steppedServer) sent(m interface{ AppendTo([]byte) []byte }) {
	s.peer.out.bytes = m.AppendTo(s.peer.out.bytes)
}

func requestOf(channel string, id, sub int, credit uint32) frame.PartitionRequest {
	return frame.PartitionRequest{Partition: partitionID(id), First: sub, Last: sub, Channel: channelID(channel), Credit: credit}
}

// TestResumeThatIsNotDue: a consumer without buffers of its own resumes a channel that is not blocked while that channel is in line with credit.
// The answer is an error. The credit stays, for the server is about to spend it.
func TestResumeThatIsNotDue(t *testing.T) {
	p := memory(t, 8, 8)
	registry := partition.NewRegistry(0)
	part := newRegistered(t, registry, partitionID(0), p, 1, 6)
	s := stepServer(t, registry)
	s.sent(requestOf("a", 0, 0, 0))
	s.receive()
	s.send()
	for range 3 {
		if err := part.Emit(t.Context(), make([]byte, 8), 0); err != nil {
			t.Fatal(err)
		}
	}
	part.Flush(0)
	s.sent(frame.AddCredit{Credit: 3, Channel: channelID("a")})
	s.sent(frame.ResumeConsumption{Channel: channelID("a")})
	s.receive()
	s.send()
	var d frame.Decoder
	d.Feed(s.peer.in.bytes)
	counts := map[frame.MessageID]int{}
	for {
		f, ok, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		counts[f.ID]++
	}
	if counts[frame.IDErrorResponse] != 1 || counts[frame.IDBufferResponse] != 3 {
		t.Errorf("the answer is %v, want an error and three buffers", counts)
	}
}

// TestEarlyRequestsEndWithTheirConnection: a partition that comes later belongs to whoever asks then.
func TestEarlyRequestsEndWithTheirConnection(t *testing.T) {
	p := memory(t, 4, 8)
	registry := partition.NewRegistry(time.Hour)
	defer registry.Close()
	s := stepServer(t, registry)
	s.sent(requestOf("a", 0, 0, 2))
	s.sent(requestOf("b", 0, 1, 2))
	s.receive()
	part := newPartition(t, p, partitionID(0), 2, 3)
	s.close()
	if err := registry.Register(part); err != nil {
		t.Fatal(err)
	}
	for sub := range 2 {
		v, err := part.CreateView(sub, nil)
		if err != nil {
			t.Fatal(err)
		}
		v.Release()
	}
}

// TestPartitionThatComesAsItsConsumerLeaves: its view reached the connection's inbox, and nobody looks there any more.
func TestPartitionThatComesAsItsConsumerLeaves(t *testing.T) {
	p := memory(t, 4, 8)
	registry := partition.NewRegistry(time.Hour)
	defer registry.Close()
	s := stepServer(t, registry)
	s.sent(requestOf("a", 0, 0, 2))
	s.sent(requestOf("b", 0, 1, 2))
	s.receive()
	s.sent(frame.CancelPartitionRequest{Channel: channelID("b")})
	part := newRegistered(t, registry, partitionID(0), p, 2, 3)
	s.receive()
	s.close()
	select {
	case <-part.AllDataProcessed():
	default:
		t.Error("the consumer is gone, and the producer still waits for its acknowledgement")
	}
}

// TestWaitForCreditIsReported: from when there was data and no credit, to when credit came; with what there was credit for no wait.
func TestWaitForCreditIsReported(t *testing.T) {
	for _, exclusive := range []uint32{0, 1} {
		p := memory(t, 8, 8)
		registry := partition.NewRegistry(0)
		part := newRegistered(t, registry, partitionID(0), p, 2, 6)
		s := stepServer(t, registry)
		now := meter.Time(1000)
		var waits recorder
		s.conn.clock, s.conn.waits = func() meter.Time { return now }, &waits
		step := func(at meter.Time) {
			now = at
			s.receive()
			s.send()
		}
		emit := func() {
			if err := part.Emit(t.Context(), make([]byte, 8), 1); err != nil {
				t.Fatal(err)
			}
			part.Flush(1)
		}
		s.sent(requestOf("a", 0, 1, exclusive))
		step(1000)
		for range exclusive + 1 {
			emit()
		}
		step(1010) // the wait begins
		emit()
		step(1020) // goes on
		s.sent(frame.AddCredit{Credit: 5, Channel: channelID("a")})
		step(1050)
		emit()
		step(1060)
		s.sent(frame.AddCredit{Credit: 1, Channel: channelID("a")})
		step(1070)
		if want := (recorder{{meter.Credit, 1, 1010, 1050}}); !slices.Equal(waits, want) {
			t.Errorf("%d exclusive: waited %v, want %v", exclusive, waits, want)
		}
	}
}

// recorder keeps what an observer is told.
type recorder []wait

type wait struct {
	reason   meter.Reason
	channel  int
	from, to meter.Time
}

func (r *recorder) Waited(reason meter.Reason, channel int, from, to meter.Time) {
	*r = append(*r, wait{reason, channel, from, to})
}

// TestTaskEventsReachWhoListens: the task of the partition that they name, parsed; nobody else, and not after it has unsubscribed. What is no
// event ends the connection.
func TestTaskEventsReachWhoListens(t *testing.T) {
	var events TaskEvents
	s := stepServer(t, partition.NewRegistry(0))
	s.conn.taskEvents = &events
	var heard []frame.Event
	events.Subscribe(partitionID(1), func(e frame.Event) { heard = append(heard, e) })
	send := func(id int, event []byte) string {
		s.sent(frame.TaskEventRequest{Event: event, Partition: partitionID(id), Channel: channelID("a")})
		s.receive()
		s.send()
		var d frame.Decoder
		answer := sentences(t, &d, s.peer.in.bytes)
		s.peer.in.bytes = nil
		return answer
	}
	event := frame.AppendEvent(nil, frame.CancelCheckpoint{ID: 7})
	const nobody = "a: IllegalArgumentException: Task event receiver not found.\n"
	if answer := send(1, event); answer != "" {
		t.Errorf("answered %q", answer)
	}
	if answer := send(2, event); answer != nobody {
		t.Errorf("answered %q", answer)
	}
	events.Unsubscribe(partitionID(1))
	if answer := send(1, event); answer != nobody {
		t.Errorf("answered %q", answer)
	}
	if want := []frame.Event{frame.CancelCheckpoint{ID: 7}}; !slices.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
	if answer := send(1, []byte{0, 0, 0}); !strings.HasPrefix(answer, "fatal: ") || !errors.Is(s.err, frame.ErrPeer) {
		t.Errorf("answered %q, and the connection ended with %v", answer, s.err)
	}
}

// TestReadersInLine: the line of readers against a slice.
func TestReadersInLine(t *testing.T) {
	var q fifo
	var want []*viewReader
	rng := rand.New(rand.NewPCG(3, 3))
	for range 10_000 {
		if rng.IntN(100) < 45+10*rng.IntN(2) {
			r := &viewReader{}
			q.push(r)
			want = append(want, r)
			continue
		}
		r, ok := q.pop()
		if ok != (len(want) > 0) || ok && r != want[0] {
			t.Fatalf("popped %p, %v", r, ok)
		}
		if ok {
			want = want[1:]
		}
	}
}

// TestInbox: one signal for what came since it was empty, everything at once and in order, and nothing after the end.
func TestInbox(t *testing.T) {
	b := newInbox[int]()
	signalled := func() bool {
		select {
		case <-b.wake:
			return true
		default:
			return false
		}
	}
	b.put(1)
	b.put(2)
	if !signalled() || signalled() {
		t.Error("two notes in an empty inbox are one signal")
	}
	if got := b.take(); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("took %v", got)
	}
	if got := b.take(); len(got) != 0 || signalled() {
		t.Errorf("took %v from an empty inbox", got)
	}
	b.put(3)
	if !signalled() {
		t.Error("no signal for a note in an inbox that was emptied")
	}
	if left := b.close(); !slices.Equal(left, []int{3}) {
		t.Errorf("left %v", left)
	}
	if b.put(4) || len(b.take()) != 0 || signalled() {
		t.Error("a closed inbox takes notes")
	}
}

// TestLongLineIsWrittenInBatches: more frames than one write takes, small ones and ones that are larger than what is copied: each round of the
// sender writes some, and the order is that of the turns.
func TestLongLineIsWrittenInBatches(t *testing.T) {
	for _, size := range []int{8, smallBody, smallBody + 1, 40_000} {
		const buffers = 700
		p := memory(t, 2*buffers+2, size)
		registry := partition.NewRegistry(0)
		part := newRegistered(t, registry, partitionID(0), p, 2, 2*buffers+2)
		s := stepServer(t, registry)
		s.sent(requestOf("a", 0, 0, buffers))
		s.sent(requestOf("b", 0, 1, buffers))
		s.receive()
		s.send()
		record := make([]byte, size)
		for n := range buffers {
			for sub := range 2 {
				record[0], record[size-1] = byte(n), byte(sub)
				if err := part.Emit(t.Context(), record, sub); err != nil {
					t.Fatal(err)
				}
			}
		}
		part.FlushAll()
		var d frame.Decoder
		got, rounds := 0, 0
		for got < 2*buffers {
			worked, err := s.conn.send.sendOnce()
			if err != nil || !worked {
				t.Fatalf("%d bytes: round %d after %d frames: %v, %v", size, rounds, got, worked, err)
			}
			if n := len(s.peer.in.bytes); n > batchBytes+frame.BufferResponseSize+size {
				t.Errorf("%d bytes: a batch of %d bytes", size, n)
			}
			d.Feed(s.peer.in.bytes)
			s.peer.in.bytes = s.peer.in.bytes[:0]
			rounds++
			for {
				f, ok, err := d.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				b := f.Response.Buffer
				if int(b.Sequence) != got/2 || b.Subpartition != got%2 || b.Content[0] != byte(got/2) || b.Content[size-1] != byte(got%2) {
					t.Fatalf("%d bytes: frame %d is %+v", size, got, b.BufferHeader)
				}
				got++
			}
		}
		if rounds < 2 {
			t.Errorf("%d bytes: %d frames in %d rounds", size, got, rounds)
		}
		s.close()
		part.Fail(errTestOver)
		part.Close()
	}
}

// TestCancelAndGoodbyeTogether: the consumer's last two words come in one read, and the connection ends before its sender has seen the first. The
// subpartition must be free nevertheless, or its producer waits for ever.
func TestCancelAndGoodbyeTogether(t *testing.T) {
	p := memory(t, 4, 8)
	registry := partition.NewRegistry(0)
	part := newRegistered(t, registry, partitionID(0), p, 1, 2)
	s := stepServer(t, registry)
	s.sent(requestOf("a", 0, 0, 2))
	s.receive()
	s.send()
	if err := part.NotifyEndOfData(true); err != nil {
		t.Fatal(err)
	}
	s.sent(frame.CancelPartitionRequest{Channel: channelID("a")})
	s.sent(frame.CloseRequest{})
	s.receive()
	s.close()
	select {
	case <-part.AllDataProcessed():
	default:
		t.Error("the consumer is gone, and the producer still waits for its acknowledgement")
	}
}
