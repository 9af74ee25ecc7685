// stored.go: one subpartition in a file: its entries, who reads it, and when the file goes.

package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"xbench/core/buffer"
)

// stored is a subpartition in a file (Flink: BoundedBlockingSubpartition). The file has no name: it is removed from its folder as soon as it
// is open, so that it is gone whenever the last descriptor is, also if the process is killed. All readers share the descriptor and
// read at positions of their own.
type stored struct {
	parent *ResultPartition
	index  int
	dir    string
	file   *os.File

	total contents // the task's, until it is finished

	mu struct {
		sync.Mutex
		finished bool // from now on total does not change
		released bool
		closed   bool // the file
		views    map[*View]struct{}
	}
}

// contents is what a file holds.
type contents struct {
	bytes   int64
	entries int // buffers and events
	data    int // of these, data buffers
	largest int // data buffer in bytes, before compression
}

func (s *stored) init(p *ResultPartition, index int, dir string) error {
	if dir == "" {
		dir = os.TempDir()
	}
	file, err := os.CreateTemp(dir, "xbench-subpartition-*")
	if err == nil {
		if err = os.Remove(file.Name()); err != nil {
			_ = file.Close()
		}
	}
	s.parent, s.index, s.dir, s.file = p, index, dir, file
	if err != nil {
		return s.storageError("creating", plain(err))
	}
	s.mu.views = make(map[*View]struct{})
	return nil
}

// add appends an entry whose content had so many bytes before compression. Task.
func (s *stored) add(entry []byte, t buffer.DataType, original int) error {
	if _, err := s.file.Write(entry); err != nil {
		return plain(err)
	}
	s.total.bytes += int64(len(entry))
	s.total.entries++
	if t.IsBuffer() {
		s.total.data++
		s.total.largest = max(s.total.largest, original)
	}
	return nil
}

// plain is err without the name of a file, which was chosen at random and is gone.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func (s *stored) storageError(doing string, err error) *StorageError {
	return &StorageError{ID: s.parent.id, Subpartition: s.index, Dir: s.dir, Doing: doing, Err: err}
}

// finish lets readers in. Task.
func (s *stored) finish() {
	s.mu.Lock()
	s.mu.finished = true
	s.mu.Unlock()
}

// createView is one more way through the file, from its beginning.
func (s *stored) createView(l Listener) (*View, error) {
	v := &View{index: s.index, listener: l}
	s.mu.Lock()
	finished, released := s.mu.finished, s.mu.released
	if finished && !released {
		s.mu.views[v] = struct{}{}
	}
	s.mu.Unlock()
	switch {
	case released:
		return nil, s.parent.goneError(s.parent.released.Load())
	case !finished:
		return nil, &ConsumerError{ID: s.parent.id, Subpartition: s.index, Reason: "Writing of blocking partition not yet finished."}
	}
	r, err := newReplay(s, v)
	if err != nil {
		s.leave(v)
		if errors.Is(err, os.ErrClosed) { // released in the meantime, for a reason
			err = s.parent.goneError(s.parent.released.Load())
		}
		return nil, err
	}
	v.source = r
	return v, nil
}

// leave takes a reader off. The last one of a released subpartition closes the file.
func (s *stored) leave(v *View) {
	s.mu.Lock()
	delete(s.mu.views, v)
	last := s.closeLocked()
	s.mu.Unlock()
	if last {
		s.close()
	}
}

// release ends the subpartition for those who come from now on and, if there is a cause, for those who read it.
func (s *stored) release(cause error) {
	var orphans []*View
	s.mu.Lock()
	s.mu.released = true
	if cause != nil {
		for v := range s.mu.views {
			orphans = append(orphans, v)
		}
		clear(s.mu.views)
	}
	last := s.closeLocked()
	s.mu.Unlock()
	for _, v := range orphans {
		if !v.released.Swap(true) {
			v.listener.DataAvailable() // whoever waits for data finds out that none will come
		}
	}
	if last {
		s.close()
	}
}

// closeLocked reports whether it is time to close the file, once.
func (s *stored) closeLocked() bool {
	if s.mu.closed || !s.mu.released || len(s.mu.views) > 0 {
		return false
	}
	s.mu.closed = true
	return true
}

// close lets the disk have its room back. A task that is just writing, or a reader that is just reading, finds the file closed.
func (s *stored) close() {
	_ = s.file.Close() // nothing of it is wanted any more
	s.parent.left()
}

// In front of each content in a file: its type, whether it is compressed (1), and its length, as two and two and four bytes, big-endian.
// (Flink: BufferReaderWriterUtil.)
const entryHeaderSize = 8

type entryHeader struct {
	typ        buffer.DataType // None: there is no entry
	compressed bool
	size       int
}

func (h entryHeader) put(b []byte) {
	binary.BigEndian.PutUint16(b, uint16(h.typ))
	binary.BigEndian.PutUint16(b[2:], 0)
	if h.compressed {
		b[3] = 1
	}
	binary.BigEndian.PutUint32(b[4:], uint32(h.size))
}

// header reads the header at a position of the file, and checks it: a file can be damaged.
func (s *stored) header(at int64, b []byte) (h entryHeader, err error) {
	if _, err := s.file.ReadAt(b[:entryHeaderSize], at); err != nil {
		return h, plain(err)
	}
	typ, compressed, size := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])
	h = entryHeader{typ: buffer.DataType(typ), compressed: compressed == 1, size: int(size)}
	left := s.total.bytes - at - entryHeaderSize
	switch {
	case typ == 0 || typ > 0xff || !h.typ.Valid() || compressed > 1 || int64(size) > left:
	case h.typ.IsBuffer() && h.size > s.total.largest:
	default:
		return h, nil
	}
	return h, fmt.Errorf("no entry at %d of %d: type %d, compressed %d, %d bytes", at, s.total.bytes, typ, compressed, size)
}
