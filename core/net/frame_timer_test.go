package net

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"xbench/core/meter"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
)

// TestFrameThatStopsHalfWay: the connection ends when the time for one frame is over, however often a byte of it comes; between two
// frames a peer may be silent for as long as it likes.
func TestFrameThatStopsHalfWay(t *testing.T) {
	request := frame.AddCredit{Credit: 1}.AppendTo(nil)
	for name, c := range map[string]struct {
		send  func(peer net.Conn)
		after time.Duration // when the connection ends; 0: not within an hour
	}{
		"half a frame":         {func(peer net.Conn) { write(peer, request[:5]) }, 10 * time.Second},
		"byte by byte, slowly": {func(peer net.Conn) { trickle(peer, request, time.Second) }, 10 * time.Second},
		"whole, then silence":  {func(peer net.Conn) { write(peer, request) }, 0},
		"slow, but in time":    {func(peer net.Conn) { trickle(peer, request, 100*time.Millisecond) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, peer := net.Pipe()
				o := Options{Clock: func() meter.Time { return 0 }, FrameTimeout: 10 * time.Second}
				s, err := newStream(here, o)
				if err != nil {
					t.Fatal(err)
				}
				registry := partition.NewRegistry(time.Second)
				conn := newServerConn(s, "peer", registry, o)
				begin := time.Now()
				ended := make(chan time.Duration, 1)
				go func() {
					conn.run()
					ended <- time.Since(begin)
				}()
				go func() { // reads the answers, so that the server never waits to write
					buf := make([]byte, 1<<10)
					for {
						if _, err := peer.Read(buf); err != nil {
							return
						}
					}
				}()
				go c.send(peer)
				time.Sleep(time.Hour)
				synctest.Wait()
				select {
				case got := <-ended:
					var timeout *FrameTimeoutError
					if got != c.after || !errors.As(conn.err, &timeout) {
						t.Errorf("ended after %v with %v, want %v", got, conn.err, c.after)
					}
				default:
					if c.after != 0 {
						t.Errorf("still open, want its end after %v", c.after)
					}
					conn.end(errServerClosed)
					<-ended
				}
				_ = peer.Close()
				registry.Close()
			})
		})
	}
}

func write(peer net.Conn, b []byte) { _, _ = peer.Write(b) }

func trickle(peer net.Conn, b []byte, pause time.Duration) {
	for i := range b {
		if _, err := peer.Write(b[i : i+1]); err != nil {
			return
		}
		time.Sleep(pause)
	}
}
