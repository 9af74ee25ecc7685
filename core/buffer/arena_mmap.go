//go:build linux && !race && !own

// arena_mmap.go: segments off the Go heap, in one mapping that is resident before the first record.

package buffer

import (
	"errors"

	"golang.org/x/sys/unix"
)

// arena is the memory of one pool.
type arena struct {
	mem    []byte
	stride int
}

// newArena maps segments of stride bytes each, faulted in at once: left to the first writer, page faults were 31 % of a sender's profile. In huge
// pages where the system has them: a writer with 10,000 channels touches a page of 4 KiB per record otherwise, more than any processor translates without
// looking it up.
func newArena(segments, stride int) (*arena, error) {
	mem, err := unix.Mmap(-1, 0, segments*stride, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, err
	}
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // a wish
	err = unix.Madvise(mem, unix.MADV_POPULATE_WRITE)
	if errors.Is(err, unix.EINVAL) { // before Linux 5.14
		for i := 0; i < len(mem); i += pageSize {
			mem[i] = 0
		}
		err = nil
	}
	if err != nil {
		return nil, errors.Join(err, unix.Munmap(mem))
	}
	return &arena{mem: mem, stride: stride}, nil
}

// pageSize is the smallest there is: a larger one is touched more often than it needs to be.
const pageSize = 4 << 10

// block is the memory of segment i, stride bytes.
func (a *arena) block(i int) []byte {
	return a.mem[i*a.stride : (i+1)*a.stride : (i+1)*a.stride]
}

// free unmaps. Whoever still looks at a block dies of it, so every segment has to be home.
func (a *arena) free() error {
	mem := a.mem
	a.mem = nil
	return unix.Munmap(mem)
}
