// stream.go: the bytes of a connection, read and written in vectors, without blocking where the other side of a step must go on.

package net

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"xbench/core/meter"
)

// stream is what a connection reads from and writes to. A read returns what is there, at least one byte; a write returns when
// everything is written. One at a time reads, one at a time writes.
type stream interface {
	// readv reads into the vectors in order and returns how many bytes came. io.EOF at the end. partial is the number of the frame, from
	// 1, whose rest is missing, 0 between two frames: the rest may be waited for only so long.
	readv(vectors [][]byte, partial uint64) (int, error)
	// writev writes all of the vectors, which it may cut up.
	writev(vectors [][]byte) error
	// closeWrite says that nothing more will be written: the peer comes to the end of what it reads, and can still write.
	closeWrite() error
	close() error
}

// direct is a stream on which one can try without waiting. Only bare TCP is one: a TLS record goes out whole or not at all.
type direct interface {
	// tryWritev writes as much of the vectors as there is room for and returns the rest, which it may have cut up.
	tryWritev(vectors [][]byte) (rest [][]byte, err error)
	// readvUnless is readv that waits only if p lets it, and no longer than until interrupt is called: otherwise it returns errInterrupted.
	readvUnless(vectors [][]byte, partial uint64, p parker) (int, error)
	// interrupt ends a wait in readvUnless. If there is none it may end the next one.
	interrupt()
}

// A parker says whether a read may wait.
type parker interface {
	// park is asked right before a wait. True: somebody may call interrupt from now on.
	park() bool
	// unpark says that the wait is over, or was not allowed.
	unpark()
}

// errInterrupted says that nothing was read, because there is something else to look at first.
var errInterrupted = errors.New("reading interrupted")

// newStream picks the stream for a connection: vectors of the kernel for bare TCP, one slice at a time for everything else (TLS, a pipe in
// a test).
func newStream(c net.Conn, o Options) (stream, error) {
	if o.FrameTimeout == 0 {
		o.FrameTimeout = DefaultFrameTimeout
	}
	timer := newFrameTimer(o.FrameTimeout, c.Close)
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return &plainStream{conn: c, timer: timer, traffic: o.traffic()}, nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &tcpStream{conn: tcp, raw: raw, timer: timer, clock: o.Clock, waits: o.Waits, traffic: o.traffic()}
	s.readOnce = s.tryRead
	s.writeOnce = s.tryWrite
	return s, nil
}

// maxVectors is IOV_MAX of Linux: more in one call is an error.
const maxVectors = 1024

// tcpStream reads and writes a TCP socket by readv and writev. It tries the call first and parks only on EAGAIN; how long it was
// parked in a write is reported as a wait for the socket.
type tcpStream struct {
	conn  *net.TCPConn
	raw   syscall.RawConn
	timer *frameTimer
	clock meter.Clock
	waits meter.Observer

	traffic *meter.Traffic // counts the system calls

	// The closures are made once: one per call would be an allocation per system call.
	readOnce, writeOnce func(fd uintptr) bool
	in                  [][]byte
	partial             uint64
	inCount             int
	inErr               error
	parker              parker // nil: a read may wait
	waiting             bool   // parker let it
	out                 [][]byte
	outErr              error
	noWait              bool       // a write must not wait
	parked              meter.Time // 0: not

	inVectors, outVectors vectors
}

func (s *tcpStream) readv(vectors [][]byte, partial uint64) (int, error) {
	return s.readvUnless(vectors, partial, nil)
}

func (s *tcpStream) readvUnless(vectors [][]byte, partial uint64, p parker) (int, error) {
	s.in, s.partial, s.parker = vectors, partial, p
	s.timer.moved(partial)
	for {
		err := s.raw.Read(s.readOnce)
		s.awake()
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, s.timer.explain(err)
		}
		// An interruption, perhaps of a wait that was over by then.
		if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
			return 0, s.timer.explain(err)
		}
		if p != nil {
			return 0, errInterrupted
		}
	}
	if s.inErr != nil {
		return 0, s.inErr
	}
	if s.inCount == 0 {
		return 0, io.EOF
	}
	return s.inCount, nil
}

// awake says that a read does not wait, if it did.
func (s *tcpStream) awake() {
	if s.waiting {
		s.waiting = false
		s.parker.unpark()
	}
}

func (s *tcpStream) tryRead(fd uintptr) (done bool) {
	s.awake()
	for {
		s.inCount, s.inErr = s.inVectors.readv(int(fd), s.in)
		s.traffic.ReadsIn.Add(1)
		switch {
		case s.inErr == unix.EINTR:
		case s.inErr == unix.EAGAIN:
			if s.parker != nil {
				if s.waiting = true; !s.parker.park() {
					s.inErr = errInterrupted
					return true
				}
			}
			s.timer.wait(s.partial)
			return false
		default:
			return true
		}
	}
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

func (s *tcpStream) interrupt() { _ = s.conn.SetReadDeadline(longAgo) } // a connection that is closed reads no more anyway

func (s *tcpStream) tryWritev(vectors [][]byte) (rest [][]byte, err error) {
	s.noWait = true
	defer func() { s.noWait = false }()
	for len(vectors) > 0 {
		n := min(len(vectors), maxVectors)
		s.out = vectors[:n]
		if err := s.raw.Write(s.writeOnce); err != nil {
			return nil, err
		}
		if s.outErr != nil && s.outErr != unix.EAGAIN {
			return nil, s.outErr
		}
		vectors = vectors[n-len(s.out):]
		if len(s.out) > 0 {
			break
		}
	}
	return vectors, nil
}

func (s *tcpStream) writev(vectors [][]byte) error {
	for len(vectors) > 0 {
		n := min(len(vectors), maxVectors)
		s.out = vectors[:n]
		if err := s.raw.Write(s.writeOnce); err != nil {
			return err
		}
		if s.outErr != nil {
			return s.outErr
		}
		vectors = vectors[n:]
	}
	return nil
}

// tryWrite writes s.out until it is empty (done) or the socket takes no more (not done: it is called again when it does).
func (s *tcpStream) tryWrite(fd uintptr) (done bool) {
	if s.parked != 0 {
		s.waits.Waited(meter.Socket, -1, s.parked, s.clock())
		s.parked = 0
	}
	for len(s.out) > 0 {
		var n int
		n, s.outErr = s.outVectors.writev(int(fd), s.out)
		s.traffic.WritesOut.Add(1)
		switch {
		case s.outErr == unix.EINTR:
			continue
		case s.outErr == unix.EAGAIN && s.noWait:
			return true
		case s.outErr == unix.EAGAIN:
			if s.waits != nil {
				s.parked = s.clock()
			}
			return false
		case s.outErr != nil:
			return true
		}
		s.out = consume(s.out, n)
	}
	return true
}

func (s *tcpStream) closeWrite() error { return s.conn.CloseWrite() }

func (s *tcpStream) close() error {
	s.timer.stop()
	return s.conn.Close()
}

// consume drops the first n bytes of the vectors.
func consume(vectors [][]byte, n int) [][]byte {
	for len(vectors) > 0 && n >= len(vectors[0]) {
		n -= len(vectors[0])
		vectors = vectors[1:]
	}
	if n > 0 {
		vectors[0] = vectors[0][n:]
	}
	return vectors
}

// gatherBytes is how much plainStream puts together for one write: under TLS each write is a record of its own, and 16 KiB is the
// largest record.
const gatherBytes = 64 << 10

// plainStream reads and writes any net.Conn: TLS, or a pipe in a test.
type plainStream struct {
	conn    net.Conn
	timer   *frameTimer
	traffic *meter.Traffic
	scratch []byte
}

// readv fills the first vector only: a second read could block.
func (s *plainStream) readv(vectors [][]byte, partial uint64) (int, error) {
	s.timer.wait(partial)
	for _, v := range vectors {
		if len(v) > 0 {
			n, err := s.conn.Read(v)
			s.traffic.ReadsIn.Add(1)
			if n > 0 {
				return n, nil // TLS reports an end together with the last bytes, and again when it is asked again
			}
			return 0, s.timer.explain(err)
		}
	}
	return 0, nil
}

func (s *plainStream) writev(vectors [][]byte) error {
	for _, v := range vectors {
		if len(s.scratch)+len(v) > gatherBytes {
			if err := s.flush(); err != nil {
				return err
			}
		}
		if len(v) >= gatherBytes {
			if err := s.write(v); err != nil {
				return err
			}
			continue
		}
		s.scratch = append(s.scratch, v...)
	}
	return s.flush()
}

func (s *plainStream) flush() error {
	if len(s.scratch) == 0 {
		return nil
	}
	err := s.write(s.scratch)
	s.scratch = s.scratch[:0]
	return err
}

func (s *plainStream) write(b []byte) error {
	s.traffic.WritesOut.Add(1)
	_, err := s.conn.Write(b)
	return err
}

func (s *plainStream) closeWrite() error {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok { // TLS has it
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (s *plainStream) close() error {
	s.timer.stop()
	return s.conn.Close()
}
