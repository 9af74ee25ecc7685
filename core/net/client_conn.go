// client_conn.go: one connection as the consuming process has it: its channels, its two goroutines, its end.

package net

import (
	"context"
	"errors"
	"io"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"

	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/gate"
)

// clientConn carries all channels that this process reads from one producing process.
type clientConn struct {
	stream stream
	peer   string
	o      Options

	traffic *meter.Traffic

	inbox *inbox[intent]
	recv  clientReceiver // owned by whoever has the seat
	seat  seat
	send  clientSender // owned by whoever has the outlet
	out   outlet

	leaving atomic.Bool   // this side says good-bye
	done    chan struct{} // closed when the connection fails or ends

	mu struct {
		sync.Mutex
		requests map[frame.ChannelID]*request // of the channels that are open
		err      error                        // the first reason why the connection ended
	}
}

// intent is a note for the client's sender.
type intent struct {
	kind    intentKind
	channel *gate.RemoteChannel
	what    gate.Intent            // kindChannel
	request frame.PartitionRequest // kindRequest; kindTaskEvent: whose producer
	event   []byte                 // kindTaskEvent
	id      frame.ChannelID        // kindUnknown
}

type intentKind uint8

const (
	kindChannel   intentKind = iota // a channel has something to tell
	kindRequest                     // a partition is to be requested
	kindTaskEvent                   // an event for the producer's task
	kindUnknown                     // something came for a channel that is gone: cancel it
	kindClose                       // say good-bye
)

func newClientConn(s stream, peer string, o Options) *clientConn {
	c := &clientConn{stream: s, peer: peer, o: o, traffic: o.traffic(), inbox: newInbox[intent](), done: make(chan struct{})}
	c.recv = newClientReceiver(c)
	c.seat.init(c)
	c.send = clientSender{conn: c, direct: c.recv.direct}
	c.out = outlet{sender: &c.send, wake: c.inbox.signal, notes: c.inbox.len, clock: o.Clock, direct: c.send.direct != nil}
	c.mu.requests = map[frame.ChannelID]*request{}
	return c
}

// open registers a channel and requests its partition. On a connection that has failed it returns why.
func (c *clientConn) open(ch *gate.RemoteChannel, id frame.ResultPartitionID, sub int) error {
	r := &request{
		channel: ch,
		message: frame.PartitionRequest{Partition: id, First: sub, Last: sub, Channel: ch.ID(), Credit: uint32(ch.InitialCredit())},
		backoff: backoff{timeout: c.o.PartitionTimeout, most: c.o.BackoffMax},
	}
	c.mu.Lock()
	err := c.mu.err
	if err == nil {
		c.servedLocked(ch.Waiter())
		c.mu.requests[ch.ID()] = r
		c.seat.few.Store(len(c.mu.requests) <= fewChannels)
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	ch.Joined(c)
	c.inbox.put(intent{kind: kindRequest, channel: ch, request: r.message})
	if ch.IsReleased() { // before it was registered, perhaps: then nobody else takes it off
		c.forget(ch)
	}
	return nil
}

// post is what channels call to have their messages written.
func (c *clientConn) post(ch *gate.RemoteChannel, what gate.Intent) {
	switch what {
	case gate.CancelRequest:
		c.forget(ch)
	case gate.AcknowledgeRecords:
		c.acknowledge(ch)
		return
	}
	n := intent{kind: kindChannel, channel: ch, what: what}
	if what != gate.AnnounceCredit || !c.seat.byTask.Load() {
		c.inbox.put(n)
		return
	}
	c.inbox.leave(n) // the task sends it with the next Read
	if ch.Waiter().Parked() || !c.seat.byTask.Load() {
		c.inbox.signal()
	}
}

// acknowledge leaves its note ahead of the channel's cancel, or not at all: it is written also if the channel is released by then, and behind a
// cancel the producer would not know what it is about.
func (c *clientConn) acknowledge(ch *gate.RemoteChannel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.requests[ch.ID()] != nil {
		c.inbox.put(intent{kind: kindChannel, channel: ch, what: gate.AcknowledgeRecords})
	}
}

func (c *clientConn) forget(ch *gate.RemoteChannel) {
	c.mu.Lock()
	delete(c.mu.requests, ch.ID())
	if len(c.mu.requests) == 0 {
		c.seat.sole.Store(nil)
		c.Yield()
	}
	c.mu.Unlock()
}

func (c *clientConn) channel(id frame.ChannelID) *gate.RemoteChannel {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.mu.requests[id]; r != nil {
		return r.channel
	}
	return nil
}

// sendTaskEvent sends an event to the producer of a channel.
func (c *clientConn) sendTaskEvent(ch *gate.RemoteChannel, event []byte) {
	c.mu.Lock()
	r := c.mu.requests[ch.ID()]
	c.mu.Unlock()
	if r != nil {
		c.inbox.put(intent{kind: kindTaskEvent, channel: ch, request: r.message, event: event})
	}
}

func (c *clientConn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.err
}

// run carries the connection until it ends. It is called once, in a goroutine of its own.
func (c *clientConn) run() {
	var sender sync.WaitGroup
	sender.Go(func() {
		pprof.Do(context.Background(), pprof.Labels("role", "client-send", "peer", c.peer), func(context.Context) { c.sendLoop() })
	})
	pprof.Do(context.Background(), pprof.Labels("role", "client-recv", "peer", c.peer), func(context.Context) { c.recvLoop() })
	sender.Wait()
	c.seat.close()
	c.recv.release()
	c.inbox.close()
}

func (c *clientConn) recvLoop() { c.end(c.explain(c.readLoop())) }

func (c *clientConn) sendLoop() {
	for {
		worked, err := c.out.sendOnce()
		if err != nil {
			c.end(c.explain(err))
			return
		}
		if worked {
			continue
		}
		select {
		case <-c.inbox.wake:
		case <-c.done:
			return
		}
	}
}

// explain says in Flink's terms what an error of the stream means.
func (c *clientConn) explain(err error) error {
	var remote *RemoteTransportError
	switch {
	case errors.As(err, &remote) || errors.Is(err, errGoodbye):
		return err
	case errors.Is(err, io.EOF) && c.leaving.Load():
		return errGoodbye // the answer to it
	case isRefusal(err):
		return &RemoteTransportError{Peer: c.peer, Text: "the remote process refused the TLS handshake", Cause: err}
	case errors.Is(err, frame.ErrPeer):
		return &LocalTransportError{Peer: c.peer, Text: "the producer broke the protocol", Cause: err}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF): // the latter: TLS without its good-bye
		return &RemoteTransportError{Peer: c.peer,
			Text: "connection unexpectedly closed by remote process, which might indicate that it was lost"}
	case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		return &RemoteTransportError{Peer: c.peer, Text: "lost connection, which indicates that the remote process was lost", Cause: err}
	}
	return &LocalTransportError{Peer: c.peer, Text: "connection failed", Cause: err}
}

// end records the first reason, closes the stream, which stops both goroutines, and fails every channel. Later reasons are echoes.
func (c *clientConn) end(err error) {
	c.mu.Lock()
	if c.mu.err != nil {
		c.mu.Unlock()
		return
	}
	c.mu.err = err
	requests := c.mu.requests
	c.mu.requests = nil
	c.mu.Unlock()
	close(c.done)
	_ = c.stream.close()
	for _, r := range requests {
		r.channel.OnError(err)
	}
}

// close says good-bye: what is waiting to be written is written first, and then the connection ends.
func (c *clientConn) close() {
	c.leaving.Store(true)
	c.inbox.put(intent{kind: kindClose})
}
