// congestion.go: which congestion control a connection uses, where it shall not be the machine's default.

package net

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// CongestionError says that the kernel refused a congestion control.
type CongestionError struct {
	Algorithm string
	Err       error
}

func (e *CongestionError) Error() string {
	return fmt.Sprintf("congestion control %q: %v (net.ipv4.tcp_allowed_congestion_control lists those that anybody may use)", e.Algorithm, e.Err)
}

func (e *CongestionError) Unwrap() error { return e.Err }

// congestion is the name of an algorithm; empty: the machine's default.
type congestion string

// control is for net.Dialer and net.ListenConfig: it sets the algorithm before the socket connects or listens. What a listener accepts has
// that of the listener.
func (c congestion) control(_, _ string, raw syscall.RawConn) (err error) {
	if c == "" {
		return nil
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, string(c))
	})
	if refused != nil {
		return &CongestionError{Algorithm: string(c), Err: refused}
	}
	return err
}
