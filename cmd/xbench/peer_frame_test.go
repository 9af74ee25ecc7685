// peer_frame_test.go: a peer that begins a frame and does not end it.

package main

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"xbench/core/net/frame"
)

// TestPeerServeEndsAConnectionThatStopsHalfWay: --frame-timeout, over a real socket.
func TestPeerServeEndsAConnectionThatStopsHalfWay(t *testing.T) {
	producer, address := beginServe(t, "--frame-timeout", "50ms")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(frame.AddCredit{Credit: 1}.AppendTo(nil)[:7]); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection was not ended: %v", err)
	}
	if err := producer.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	producer.end(t)
}
