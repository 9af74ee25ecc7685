// storage.go: what the task of a replayable partition writes, on its way into files. Finishing and releasing them is at the end.

package partition

import (
	"fmt"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// storage is what makes a partition replayable: one file per subpartition, and the task's way there (Flink:
// BoundedBlockingResultPartition). keep and finish belong to the task.
type storage struct {
	parent     *ResultPartition
	subs       []stored
	compressor *buffer.Compressor
	scratch    []byte // an entry that does not lie in a segment
}

// newStorage makes the files, or none. Errors: *StorageError.
func newStorage(p *ResultPartition, spec Spec) (*storage, error) {
	s := &storage{parent: p, subs: make([]stored, spec.Subpartitions), compressor: buffer.NewCompressor(spec.Codec)}
	for i := range s.subs {
		if err := s.subs[i].init(p, i, spec.Dir); err != nil {
			for k := range i {
				s.subs[k].release(nil)
			}
			return nil, err
		}
	}
	return s, nil
}

// keep compresses the content of b, of which there must be no other reference, and stores it for the subpartitions from first up
// to, not including, end. b is taken over, also when there is an error: then the partition is released with it.
func (s *storage) keep(b buffer.Buffer, first, end int) error {
	defer b.Recycle()
	if s.parent.IsReleased() {
		return s.parent.cancelledError()
	}
	n := b.Len()
	b = s.compressor.Compress(b)
	e := s.entry(b)
	for i := first; i < end; i++ {
		if err := s.subs[i].add(e, b.Type(), n); err != nil {
			return s.fail(&s.subs[i], err)
		}
	}
	return nil
}

// entry is b as it stands in a file: in its segment, where there is room for the header in front of it.
func (s *storage) entry(b buffer.Buffer) []byte {
	e := b.Framed(entryHeaderSize)
	if e == nil {
		s.scratch = append(append(s.scratch[:0], make([]byte, entryHeaderSize)...), b.Bytes()...)
		e = s.scratch
	}
	entryHeader{typ: b.Type(), compressed: b.Compressed(), size: b.Len()}.put(e)
	return e
}

func (s *storage) keepEvent(content []byte, t buffer.DataType) error {
	return s.keep(buffer.Unpooled(content, t), 0, len(s.subs))
}

// finish stores the end of the partition, and lets readers in.
func (s *storage) finish() error {
	if err := s.keepEvent(frame.AppendEvent(nil, frame.EndOfPartition{}), buffer.EndOfPartition); err != nil {
		return err
	}
	for i := range s.subs {
		s.subs[i].finish()
	}
	return nil
}

// fail gives the partition up, because what it needs cannot be stored: a part of it is worth nothing, and takes room on a disk that may be
// full. If the partition was released in the meantime, which closes the files, that is the reason.
func (s *storage) fail(of *stored, err error) error {
	if s.parent.IsReleased() {
		return s.parent.cancelledError()
	}
	e := of.storageError("writing", err)
	s.parent.Release(e)
	return e
}

// release closes the files that nobody reads; those who read hear of a cause, or go on if there is none.
func (s *storage) release(cause error) {
	for i := range s.subs {
		s.subs[i].release(cause)
	}
}

// A StorageError says that the files of a replayable partition could not be made, written or read: the fault of the disk, or of whoever fills it.
type StorageError struct {
	ID           frame.ResultPartitionID
	Subpartition int
	Dir          string // where the file is, or should be; it has no name
	Doing        string // "creating", "writing", "reading"
	Err          error
}

func (e *StorageError) Error() string {
	return fmt.Sprintf("partition %v: %s the file of subpartition %d in %s: %v", e.ID, e.Doing, e.Subpartition, e.Dir, e.Err)
}

func (e *StorageError) Unwrap() error { return e.Err }
