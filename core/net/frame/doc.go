// doc.go: what the package is for and how its parts fit.

// Package frame is the codec of the data plane: bytes to messages and back, and nothing else. It knows no socket, no goroutine
// and no buffer pool, so that connections, taps and dissectors all use it.
//
// A connection carries frames, in both directions, without preamble. A frame is a length, a magic number, a message id and a body
// ([ParseHeader]). The consumer sends eight kinds ([ParseRequest], [Request]), the producer three, and a fourth that carries
// content ([ParseResponse], [Response]; [BufferHeader] for whoever reads the content straight into its own memory). Content that
// is not data is an [Event]. Everything is big-endian.
//
// Every message is a struct whose AppendTo appends the whole frame. Appending checks what the program itself made and panics on
// nonsense; parsing checks what a peer sent and returns a [*CorruptError], which wraps [ErrPeer].
package frame
