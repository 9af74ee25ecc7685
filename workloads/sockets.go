// sockets.go: what the kernel knows of this process's data sockets: a witness that is not the exchange's own.

package workloads

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// socketFacts are those of all data sockets together.
type socketFacts struct {
	dialed     int    // how many this process connected
	congestion string // "" without a socket; several, if they differ
	received   uint64 // bytes, by those that were dialed
}

// dataSockets looks at the connected TCP sockets of this process whose one end is the producer's port.
func dataSockets(producer string) (socketFacts, error) {
	_, text, err := net.SplitHostPort(producer)
	if err != nil {
		return socketFacts{}, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return socketFacts{}, fmt.Errorf("port of %s: %w", producer, err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return socketFacts{}, fmt.Errorf("looking for the data sockets: %w", err)
	}
	var all socketFacts
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		local, err := unix.Getsockname(fd)
		if err != nil {
			continue // not a socket
		}
		remote, err := unix.Getpeername(fd)
		if err != nil {
			continue // one that listens, or is gone
		}
		if dialed := portOf(remote) == port; dialed || portOf(local) == port {
			all.add(fd, dialed)
		}
	}
	return all, nil
}

// add looks at one socket. One that is gone by now is none.
func (f *socketFacts) add(fd int, dialed bool) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return
	}
	algorithm, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	if err != nil {
		return
	}
	if dialed {
		f.dialed++
		f.received += info.Bytes_received
	}
	if f.congestion == "" {
		f.congestion = algorithm
	} else if f.congestion != algorithm {
		f.congestion += "+" + algorithm
	}
}

func portOf(a unix.Sockaddr) int {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return a.Port
	case *unix.SockaddrInet6:
		return a.Port
	}
	return -1
}
