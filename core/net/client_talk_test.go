// client_talk_test.go: one producer's conversation with a client, stepped: what its channels and their gate make of what comes.

package net

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
)

// TestClientConversations: Flink's CreditBasedPartitionRequestClientHandlerTest, NettyPartitionRequestClientTest and
// ClientTransportErrorHandlingTest, as far as they concern a connection of its own.
func TestClientConversations(t *testing.T) {
	retellAll(t, "client", func(t *testing.T) talk { return &clientTalk{t: t} })
}

// clientTalk is the consumer's process, a gate with its task, and the wire to one producer.
type clientTalk struct {
	t       *testing.T
	gate    *gate.InputGate
	client  *steppedClient
	decoder frame.Decoder
	held    []gate.Item     // with the task
	taken   []buffer.Buffer // floating ones, with somebody else
	stuck   bool            // the socket takes nothing
	said    []string        // by the task, since the last result
}

// do runs one command. The consumer's:
//
//	gate CHANNELS exclusive=E floating=F segment=BYTES   and the process around it
//	open I A P SUB                    channel I is called A and reads that subpartition
//	poll [N]                          the task polls, N times, and keeps what it gets
//	recycle [N]                       the task gives the oldest back
//	resume I / ack I / event I        the task does so for channel I
//	size BYTES                        for all of its channels
//	leave                             the gate is closed
//	take N / give N                   somebody else takes floating buffers, gives them back
//	bye                               the client is closed
//
// The producer's:
//
//	data A SEQ BYTES [backlog=B]
//	end A SEQ / finish A SEQ / barrier A SEQ / priority A SEQ / superstep A SEQ
//	backlog A N
//	error A|fatal TEXT                an ErrorResponse
//	notfound A
//	raw HEX / zero N                  any bytes / N bytes that are 0
//	gone                              its end of the connection is closed
//
// The world's:
//
//	part N                            only N bytes of what was sent arrive now, the rest with the next step
//	lose N                            the last N bytes of what was sent never arrive
//	stuck / writable                  the client's socket
//	wait MS
//
// After the commands of a paragraph the receiver is stepped until it has nothing to do, then the sender; the receiver also before polls, recycling
// and the end.
func (k *clientTalk) do(words []string) {
	plain, named := arguments(k.t, words[1:])
	arg := func(i, otherwise int) int {
		if i >= len(plain) {
			return otherwise
		}
		return number(k.t, plain[i])
	}
	sends := func(m interface{ AppendTo([]byte) []byte }) {
		k.client.peer.out.bytes = m.AppendTo(k.client.peer.out.bytes)
	}
	buffers := func(kind buffer.DataType, content []byte) {
		sends(frame.BufferResponse{Content: content, BufferHeader: frame.BufferHeader{
			Channel: channelID(plain[0]), Sequence: int32(arg(1, 0)), Backlog: named["backlog"], Type: kind,
		}})
	}
	event := func(e frame.Event, priority bool) { buffers(frame.DataTypeOf(e, priority), frame.AppendEvent(nil, e)) }
	barrier := frame.CheckpointBarrier{ID: 1, Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
	var err error
	switch words[0] {
	case "gate":
		channels := arg(0, 0)
		p := memory(k.t, channels*named["exclusive"]+named["floating"]+1, named["segment"])
		k.gate, err = gate.New(k.t.Context(), gate.Options{Pool: p, Channels: channels, Exclusive: named["exclusive"], Floating: named["floating"]})
		if err != nil {
			k.t.Fatal(err)
		}
		k.client = stepClient(k.t, Options{Clock: still, PartitionTimeout: 10 * time.Second, BackoffMax: 10 * time.Second})
	case "open":
		err = k.client.open(k.gate, arg(0, 0), plain[1], arg(2, 0), arg(3, 0))
	case "poll":
		k.client.receive()
		for range arg(0, 1) {
			k.poll()
		}
	case "recycle":
		k.client.receive()
		for range arg(0, 1) {
			k.held[0].Buffer.Recycle()
			k.held = k.held[1:]
		}
	case "resume":
		err = k.gate.Resume(arg(0, 0))
	case "ack":
		err = k.gate.Acknowledge(arg(0, 0))
	case "event":
		if r := k.client.conn.channel(channelID(plain[0])); r != nil {
			k.client.conn.sendTaskEvent(r, frame.AppendEvent(nil, frame.EndOfSuperstep{}))
		}
	case "size":
		k.gate.SetBufferSize(arg(0, 0))
	case "leave":
		k.gate.Close()
	case "take":
		for range arg(0, 1) {
			b, err := k.gate.Pool().Request(-1)
			if err != nil || b.IsZero() {
				k.t.Fatalf("no floating buffer to take: %v", err)
			}
			k.taken = append(k.taken, b)
		}
	case "give":
		k.client.receive()
		for range arg(0, 1) {
			k.taken[0].Recycle()
			k.taken = k.taken[1:]
		}
	case "bye":
		k.client.conn.close()
	case "data":
		buffers(buffer.DataBuffer, make([]byte, arg(2, 0)))
	case "end":
		event(frame.EndOfData{}, false)
	case "finish":
		event(frame.EndOfPartition{}, false)
	case "barrier":
		event(barrier, false)
	case "priority":
		event(barrier.AsUnaligned(), true)
	case "superstep":
		event(frame.EndOfSuperstep{}, false)
	case "backlog":
		sends(frame.BacklogAnnouncement{Backlog: arg(1, 0), Channel: channelID(plain[0])})
	case "error":
		m := frame.ErrorResponse{Cause: frame.NewThrowable(frame.ClassRuntime, strings.Join(plain[1:], " ")), Fatal: plain[0] == "fatal"}
		if !m.Fatal {
			m.Channel = channelID(plain[0])
		}
		sends(m)
	case "notfound":
		sends(frame.ErrorResponse{Cause: frame.PartitionNotFound(partitionID(0)), Channel: channelID(plain[0])})
	case "raw":
		b, err := hex.DecodeString(strings.Join(plain, ""))
		if err != nil {
			k.t.Fatal(err)
		}
		k.client.peer.out.bytes = append(k.client.peer.out.bytes, b...)
	case "zero":
		k.client.peer.out.bytes = append(k.client.peer.out.bytes, make([]byte, arg(0, 0))...)
	case "gone":
		k.client.receive()
		k.client.peer.out.closed = true
	case "lose":
		w := k.client.peer.out
		w.bytes = w.bytes[:len(w.bytes)-arg(0, 0)]
	case "part":
		w := k.client.peer.out
		later := w.bytes[arg(0, 0):]
		w.bytes = w.bytes[:arg(0, 0):arg(0, 0)]
		k.client.receive()
		w.bytes = append(w.bytes, later...)
	case "stuck":
		k.stuck = true
	case "writable":
		k.stuck = false
	case "wait":
		k.step()
		time.Sleep(time.Duration(arg(0, 0)) * time.Millisecond)
		synctest.Wait()
	default:
		k.t.Fatalf("no command %q", words)
	}
	if err != nil {
		k.said = append(k.said, fmt.Sprintf("%s: %v", strings.Join(words, " "), err))
	}
}

func (k *clientTalk) poll() {
	item, ok, err := k.gate.Poll()
	switch {
	case err == io.EOF:
		k.said = append(k.said, "task: the end")
	case err != nil:
		k.said = append(k.said, "task: "+shortIDs(err.Error()))
	case !ok:
		k.said = append(k.said, "task: nothing")
	default:
		k.said = append(k.said, fmt.Sprintf("task: channel %d #%d %v of %d bytes", item.Channel, item.Sequence, item.Buffer.Type(), item.Buffer.Len()))
		k.held = append(k.held, item)
	}
}

func (k *clientTalk) step() {
	k.client.receive()
	if !k.stuck {
		k.client.send()
	}
}

// result is what the client said and the task got, how the connection ended, and how much of the memory is free.
func (k *clientTalk) result() string {
	k.step()
	var out strings.Builder
	for _, line := range k.said {
		out.WriteString(line + "\n")
	}
	k.said = nil
	out.WriteString(sentences(k.t, &k.decoder, k.client.peer.in.bytes))
	k.client.peer.in.bytes = k.client.peer.in.bytes[:0]
	if k.client.err != nil {
		fmt.Fprintf(&out, "ended: %s\n", shortIDs(k.client.err.Error()))
	}
	queued, bytes := k.gate.Queued()
	fmt.Fprintf(&out, "    gate: %d buffers of %d bytes; %d floating in use\n", queued, bytes, k.gate.Pool().Used())
	return out.String()
}

func (k *clientTalk) close() {
	for _, item := range k.held {
		item.Buffer.Recycle()
	}
	for _, b := range k.taken {
		b.Recycle()
	}
	k.gate.Close()
	k.client.close()
}
