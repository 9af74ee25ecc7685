// server_send.go: the server's sender: who has data and credit, in turn, many frames to a write.

package net

import (
	"net"

	"xbench/core/buffer"
	"xbench/core/meter"
	"xbench/core/net/frame"
)

// The size of one write. 512 KiB was the best in measurements on loopback (128 KiB: -4 %, 64 KiB: -14 %). A frame is two vectors, and
// the kernel takes 1,024 of them at once.
const (
	batchBytes  = 512 << 10
	batchFrames = 500
	// smallBody is the largest content that is copied behind its header rather than sent from its segment: a vector of its own costs
	// the kernel about as much as copying so many bytes.
	smallBody  = 1 << 10
	arenaBytes = batchFrames * (frame.BufferResponseSize + smallBody) / 4
)

// serverSender owns the readers' turns and what is being written. Its methods run in the order in which they stand: notes, turns, batch.
type serverSender struct {
	conn      *serverConn
	available fifo // readers that have something sendable
	control   []byte
	last      error // nothing is sent after this batch, and why

	direct direct   // nil: every write may wait
	rest   [][]byte // of a batch that the socket did not take at once; nil: none

	arena   []byte // headers, and small contents behind them; never grown while vectors point into it
	vectors [][]byte
	inArena bool // the last vector is the arena's tail and may be extended
	bytes   int
	held    []buffer.Buffer // lent to the kernel until the write is done
	frames  int
	tally   tally
}

func newServerSender(c *serverConn) serverSender {
	s := serverSender{conn: c, arena: make([]byte, 0, arenaBytes)}
	s.direct, _ = c.stream.(direct)
	return s
}

// sendOnce applies the notes that have come, then writes at most one batch. It reports whether there was anything to do.
func (s *serverSender) sendOnce() (worked bool, err error) {
	if s.rest != nil {
		return true, s.write(s.rest)
	}
	worked = s.gather()
	if len(s.vectors) == 0 {
		return worked, nil
	}
	return true, s.write(s.vectors)
}

// sendNow is sendOnce as far as it goes without waiting. left says that a batch, or a part of it, is still to be written.
func (s *serverSender) sendNow() (worked, left bool, err error) {
	if s.rest != nil {
		return true, true, nil // the goroutine is about to write it
	}
	worked = s.gather()
	if len(s.vectors) == 0 {
		return worked, false, nil
	}
	rest, err := s.direct.tryWritev(s.vectors)
	if err == nil && len(rest) > 0 {
		s.rest = rest
		return true, true, nil
	}
	return true, false, s.written(err)
}

// gather applies the notes and makes the next batch.
func (s *serverSender) gather() (worked bool) {
	for _, n := range s.conn.inbox.take() {
		worked = true
		s.apply(n)
	}
	s.fill()
	return worked
}

func (s *serverSender) apply(n note) {
	r := n.reader
	switch n.kind {
	case noteOpened:
		r.view = n.view
		if r.zeroExclusive {
			r.view.ReturnEmptyBuffers()
		}
		if r.size > 0 { // asked for before the partition was there
			_ = r.view.SetBufferSize(r.size)
		}
		if r.closed { // cancelled while it waited for its partition
			r.view.Release()
		}
	case noteError:
		s.control = append(s.control, n.message...)
		return
	case noteFatal:
		s.control = append(s.control, n.message...)
		s.last = n.err
		return
	case noteCancel:
		s.drop(r)
		return
	case noteData:
		r.notified.Store(false) // before looking: what comes from now on is a note of its own
	case noteCredit:
		s.grant(r, n.n)
	case noteResume:
		s.resume(r)
	case noteAck:
		if r.view != nil {
			r.view.AckAllRecordsProcessed()
		}
		return
	case noteBufferSize:
		r.size = int(n.n)
		if r.view != nil {
			_ = r.view.SetBufferSize(r.size) // a hint
		}
		return
	}
	s.consider(r)
}

func (s *serverSender) grant(r *viewReader, n uint32) {
	if err := r.budget.Grant(n); err != nil {
		s.control = appendFatal(s.control, err)
		return
	}
	if r.starved != 0 {
		if w := s.conn.waits; w != nil {
			w.Waited(meter.Credit, r.sub, r.starved, s.conn.clock())
		}
		r.starved = 0
	}
}

// resume ends a block. A channel without exclusive buffers gave all of them back at the barrier, so its credit is void.
func (s *serverSender) resume(r *viewReader) {
	if r.closed || r.view == nil {
		return
	}
	if err := r.view.Resume(); err != nil {
		s.control = appendFatal(s.control, err)
		return // the credit stays: a channel that was not blocked may be in line with it
	}
	r.budget.Forfeit()
}

// consider puts r in line if it has something it may send; if only credit is missing, and the consumer cannot know, it is told.
func (s *serverSender) consider(r *viewReader) {
	if r.queued || r.closed || r.view == nil {
		return
	}
	yes, backlog := r.sendable()
	if yes || r.view.IsReleased() { // released: it takes a turn to say why
		r.queued = true
		s.available.push(r)
		return
	}
	if backlog > 0 && r.budget.Left() == 0 {
		s.starve(r)
	}
	if r.budget.AnnouncesBacklog(backlog) {
		s.control = frame.BacklogAnnouncement{Backlog: backlog, Channel: r.id}.AppendTo(s.control)
	}
}

func (s *serverSender) starve(r *viewReader) {
	if r.starved == 0 && s.conn.waits != nil {
		r.starved = s.conn.clock()
	}
}

func (s *serverSender) drop(r *viewReader) {
	if r.closed {
		return
	}
	r.closed = true
	if r.view != nil {
		r.view.Release()
	}
}

// fill gives every reader in line one buffer a turn until the batch is full or nobody has anything.
func (s *serverSender) fill() {
	if len(s.control) > 0 {
		s.vectors = append(s.vectors, s.control)
		s.bytes += len(s.control)
		s.tally.messages(s.control)
	}
	for s.bytes < batchBytes && s.frames < batchFrames && len(s.arena)+frame.BufferResponseSize+smallBody <= cap(s.arena) && s.last == nil {
		r, ok := s.available.pop()
		if !ok {
			return
		}
		r.queued = false
		s.turn(r)
	}
}

func (s *serverSender) turn(r *viewReader) {
	if r.closed {
		return
	}
	p, more, ok := r.poll()
	if !ok {
		if r.view.IsReleased() {
			s.failed(r)
		}
		return
	}
	if more {
		r.queued = true
		s.available.push(r)
	} else if p.Next != buffer.None {
		s.starve(r)
	}
	s.add(r, p.Buffer, p.Sequence, p.Backlog)
}

// failed tells the consumer why its producer is gone. Flink's producer stays silent where nothing is left to send, because its
// consumers learn it from the job manager; there is none here.
func (s *serverSender) failed(r *viewReader) {
	s.drop(r)
	if err := r.view.Failure(); err != nil {
		msg := errorResponse(err, r.id)
		s.vectors = append(s.vectors, msg)
		s.bytes += len(msg)
		s.tally.messages(msg)
		s.inArena = false
	}
}

// add puts one frame into the batch.
func (s *serverSender) add(r *viewReader, b buffer.Buffer, sequence int32, backlog int) {
	n := b.Len()
	at := len(s.arena)
	s.arena = frame.BufferHeader{
		Channel: r.id, Subpartition: r.sub, Sequence: sequence, Backlog: backlog,
		Type: b.Type(), Compressed: b.Compressed(), Size: n,
	}.AppendTo(s.arena)
	s.bytes += frame.BufferResponseSize + n
	s.frames++
	s.tally.buffer(b.Type())
	if n <= smallBody {
		s.arena = append(s.arena, b.Bytes()...)
		b.Recycle()
		s.extend(at)
		return
	}
	s.extend(at)
	s.vectors = append(s.vectors, b.Bytes())
	s.inArena = false
	s.held = append(s.held, b)
}

// extend makes the arena from `at` on part of the batch: of its last vector where that ends there.
func (s *serverSender) extend(at int) {
	if s.inArena {
		last := len(s.vectors) - 1
		v := s.vectors[last]
		s.vectors[last] = s.arena[at-len(v):]
		return
	}
	s.vectors = append(s.vectors, s.arena[at:])
	s.inArena = true
}

// release gives back the buffers of a batch that was left half-way.
func (s *serverSender) release() { _ = s.written(net.ErrClosed) }

// write sends the batch, or the rest of it.
func (s *serverSender) write(vectors [][]byte) error { return s.written(s.conn.stream.writev(vectors)) }

// written lets the batch's buffers go home, also when the connection has failed.
func (s *serverSender) written(err error) error {
	for _, b := range s.held {
		b.Recycle()
	}
	if err == nil {
		s.tally.bytes += uint64(s.bytes)
		s.tally.sent(s.conn.traffic)
		err = s.last
	}
	clear(s.held)
	s.held, s.vectors, s.arena, s.control = s.held[:0], s.vectors[:0], s.arena[:0], s.control[:0]
	s.bytes, s.frames, s.inArena, s.rest = 0, 0, false, nil
	return err
}
