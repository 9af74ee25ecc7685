package net

import (
	"errors"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"xbench/core/net/partition"
)

// inForce is the congestion control of a connection.
func inForce(t *testing.T, c net.Conn) (name string) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e := raw.Control(func(fd uintptr) { name, err = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	return name
}

// TestCongestionControl: reno is there in every kernel. What a listener accepts has it, and what a dialer connects; without the option both have
// the machine's default.
func TestCongestionControl(t *testing.T) {
	bare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	usual, err := net.Dial("tcp", bare.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer usual.Close()
	for option, want := range map[string]string{"reno": "reno", "": inForce(t, usual)} {
		l, err := (&net.ListenConfig{Control: congestion(option).control}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		dialed, err := (&net.Dialer{Control: congestion(option).control}).Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if a, d := inForce(t, accepted), inForce(t, dialed); a != want || d != want {
			t.Errorf("option %q: accepted with %s, dialed with %s, want %s", option, a, d, want)
		}
		_, _, _ = accepted.Close(), dialed.Close(), l.Close()
	}
}

// TestCongestionControlRefused: the error names the algorithm, on both ends, and blames nobody else.
func TestCongestionControlRefused(t *testing.T) {
	const unknown = "nosuchalgorithm"
	var refused *CongestionError
	_, err := Listen("127.0.0.1:0", partition.NewRegistry(0), Options{Congestion: unknown})
	if !errors.As(err, &refused) || !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), `"nosuchalgorithm"`) {
		t.Errorf("listening: %v", err)
	}
	bare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	c := NewClient(Options{Congestion: unknown})
	defer c.Close()
	_, err = c.connect(t.Context(), connKey{address: bare.Addr().String()})
	var local *LocalTransportError
	if !errors.As(err, &refused) || !errors.As(err, &local) || !strings.Contains(err.Error(), `"nosuchalgorithm"`) {
		t.Errorf("dialing: %v", err)
	}
}
