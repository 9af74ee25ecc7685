// hashicorp.go: github.com/hashicorp/yamux.

package field

import (
	"context"
	"io"
	"net"

	"github.com/hashicorp/yamux"
)

// window is what a stream's receiver lets its sender send ahead, where that is a setting: four times yamux's smallest, 32 batches, and more than
// a loopback's bandwidth times its delay, so that no reader that keeps up is ever waited for. Where a library adapts its window by itself, it does.
const window = 1 << 20

type hashicorp struct{ *yamux.Session }

func newHashicorp(c net.Conn, client bool, channels int) (session, error) {
	config := yamux.DefaultConfig()
	config.MaxStreamWindowSize = window
	config.AcceptBacklog = max(config.AcceptBacklog, channels)
	config.LogOutput = io.Discard
	begin := yamux.Server
	if client {
		begin = yamux.Client
	}
	s, err := begin(c, config)
	return hashicorp{s}, err
}

func (s hashicorp) open(context.Context) (stream, error) {
	out, err := s.OpenStream()
	return hashicorpStream{out}, err
}

func (s hashicorp) accept(ctx context.Context) (io.Reader, error) {
	return s.AcceptStreamWithContext(ctx)
}
func (s hashicorp) close() error { return s.Close() }

type hashicorpStream struct{ *yamux.Stream }

// end closes this direction alone.
func (s hashicorpStream) end() error { return s.Close() }
