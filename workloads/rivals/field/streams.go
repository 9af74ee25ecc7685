// streams.go: transports that offer streams of bytes over a session: yamux twice, smux, QUIC.

package field

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

// session carries streams.
type session interface {
	open(ctx context.Context) (stream, error)
	accept(ctx context.Context) (io.Reader, error)
	close() error
}

// sessionMaker begins a session on a connection, at the end that dialled or at the other.
type sessionMaker func(c net.Conn, client bool, channels int) (session, error)

// stream is the writing end of one.
type stream interface {
	io.Writer
	end() error
}

// streams is a session as a transport: a stream for each channel, which begins with the channel's number; and at the other end a goroutine for
// each stream, because reading blocks.
type streams struct {
	newSession sessionMaker
	listener   net.Listener
	session    session
	in         []io.Reader // by channel
}

// Each stream is read as batches of that size would be.
const streamRead = batchSize

func (s *streams) listen(int) (addr string, err error) {
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return "", err
	}
	return s.listener.Addr().String(), nil
}

func (s *streams) dial(ctx context.Context, addr string, channels int) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	s.session, err = s.newSession(c, true, channels)
	return err
}

func (s *streams) accept(ctx context.Context, channels int) error {
	c, err := s.listener.Accept()
	if err != nil {
		return err
	}
	if s.session, err = s.newSession(c, false, channels); err != nil {
		return err
	}
	return s.acceptAll(ctx, channels)
}

// acceptAll accepts every channel's stream.
func (s *streams) acceptAll(ctx context.Context, channels int) error {
	s.in = make([]io.Reader, channels)
	for range channels {
		in, err := s.session.accept(ctx)
		if err != nil {
			return err
		}
		var number [4]byte
		if _, err := io.ReadFull(in, number[:]); err != nil {
			return err
		}
		ch := binary.BigEndian.Uint32(number[:])
		if int(ch) >= channels || s.in[ch] != nil {
			return fmt.Errorf("a stream for channel %d of %d, or a second one", ch, channels)
		}
		s.in[ch] = in
	}
	return nil
}

func (s *streams) open(ctx context.Context, ch int) (channel, error) {
	out, err := s.session.open(ctx)
	if err != nil {
		return nil, err
	}
	_, err = out.Write(binary.BigEndian.AppendUint32(nil, uint32(ch)))
	return streamChannel{out}, err
}

type streamChannel struct{ stream }

func (c streamChannel) write(batch []byte) ([]byte, error) {
	_, err := c.Write(batch)
	return batch, err
}

func (s *streams) flush() error { return nil }

func (s *streams) deliver(b *books) error {
	failed := make(chan error, len(s.in))
	var readers sync.WaitGroup
	for ch, in := range s.in {
		readers.Go(func() {
			if err := readStream(b, ch, in); err != nil {
				failed <- fmt.Errorf("channel %d: %w", ch, err)
			}
		})
	}
	readers.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func readStream(b *books, ch int, in io.Reader) error {
	buf := make([]byte, streamRead)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			b.take(ch, buf[:n])
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *streams) close() error {
	if s.session != nil {
		_ = s.session.close() // the other end may have done so
	}
	if s.listener != nil {
		return s.listener.Close()
	}
	return nil
}
