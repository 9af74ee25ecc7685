// server_talk_test.go: one consumer's conversation with a server, stepped: who is served, when, and with what.

package net

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// TestServerConversations: Flink's PartitionRequestQueueTest, CreditBasedSequenceNumberingViewReaderTest, PartitionRequestRegistrationTest and
// CancelPartitionRequestTest, as far as they concern a server of pipelined partitions.
func TestServerConversations(t *testing.T) {
	retellAll(t, "server", func(t *testing.T) talk { return &serverTalk{t: t} })
}

// serverTalk is the producer's process, with all its partitions, and the wire to one consumer.
type serverTalk struct {
	t          *testing.T
	memory     *buffer.NetworkBufferPool
	registry   *partition.Registry
	partitions []*partition.ResultPartition
	server     *steppedServer
	decoder    frame.Decoder
	held       bool // the socket takes nothing: the sender is not stepped
}

// do runs one command. The producer's:
//
//	memory SEGMENTS SIZE timeout=MS   the process; it keeps early requests for so long (0: not at all)
//	partition P SUBS                  makes partition number P with its own 8 segments and registers it
//	make P SUBS / register P          the two apart
//	emit P SUB BYTES [TIMES]          one record of so many bytes, its length included
//	flush P SUB
//	event P superstep | barrier ID | unaligned ID
//	end P / finish P                  end of data / end of partition
//	fail P REASON / release P         with a reason / without
//
// The consumer's:
//
//	request A P SUB credit=N          of channel A
//	credit A N / resume A / ack A / size A BYTES / cancel A / event A / bye
//	raw HEX                           any bytes
//	gone                              its end of the connection is closed
//
// The world's:
//
//	hold / go                         the socket takes nothing any more / goes on
//	wait MS
//
// After the commands of a paragraph, and before a wait, the receiver and then the sender are stepped until they have nothing to do.
func (k *serverTalk) do(words []string) {
	plain, named := arguments(k.t, words[1:])
	arg := func(i int) int { return number(k.t, plain[i]) }
	part := func() *partition.ResultPartition {
		i := slices.IndexFunc(k.partitions, func(p *partition.ResultPartition) bool { return int(p.ID().Partition.Number()) == arg(0) })
		if i < 0 {
			k.t.Fatalf("no partition %d", arg(0))
		}
		return k.partitions[i]
	}
	channel := func() frame.ChannelID { return channelID(plain[0]) }
	var err error
	switch words[0] {
	case "memory":
		k.memory = memory(k.t, arg(0), arg(1))
		k.registry = partition.NewRegistry(time.Duration(named["timeout"]) * time.Millisecond)
		k.server = stepServer(k.t, k.registry)
	case "partition", "make":
		p := newPartition(k.t, k.memory, partitionID(arg(0)), arg(1), 8)
		k.partitions = append(k.partitions, p)
		if words[0] == "partition" {
			err = k.registry.Register(p)
		}
	case "register":
		err = k.registry.Register(part())
	case "emit":
		times := 1
		if len(plain) > 3 {
			times = arg(3)
		}
		for range times {
			err = errors.Join(err, part().Emit(k.t.Context(), make([]byte, arg(2)), arg(1)))
		}
	case "flush":
		part().Flush(arg(1))
	case "event":
		if len(plain) == 1 {
			k.server.sent(frame.TaskEventRequest{Event: frame.AppendEvent(nil, frame.EndOfSuperstep{}), Channel: channel()})
			break
		}
		err = k.event(part(), plain[1:])
	case "end":
		err = part().NotifyEndOfData(true)
	case "finish":
		err = part().Finish()
	case "fail":
		part().Fail(errors.New(strings.Join(plain[1:], " ")))
	case "release":
		part().Release(nil)
	case "request":
		k.server.sent(requestOf(plain[0], arg(1), arg(2), uint32(named["credit"])))
	case "credit":
		k.server.sent(frame.AddCredit{Credit: uint32(arg(1)), Channel: channel()})
	case "resume":
		k.server.sent(frame.ResumeConsumption{Channel: channel()})
	case "ack":
		k.server.sent(frame.AckAllUserRecordsProcessed{Channel: channel()})
	case "size":
		k.server.sent(frame.NewBufferSize{Size: arg(1), Channel: channel()})
	case "cancel":
		k.server.sent(frame.CancelPartitionRequest{Channel: channel()})
	case "bye":
		k.server.sent(frame.CloseRequest{})
	case "raw":
		b, err := hex.DecodeString(strings.Join(plain, ""))
		if err != nil {
			k.t.Fatal(err)
		}
		k.server.peer.out.bytes = append(k.server.peer.out.bytes, b...)
	case "gone":
		k.server.peer.out.closed = true
	case "hold":
		k.held = true
	case "go":
		k.held = false
	case "wait":
		k.step()
		time.Sleep(time.Duration(arg(0)) * time.Millisecond)
		synctest.Wait()
	default:
		k.t.Fatalf("no command %q", words)
	}
	if err != nil {
		k.t.Fatalf("%v: %v", words, err)
	}
}

func (k *serverTalk) event(p *partition.ResultPartition, words []string) error {
	var e frame.Event = frame.EndOfSuperstep{}
	priority := false
	if words[0] != "superstep" {
		b := frame.CheckpointBarrier{ID: int64(number(k.t, words[1])), Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
		if priority = words[0] == "unaligned"; priority {
			b = b.AsUnaligned()
		}
		e = b
	}
	return p.BroadcastEvent(frame.AppendEvent(nil, e), frame.DataTypeOf(e, priority))
}

// result is what the server said, how its connection ended, what it knows of the channels, and how far the partitions are.
func (k *serverTalk) result() string {
	var out strings.Builder
	s := k.server
	k.step()
	out.WriteString(sentences(k.t, &k.decoder, s.peer.in.bytes))
	s.peer.in.bytes = s.peer.in.bytes[:0]
	if s.err != nil {
		fmt.Fprintf(&out, "ended: %s\n", shortIDs(s.err.Error()))
	}
	var readers []*viewReader
	for _, r := range s.conn.recv.readers {
		readers = append(readers, r)
	}
	slices.SortFunc(readers, func(a, b *viewReader) int { return strings.Compare(name(a.id), name(b.id)) })
	for _, r := range readers {
		fmt.Fprintf(&out, "    %s: credit %d", name(r.id), r.budget.Left())
		for _, flag := range []struct {
			text string
			set  bool
		}{{"no view", r.view == nil}, {"refused", r.refused.Load()}, {"in line", r.queued}, {"closed", r.closed}} {
			if flag.set {
				out.WriteString(", " + flag.text)
			}
		}
		out.WriteString("\n")
	}
	for _, p := range k.partitions {
		fmt.Fprintf(&out, "    partition %d: %d queued", p.ID().Partition.Number(), p.QueuedBuffers())
		select {
		case <-p.AllDataProcessed():
			out.WriteString(", processed")
		default:
		}
		if p.IsReleased() {
			out.WriteString(", released")
		}
		out.WriteString("\n")
	}
	return out.String()
}

// step does what there is to do.
func (k *serverTalk) step() {
	k.server.receive()
	if !k.held {
		k.server.send()
	}
}

// close ends everything within the bubble.
func (k *serverTalk) close() {
	k.server.close()
	k.registry.Close()
}
