// control.go: how coordinator and worker talk: messages with a length in front, over two pipes.

package harness

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// messageBytesMax is the longest message that either end sends or accepts. The largest is a
// worker's report: some 40 bytes for each channel that a record went through, so 16 MiB
// are 400,000 channels.
const messageBytesMax = 16 << 20

// errProtocol is what every complaint about the other end's bytes wraps.
var errProtocol = errors.New("control protocol violated")

// conn is one end of a conversation. Sending and receiving may be done by two goroutines,
// each of them by one.
type conn struct {
	r io.Reader
	w io.Writer
}

// send writes m in one Write: four bytes of length, big endian, then JSON.
func (c *conn) send(m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("sending %s: %w", m.kind(), err)
	}
	if len(text) > messageBytesMax {
		return fmt.Errorf("sending %s: %d bytes, the limit is %d", m.kind(), len(text), messageBytesMax)
	}
	framed := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(text)), uint32(len(text)))
	_, err = c.w.Write(append(framed, text...))
	if err != nil {
		return fmt.Errorf("sending %s: %w", m.kind(), err)
	}
	return nil
}

// receive reads the next message. io.EOF says that the other end closed between two messages; bytes
// that are no message give an error that wraps errProtocol.
func (c *conn) receive() (message, error) {
	var length [4]byte
	if _, err := io.ReadFull(c.r, length[:]); err != nil {
		return message{}, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n == 0 || n > messageBytesMax {
		return message{}, fmt.Errorf("%w: a message of %d bytes, the limit is %d", errProtocol, n, messageBytesMax)
	}
	// The buffer grows with what arrives: a length alone costs nothing.
	var text bytes.Buffer
	if got, err := io.CopyN(&text, c.r, int64(n)); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return message{}, fmt.Errorf("message of %d bytes ended after %d: %w", n, got, err)
	}
	return parseMessage(text.Bytes())
}

// parseMessage is strict: both ends are the same binary, so an unknown key is a mistake.
func parseMessage(text []byte) (message, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var m message
	if err := d.Decode(&m); err != nil {
		return message{}, fmt.Errorf("%w: %w", errProtocol, err)
	}
	if rest := text[d.InputOffset():]; len(bytes.TrimSpace(rest)) > 0 {
		return message{}, fmt.Errorf("%w: %d bytes after the message", errProtocol, len(rest))
	}
	if n := m.parts(); n != 1 {
		return message{}, fmt.Errorf("%w: a message of %d parts", errProtocol, n)
	}
	return m, nil
}
