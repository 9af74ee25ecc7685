// consumer.go: a reader of a segment that may still be written.

package buffer

import "fmt"

// A Consumer reads what a Builder publishes. It is a value that lies in the queue of a subpartition; its methods move
// its own position only, under whatever guards the queue. It keeps a private copy of the builder's marker and looks
// again in Build and Skip. After Flink's BufferConsumer.
type Consumer struct {
	buf  Buffer // the whole memory, from where the builder began
	read int32  // bytes handed out so far
	seen int32  // the marker at the last look; negative is for good
}

// FinishedConsumer is the reader of a complete buffer, whose reference it takes over: an event, or data that
// comes from elsewhere than a builder.
func FinishedConsumer(b Buffer) Consumer {
	return Consumer{buf: b, seen: finishedAt(b.Len())}
}

// look brings seen up to date.
func (c *Consumer) look() {
	if owned {
		c.buf.seg.check(c.buf.turn)
	}
	if c.seen >= 0 {
		c.seen = c.buf.seg.written.Load()
	}
}

// latest is the marker now, without remembering it.
func (c *Consumer) latest() int32 {
	if owned {
		c.buf.seg.check(c.buf.turn)
	}
	if c.seen < 0 {
		return c.seen
	}
	return c.buf.seg.written.Load()
}

// Build is what was published since the last Build or Skip, as a buffer with a reference of its own; it may be empty.
// Two of them never overlap, and all together are all the bytes.
func (c *Consumer) Build() Buffer {
	c.look()
	if c.buf.compressed && c.read != 0 {
		panic(fmt.Sprintf("buffer: the rest from %d of a compressed buffer", c.read))
	}
	b := c.buf.Retain()
	b.part = true
	b.off += c.read
	b.n = c.unread()
	c.read += b.n
	return b
}

// unread is how much of what was seen is not read. A consumer made ahead of the marker has nothing to read until that passes it.
func (c *Consumer) unread() int32 { return max(0, int32(position(c.seen))-c.read) }

// Skip passes over n bytes as if they had been built. Panics when there are not as many.
func (c *Consumer) Skip(n int) {
	c.look()
	if left := int(c.unread()); n < 0 || n > left {
		panic(fmt.Sprintf("buffer: skipping %d of %d bytes", n, left))
	}
	c.read += int32(n)
}

// IsFinished reports whether the builder had finished when this consumer last looked (in Build, Skip, or at its making). A finish
// after that is not noticed here: then the last bytes, perhaps none, are still to be built.
func (c *Consumer) IsFinished() bool { return c.seen < 0 }

// IsDataAvailable reports whether there are bytes to build, as of now.
func (c *Consumer) IsDataAvailable() bool { return position(c.latest()) > int(c.read) }

// Written is the number of bytes published by the builder, as of now.
func (c *Consumer) Written() int { return position(c.latest()) }

// Unread is the number of bytes published by the builder and not built, as of now.
func (c *Consumer) Unread() int { return max(0, c.Written()-int(c.read)) }

// Copy is another reader at the same position, with a reference of its own: for broadcasts, and for what is in flight.
func (c *Consumer) Copy() Consumer {
	d := *c
	d.buf = c.buf.Retain()
	return d
}

// CopyAt is a Copy that reads from a position of its own, in bytes from the beginning.
func (c *Consumer) CopyAt(read int) Consumer {
	d := c.Copy()
	d.read = int32(read)
	return d
}

// Type says what the content is.
func (c *Consumer) Type() DataType { return c.buf.typ }

// IsZero reports whether c reads nothing: closed, or never opened.
func (c *Consumer) IsZero() bool { return c.buf.seg == nil }

// Close gives the reference back and leaves the zero value; buffers built stay valid. Nothing to do on a zero value.
func (c *Consumer) Close() {
	b := c.buf
	*c = Consumer{}
	if !b.IsZero() {
		b.Recycle()
	}
}
