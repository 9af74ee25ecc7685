// decompress.go: compressed buffers become what they were right after they are polled, remote and local ones alike.

package gate

import (
	"fmt"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// decompress makes a of channel i readable for the task. It happens in the buffer's own segment, so that it takes no memory that was not the
// channel's before. What cannot be decompressed fails the channel for good: with a hole its stream has no meaning. Task.
func (g *InputGate) decompress(i int, a arrival) (arrival, error) {
	if !a.buf.Compressed() {
		return a, nil
	}
	if g.decompressor == nil {
		g.decompressor = buffer.NewDecompressor(g.o.Codec)
	}
	var err error
	if a.buf, err = g.decompressor.Decompress(a.buf); err == nil {
		return a, nil
	}
	a.buf.Recycle()
	err = fmt.Errorf("buffer %d: %w: %w", a.sequence, frame.ErrPeer, err)
	g.channels[i].OnError(err)
	return arrival{}, &ChannelError{Channel: i, Err: err}
}
