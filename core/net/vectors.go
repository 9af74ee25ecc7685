//go:build !race

// vectors.go: readv and writev without an allocation.

package net

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// vectors are memory for the kernel's view of a [][]byte. unix.Readv and Writev make their own, and make it again for more than 8, 16, 32 ...: five
// objects for 128 buffers. Each belongs to who reads, or who writes.
type vectors struct{ list []unix.Iovec }

func (v *vectors) readv(fd int, into [][]byte) (int, error) { return v.call(unix.SYS_READV, fd, into) }

func (v *vectors) writev(fd int, from [][]byte) (int, error) {
	return v.call(unix.SYS_WRITEV, fd, from)
}

func (v *vectors) call(number uintptr, fd int, slices [][]byte) (int, error) {
	for _, s := range slices {
		if len(s) > 0 {
			v.list = append(v.list, unix.Iovec{Base: &s[0], Len: uint64(len(s))})
		}
	}
	if len(v.list) == 0 {
		return 0, nil
	}
	n, _, errno := unix.Syscall(number, uintptr(fd), uintptr(unsafe.Pointer(&v.list[0])), uintptr(len(v.list)))
	clear(v.list) // what points to memory that is unmapped later must not lie about in the heap
	v.list = v.list[:0]
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
