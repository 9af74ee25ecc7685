// smux.go: github.com/xtaci/smux.

package field

import (
	"context"
	"io"
	"net"

	"github.com/xtaci/smux"
)

// smuxReceiveMin is smux's default for all streams together.
const smuxReceiveMin = 4 << 20

// smuxSession speaks version 2, the one with a window per stream. The session as a whole has a budget too, which would stop all streams
// when one is not read: it is made as large as all windows.
type smuxSession struct{ *smux.Session }

func newSmux(c net.Conn, client bool, channels int) (session, error) {
	config := smux.DefaultConfig()
	config.Version = 2
	config.MaxStreamBuffer = window
	config.MaxReceiveBuffer = max(smuxReceiveMin, min(channels*window, 1<<30))
	begin := smux.Server
	if client {
		begin = smux.Client
	}
	s, err := begin(c, config)
	return smuxSession{s}, err
}

func (s smuxSession) open(context.Context) (stream, error) {
	out, err := s.OpenStream()
	return smuxStream{out}, err
}

func (s smuxSession) accept(context.Context) (io.Reader, error) { return s.AcceptStream() }
func (s smuxSession) close() error                              { return s.Close() }

type smuxStream struct{ *smux.Stream }

func (s smuxStream) end() error { return s.CloseWrite() }
