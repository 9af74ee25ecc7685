// libp2p.go: github.com/libp2p/go-yamux.

package field

import (
	"context"
	"io"
	"net"

	"github.com/libp2p/go-yamux/v5"
)

// libp2p has its defaults, and a larger buffer to read into: windows begin at 256 KiB and grow to 16 MiB as needed; small writes wait up to 100 us
// for others.
type libp2p struct{ *yamux.Session }

func newLibp2p(c net.Conn, client bool, channels int) (session, error) {
	config := yamux.DefaultConfig()
	config.AcceptBacklog = max(config.AcceptBacklog, channels)
	config.MaxIncomingStreams = max(config.MaxIncomingStreams, uint32(channels))
	config.LogOutput = io.Discard
	config.ReadBufSize = readAhead
	begin := yamux.Server
	if client {
		begin = yamux.Client
	}
	s, err := begin(c, config, nil)
	return libp2p{s}, err
}

func (s libp2p) open(ctx context.Context) (stream, error) {
	out, err := s.OpenStream(ctx)
	return libp2pStream{out}, err
}

func (s libp2p) accept(context.Context) (io.Reader, error) { return s.AcceptStream() }
func (s libp2p) close() error                              { return s.Close() }

type libp2pStream struct{ *yamux.Stream }

func (s libp2pStream) end() error { return s.CloseWrite() }
