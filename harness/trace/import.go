// import.go: makes a trace from the files in which others keep their events.

package trace

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// Form is how the events lie in a file.
type Form string

// The forms that Import reads. Auto looks at the first byte: an array when it is '[', lines when it is '{', else CSV.
const (
	Auto  Form = ""
	Array Form = "json"  // one JSON array of objects
	Lines Form = "jsonl" // JSON objects, one after the other
	CSV   Form = "csv"   // comma-separated values, the first record names the fields
)

// WholeObject as the name of the payload's field stands for the whole object, exactly as it stands in
// the file (in CSV: the record's line).
const WholeObject = "object"

// ImportOptions say what in a file is what. A field of a JSON object is named by its key, one
// of an object inside it by "outer.inner".
type ImportOptions struct {
	Form    Form
	Time    string // field of the time; must be set
	Layout  string // of the time: one of package time, "s", "ms", "us" or "ns" for a count since 1970; "": found out from the first
	Key     string // field of the key; "": all events have the key ""
	Size    string // field of the size in bytes; "": the payload's size or, without one, the object's
	Payload string // field of the payload, or WholeObject; "": none is kept
	Sort    bool   // events may come in any order; those of one instant keep theirs. Needs memory: see SortMaxBytes
}

// SortMaxBytes is how much memory events that are to be sorted may need, keys and payloads included.
const SortMaxBytes = 2 << 30

// ImportError says which record of a file could not be imported.
type ImportError struct {
	Record uint64 // from 1; in CSV, the one with the names does not count
	Line   int64  // in which it begins, from 1, of the unpacked file
	Offset int64  // of its first byte, of the unpacked file
	Err    error
}

func (e *ImportError) Error() string {
	return fmt.Sprintf("record %d (line %d, byte %d): %v", e.Record, e.Line, e.Offset, e.Err)
}

func (e *ImportError) Unwrap() error { return e.Err }

// record is one event of a file.
type record interface {
	// text is a field's content: that of a string, or the token as it stands. Objects and arrays are not text, null neither.
	text(field string) (string, error)
	// bytes is a field's content: that of a string, else as it stands. It may be kept.
	bytes(field string) ([]byte, error)
	// object is the record as it stands in the file. It may not be kept.
	object() []byte
}

// records hands out the records of a file. next says io.EOF at its end; where is the place of the record that next gave or failed on.
type records interface {
	next() (record, error)
	where() (line, offset int64)
}

// Import reads events from src and writes them as a trace to dst. The file may be packed with gzip
// or zstd. Time 0 is that of the earliest event. It returns how many events were imported. What is wrong with a
// record is an *ImportError; events that are not in order are ErrOrder inside it, unless they are to be sorted.
func Import(dst io.Writer, src io.Reader, o ImportOptions) (uint64, error) {
	if o.Time == "" {
		return 0, errors.New("import: no field of the time is named")
	}
	text, err := unpacked(src)
	if err != nil {
		return 0, err
	}
	defer text.close()
	from, err := open(text, o.Form)
	if err != nil {
		return 0, err
	}
	im := importer{o: o, from: from, moments: moments{layout: o.Layout}, dst: dst}
	if o.Sort {
		return im.sorted()
	}
	return im.stream()
}

// importer is one import under way.
type importer struct {
	o       ImportOptions
	from    records
	moments moments
	dst     io.Writer
	read    uint64 // records
	start   int64  // of the trace
	out     *Writer
}

// arrival is an event with the instant of its time, in nanoseconds since 1970.
type arrival struct {
	at int64
	Event
}

// stream imports events in the order in which they come.
func (im *importer) stream() (uint64, error) {
	for {
		a, err := im.next()
		if err == io.EOF {
			return im.finish()
		}
		if err != nil {
			return im.written(), err
		}
		if err := im.write(a); err != nil {
			if im.out != nil && im.out.err == nil { // not the destination's fault
				err = im.failed(err)
			}
			return im.written(), err
		}
	}
}

// sorted reads all events, and then imports them in the order of their times.
func (im *importer) sorted() (uint64, error) {
	var all []arrival
	needed := 0
	keys := map[string]string{}
	for {
		a, err := im.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		if known, ok := keys[a.Key]; ok {
			a.Key = known
		} else {
			keys[a.Key] = a.Key
			needed += len(a.Key) + 64
		}
		a.Payload = bytes.Clone(a.Payload)
		if needed += len(a.Payload) + 96; needed > SortMaxBytes {
			return 0, im.failed(fmt.Errorf("sorting needs more than %d MiB of memory", SortMaxBytes>>20))
		}
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	for _, a := range all {
		if err := im.write(a); err != nil {
			return im.written(), err
		}
	}
	return im.finish()
}

// next reads the next event.
func (im *importer) next() (arrival, error) {
	im.read++
	r, err := im.from.next()
	if err == io.EOF {
		return arrival{}, io.EOF
	}
	if err != nil {
		return arrival{}, im.failed(err)
	}
	a, err := im.arrival(r)
	if err != nil {
		return arrival{}, im.failed(err)
	}
	return a, nil
}

// arrival picks the event out of a record.
func (im *importer) arrival(r record) (a arrival, err error) {
	text, err := r.text(im.o.Time)
	if err != nil {
		return a, err
	}
	if a.at, err = im.moments.parse(text); err != nil {
		return a, fmt.Errorf("field %q: %w", im.o.Time, err)
	}
	if im.o.Key != "" {
		if a.Key, err = r.text(im.o.Key); err != nil {
			return a, err
		}
	}
	a.Size = int64(len(r.object()))
	switch im.o.Payload {
	case "":
	case WholeObject:
		a.Payload = r.object()
	default:
		if a.Payload, err = r.bytes(im.o.Payload); err != nil {
			return a, err
		}
		a.Size = int64(len(a.Payload))
	}
	if im.o.Size != "" {
		text, err := r.text(im.o.Size)
		if err != nil {
			return a, err
		}
		if a.Size, err = strconv.ParseInt(text, 10, 64); err != nil {
			return a, fmt.Errorf("field %q: %.40q is not a size in bytes", im.o.Size, text)
		}
	}
	return a, nil
}

// write writes one event. The first one decides where time 0 is.
func (im *importer) write(a arrival) (err error) {
	if im.out == nil {
		im.start = a.at
		if im.out, err = NewWriter(im.dst, a.at); err != nil {
			return err
		}
	}
	before := im.start + int64(im.out.last)
	if a.at < before {
		return fmt.Errorf("its time, %s, is before that of the record before, %s: %w",
			time.Unix(0, a.at).UTC().Format(time.RFC3339Nano), time.Unix(0, before).UTC().Format(time.RFC3339Nano), ErrOrder)
	}
	a.Time = time.Duration(a.at - im.start)
	if a.Time < 0 {
		return errors.New("its time is more than 292 years after the first one")
	}
	return im.out.Write(a.Event)
}

func (im *importer) finish() (uint64, error) {
	if im.out == nil {
		return 0, errors.New("import: the file holds no record")
	}
	return im.written(), im.out.Close()
}

func (im *importer) written() uint64 {
	if im.out == nil {
		return 0
	}
	return im.out.Events()
}

// failed says which record it was.
func (im *importer) failed(err error) error {
	line, offset := im.from.where()
	return &ImportError{Record: im.read, Line: line, Offset: offset, Err: err}
}
