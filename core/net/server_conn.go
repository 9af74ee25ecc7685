// server_conn.go: one consumer's connection as the producing process has it: its parts, its two goroutines, its end.

package net

import (
	"context"
	"errors"
	"runtime/pprof"
	"sync"
	"time"

	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// serverConn serves the subpartitions that one consuming process asks for over one connection.
type serverConn struct {
	stream   stream
	peer     string
	registry *partition.Registry
	clock    meter.Clock
	waits    meter.Observer
	traffic  *meter.Traffic

	taskEvents *TaskEvents

	inbox *inbox[note]
	recv  serverReceiver // owned by the receiving goroutine
	send  serverSender   // owned by whoever has the outlet
	out   outlet

	dropped chan struct{} // closed when a peer that was told that it is broken has said everything
	once    sync.Once
	done    chan struct{} // closed when the connection fails or ends
	err     error         // why; set before done is closed
}

// noteKind says what a note for the server's sender is about.
type noteKind uint8

const (
	noteOpened     noteKind = iota // the partition is there: the reader's view
	noteData                       // its subpartition has something
	noteCredit                     // n more buffers may be sent
	noteResume                     // the consumer has finished its alignment
	noteAck                        // the consumer is through with every record
	noteBufferSize                 // buffers are to be closed at n bytes
	noteCancel                     // the consumer wants no more
	noteError                      // message is to be written
	noteFatal                      // message is to be written, then the connection ends
)

type note struct {
	kind    noteKind
	reader  *viewReader
	view    *partition.View
	n       uint32
	message []byte
	err     error // noteFatal: why
}

func newServerConn(s stream, peer string, registry *partition.Registry, o Options) *serverConn {
	c := &serverConn{
		stream: s, peer: peer, registry: registry, clock: o.Clock, waits: o.Waits, traffic: o.traffic(), taskEvents: o.TaskEvents,
		inbox: newInbox[note](), dropped: make(chan struct{}), done: make(chan struct{}),
	}
	c.recv = serverReceiver{conn: c, readers: map[frame.ChannelID]*viewReader{}, early: map[frame.ChannelID]*partition.EarlyRequest{}}
	c.send = newServerSender(c)
	c.out = outlet{sender: &c.send, wake: c.inbox.signal, notes: c.inbox.len, clock: o.Clock, direct: c.send.direct != nil}
	return c
}

// run serves the connection until it ends and gives back everything it held. It is called once, in a goroutine of its own.
func (c *serverConn) run() {
	var sender sync.WaitGroup
	sender.Go(func() {
		pprof.Do(context.Background(), pprof.Labels("role", "server-send", "peer", c.peer), func(context.Context) { c.sendLoop() })
	})
	pprof.Do(context.Background(), pprof.Labels("role", "server-recv", "peer", c.peer), func(context.Context) { c.recvLoop() })
	sender.Wait()
	c.release()
}

// release gives back what the connection holds once both its goroutines have ended. Tasks may still push.
func (c *serverConn) release() {
	c.out.close()
	c.send.release()
	c.recv.cancelRequests()
	for _, n := range c.inbox.close() {
		switch {
		case n.kind == noteOpened:
			n.view.Release()
		case n.kind == noteCancel && n.reader.view != nil: // it is not in readers any more
			n.reader.view.Release()
		case n.kind == noteAck && n.reader.view != nil: // who says good-bye right behind it has not deserted
			n.reader.view.AckAllRecordsProcessed()
		}
	}
	for _, r := range c.recv.readers {
		if r.view != nil {
			r.view.Release()
		}
	}
}

func (c *serverConn) recvLoop() {
	for {
		if err := c.recv.receiveOnce(); err != nil {
			if c.recv.broken {
				close(c.dropped)
				<-c.done // the sender ends the connection, when the peer has been told
			}
			c.end(err)
			return
		}
	}
}

func (c *serverConn) sendLoop() {
	for {
		worked, err := c.out.sendOnce()
		if err != nil {
			if c.send.last != nil {
				c.part()
			}
			c.end(err)
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

// part gives the peer time to read its last message. Closing at once, with bytes of its unread, would reset the connection, and the message
// could be lost with it.
func (c *serverConn) part() {
	if c.stream.closeWrite() != nil {
		return
	}
	timer := time.NewTimer(partingTimeout)
	defer timer.Stop()
	select {
	case <-c.dropped:
	case <-timer.C:
	case <-c.done:
	}
}

// end records the first reason and closes the stream, which stops both goroutines. Later reasons are echoes.
func (c *serverConn) end(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.done)
		_ = c.stream.close()
	})
}

// failure is why the connection ended, once it has: nil if this side closed it, or the other one in order.
func (c *serverConn) failure() error {
	if errors.Is(c.err, errClosedByPeer) || errors.Is(c.err, errServerClosed) {
		return nil
	}
	return c.err
}
