// stream_test.go: vectors through real sockets, pipes and TLS; the patience with a frame, which must not end a connection that goes on.

package net

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"xbench/core/meter"
)

// tcpPair is a stream on one end of a TCP connection, and the other end.
func tcpPair(t *testing.T, o Options) (stream, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStream(near, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.close()
		_ = far.Close()
	})
	return s, far.(*net.TCPConn)
}

// TestFrameTimerForgetsAFrameThatCameWhole: a receiver that had to wait for the rest of one frame, and since then never had to wait again, has a peer
// as good as any, however long ago that was.
func TestFrameTimerForgetsAFrameThatCameWhole(t *testing.T) {
	const limit = 500 * time.Millisecond
	s, far := tcpPair(t, Options{Clock: still, FrameTimeout: limit})
	s.(*tcpStream).timer.wait(1) // as when the first frame had to be waited for
	if _, err := far.Write(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	for k := range uint64(10) { // a frame of a byte each
		if _, err := s.readv([][]byte{make([]byte, 1)}, k+1); err != nil {
			t.Fatalf("frame %d: %v", k, err)
		}
		if k == 5 {
			time.Sleep(limit + limit/4)
		}
	}
}

// TestVectorsArriveWhole: any number of vectors of any size, more than the kernel takes at once and more than the socket holds, through every kind of
// stream; read back with vectors of any size.
func TestVectorsArriveWhole(t *testing.T) {
	streamOn := func(t *testing.T, c net.Conn) stream {
		s, err := newStream(c, Options{Clock: still})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, open := range map[string]func(t *testing.T) (near, far stream){
		"tcp": func(t *testing.T) (near, far stream) {
			near, c := tcpPair(t, Options{Clock: still})
			return near, streamOn(t, c)
		},
		"pipe": func(t *testing.T) (near, far stream) {
			a, b := net.Pipe()
			return streamOn(t, a), streamOn(t, b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := open(t)
			const seed = 7
			t.Logf("rerun with SEED=%d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			var vectors [][]byte
			var want bytes.Buffer
			for range 3*maxVectors + 1 {
				n := rng.IntN(40)
				if rng.IntN(100) == 0 {
					n = rng.IntN(200 << 10)
				}
				v := make([]byte, n)
				for i := range v {
					v[i] = byte(rng.Uint32())
				}
				vectors = append(vectors, v)
				want.Write(v)
			}
			var writing sync.WaitGroup
			writing.Go(func() {
				if err := near.writev(vectors); err != nil {
					t.Error(err)
				}
				if near.closeWrite() != nil {
					_ = near.close() // a pipe has no half
				}
			})
			var got bytes.Buffer
			for {
				into := [][]byte{make([]byte, 1+rng.IntN(3000)), make([]byte, 1+rng.IntN(70_000))}
				n, err := far.readv(into, 0)
				first := min(n, len(into[0]))
				got.Write(into[0][:first])
				got.Write(into[1][:n-first])
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			writing.Wait()
			_, _ = near.close(), far.close()
			if !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("%d bytes arrived of %d, or others", got.Len(), want.Len())
			}
		})
	}
}

// TestWaitForTheSocketIsReported, in sum, when the peer does not read.
func TestWaitForTheSocketIsReported(t *testing.T) {
	var waits meter.Waits
	parked := make(chan struct{}, 1000)
	clock := func() meter.Time { // a stream looks at it when its writer begins to wait, and when it has waited
		parked <- struct{}{}
		return meter.Time(1 + len(parked))
	}
	s, far := tcpPair(t, Options{Clock: clock, Waits: &waits})
	const bytes = 32 << 20 // more than the buffers of a loopback connection
	var writing sync.WaitGroup
	writing.Go(func() {
		if err := s.writev([][]byte{make([]byte, bytes)}); err != nil {
			t.Error(err)
		}
	})
	<-parked
	if _, err := io.CopyN(io.Discard, far, bytes); err != nil {
		t.Fatal(err)
	}
	writing.Wait()
	if w := waits.Total(meter.Socket); w.Count == 0 || w.Ns <= 0 {
		t.Errorf("waited %+v", w)
	}
}

// TestStreamErrors: the end, a reset, and closing under a reader and a writer that wait.
func TestStreamErrors(t *testing.T) {
	t.Run("end", func(t *testing.T) {
		s, far := tcpPair(t, Options{Clock: still})
		_ = far.Close()
		if _, err := s.readv([][]byte{make([]byte, 1)}, 0); err != io.EOF {
			t.Errorf("read: %v", err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		s, far := tcpPair(t, Options{Clock: still})
		_ = far.SetLinger(0)
		_ = far.Close()
		if _, err := s.readv([][]byte{make([]byte, 1)}, 0); !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
		if err := s.writev([][]byte{make([]byte, 1)}); !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("write: %v", err)
		}
	})
	t.Run("closed", func(t *testing.T) {
		s, _ := tcpPair(t, Options{Clock: still})
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := s.readv([][]byte{make([]byte, 1)}, 0); !errors.Is(err, net.ErrClosed) {
				t.Errorf("read: %v", err)
			}
		})
		both.Go(func() {
			if err := s.writev([][]byte{make([]byte, 64<<20)}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write: %v", err)
			}
		})
		time.Sleep(10 * time.Millisecond)
		_ = s.close()
		both.Wait()
	})
}
