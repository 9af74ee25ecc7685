// spill.go: a record too large for memory, in a file while it is gathered and mapped once it is whole.

package serde

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
)

// spillBufferSize is what is written to the file at once. Every channel in the middle of such a record has one, and Flink's 2 MiB are hardly
// faster: BenchmarkSpanningLarge/spilled runs at 2.2 GB/s with it, 1.3 with 32 KiB, 2.5 with 2 MiB, and 3.5 with all of it in memory.
const spillBufferSize = 256 << 10

// spill holds the record that is being gathered, and then its payload until that is done with (Flink: SpanningWrapper, with a
// RefCountedFile).
//
// Its memory is one buffer while it is gathered, nothing afterwards: the payload is a read-only mapping of the file, whose pages belong to
// the system, which drops and reads them again as it pleases. The file has lost its name before the first byte is in it, so whatever
// happens to the process, the disk gets its space back. What a mapping cannot do is to return an error: a disk that takes the bytes and cannot
// give them back ends the process.
type spill struct {
	file    *os.File // nil: whole, or released
	length  int      // that the payload will have
	written int      // bytes of it in the file
	pending []byte   // behind those, not yet in the file
	mapped  []byte   // the payload, once it is whole
}

// newSpill makes a file in one of the folders. Which one is left to chance: they are there to share the load, and nothing else depends on
// it. A folder that does not work is passed over as long as there is another.
func newSpill(dirs []string, length int) (*spill, error) {
	var faults []error
	first := rand.IntN(len(dirs))
	for i := range dirs {
		f, err := createNameless(dirs[(first+i)%len(dirs)])
		if err == nil {
			return &spill{file: f, length: length, pending: make([]byte, 0, spillBufferSize)}, nil
		}
		faults = append(faults, err)
	}
	return nil, errors.Join(faults...)
}

// createNameless makes a file that is gone with its descriptor.
func createNameless(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "*.inputchannel")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// size is how many bytes of the payload are there.
func (s *spill) size() int { return s.written + len(s.pending) }

// append adds b to the payload.
func (s *spill) append(b []byte) error {
	if len(b) > cap(s.pending)-len(s.pending) {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if len(b) > cap(s.pending) {
		return s.write(b)
	}
	s.pending = append(s.pending, b...)
	return nil
}

func (s *spill) flush() error {
	b := s.pending
	s.pending = b[:0]
	return s.write(b)
}

func (s *spill) write(b []byte) error {
	n, err := s.file.Write(b)
	s.written += n
	return err
}

// payload is the whole record, valid until release.
func (s *spill) payload() ([]byte, error) {
	err := s.flush()
	if err != nil {
		return nil, err
	}
	s.mapped, err = syscall.Mmap(int(s.file.Fd()), 0, s.length, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	s.closeFile() // the mapping keeps it
	return s.mapped, nil
}

// reader reads what is there so far, until the next call of another method.
func (s *spill) reader() io.Reader {
	return io.MultiReader(io.NewSectionReader(s.file, 0, int64(s.written)), bytes.NewReader(s.pending))
}

// release gives everything back. Whoever still looks at the payload dies of it.
func (s *spill) release() {
	s.closeFile()
	if s.mapped != nil {
		if err := syscall.Munmap(s.mapped); err != nil {
			panic(fmt.Sprintf("serde: unmapping a payload of %d bytes: %v", len(s.mapped), err))
		}
		s.mapped = nil
	}
}

func (s *spill) closeFile() {
	if s.file != nil {
		_ = s.file.Close() // nobody will read it again
		s.file, s.pending = nil, nil
	}
}

// SpillError says that a record is too large for memory and could not be kept in a file either: the disk is full, or the folder is not there.
// The channel cannot go on.
type SpillError struct {
	Length    int // of the record
	Threshold int // what is kept in memory
	Err       error
}

// Error says which record it is and what the file system says.
func (e *SpillError) Error() string {
	return fmt.Sprintf("a record of %d bytes, of which at most %d are kept in memory, cannot be spilled: %v", e.Length, e.Threshold, e.Err)
}

func (e *SpillError) Unwrap() error { return e.Err }
