// rawtcp.go: one TCP connection and nothing else: a ceiling, not a choice.

package field

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// rawTCP writes batches one after the other, channel and length in front. There is no flow control but the connection's own: a consumer that
// does not read stops everybody.
type rawTCP struct {
	listener *net.TCPListener
	in       *net.TCPConn

	out struct {
		sync.Mutex
		conn    *net.TCPConn
		gather  []byte      // small batches that were not written yet
		vectors net.Buffers // kept for its memory
	}
}

// What goes ahead of a batch; a batch of length 0 is the end of its channel.
const rawHeader = 4 + 4

// From rawCopyMax on, a batch is not copied behind others but has a vector of its own. rawGather is how much is gathered before it is written.
const (
	rawCopyMax = 4 << 10
	rawGather  = 64 << 10
)

func (r *rawTCP) listen(int) (addr string, err error) {
	r.listener, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", err
	}
	return r.listener.Addr().String(), nil
}

func (r *rawTCP) dial(ctx context.Context, addr string, _ int) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	r.out.conn = c.(*net.TCPConn)
	return nil
}

func (r *rawTCP) accept(context.Context, int) (err error) {
	r.in, err = r.listener.AcceptTCP()
	return err
}

func (r *rawTCP) open(_ context.Context, ch int) (channel, error) {
	return &rawChannel{rawTCP: r, number: uint32(ch)}, nil
}

type rawChannel struct {
	*rawTCP
	number uint32
}

func (c *rawChannel) write(batch []byte) ([]byte, error) {
	c.out.Lock()
	defer c.out.Unlock()
	c.out.gather = binary.BigEndian.AppendUint32(c.out.gather, c.number)
	c.out.gather = binary.BigEndian.AppendUint32(c.out.gather, uint32(len(batch)))
	if len(batch) >= rawCopyMax {
		return batch, c.writeGathered(batch)
	}
	c.out.gather = append(c.out.gather, batch...)
	if len(c.out.gather) >= rawGather {
		return batch, c.writeGathered(nil)
	}
	return batch, nil
}

func (c *rawChannel) end() error {
	_, err := c.write(nil)
	return err
}

func (r *rawTCP) flush() error {
	r.out.Lock()
	defer r.out.Unlock()
	return r.writeGathered(nil)
}

// writeGathered writes what was gathered, and a batch behind it. The lock is held.
func (r *rawTCP) writeGathered(batch []byte) error {
	if len(r.out.gather) == 0 && len(batch) == 0 {
		return nil
	}
	r.out.vectors = append(r.out.vectors[:0], r.out.gather, batch)
	vectors := r.out.vectors
	_, err := vectors.WriteTo(r.out.conn)
	r.out.gather = r.out.gather[:0]
	return err
}

func (r *rawTCP) deliver(b *books) error {
	open := b.spec.total()
	buf := make([]byte, readAhead)
	have := 0
	for open > 0 {
		n, err := r.in.Read(buf[have:])
		if err != nil {
			return errors.Join(fmt.Errorf("%d channels have not ended", open), err)
		}
		have += n
		rest := buf[:have]
		for len(rest) >= rawHeader {
			ch, length := binary.BigEndian.Uint32(rest), int(binary.BigEndian.Uint32(rest[4:]))
			if length > batchSize || int(ch) >= b.spec.total() {
				return fmt.Errorf("a batch of %d bytes for channel %d: %w", length, ch, io.ErrUnexpectedEOF)
			}
			if len(rest) < rawHeader+length {
				break
			}
			if length == 0 {
				open--
			} else {
				b.take(int(ch), rest[rawHeader:rawHeader+length])
			}
			rest = rest[rawHeader+length:]
		}
		have = copy(buf, rest)
	}
	return nil
}

func (r *rawTCP) close() (err error) {
	for _, c := range []*net.TCPConn{r.in, r.out.conn} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	if r.listener != nil {
		err = errors.Join(err, r.listener.Close())
	}
	return err
}
