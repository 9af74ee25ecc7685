// import_csv.go: records that are lines of comma-separated values.

package trace

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
)

// rows reads the records of a CSV text.
type rows struct {
	csv    *csv.Reader
	window window
	names  []string
	begin  struct{ line, offset int64 }
	row    row
}

// openCSV reads the names of the fields.
func openCSV(src io.Reader) (*rows, error) {
	r := &rows{}
	r.window.src = src
	r.csv = csv.NewReader(&r.window)
	r.csv.ReuseRecord = true
	names, err := r.csv.Read()
	if err != nil {
		return nil, fmt.Errorf("import: names of the fields: %w", err)
	}
	r.names = slices.Clone(names)
	r.window.cut(r.csv.InputOffset())
	return r, nil
}

func (r *rows) where() (line, offset int64) { return r.begin.line, r.begin.offset }

func (r *rows) next() (record, error) {
	fields, err := r.csv.Read()
	end := r.csv.InputOffset()
	raw := r.window.cut(end)
	line := bytes.Trim(raw, "\r\n") // empty lines are skipped by the reader, and belong to no record
	r.begin.offset = end - int64(len(bytes.TrimLeft(raw, "\r\n")))
	var syntax *csv.ParseError
	switch {
	case errors.As(err, &syntax):
		r.begin.line = int64(syntax.StartLine)
		return nil, syntax.Err
	case err != nil:
		return nil, err
	}
	at, _ := r.csv.FieldPos(0)
	r.begin.line = int64(at)
	r.row = row{names: r.names, fields: fields, raw: line}
	return &r.row, nil
}

// window keeps what a csv.Reader has read but not handed out, and bounds it.
type window struct {
	src  io.Reader
	base int64 // offset of kept's first byte
	kept []byte
	used int // bytes of kept that were cut, and may go
}

// windowMax: the longest record, and what the csv.Reader reads ahead.
const windowMax = recordMaxBytes + 64<<10

func (w *window) Read(p []byte) (int, error) {
	w.kept = w.kept[:copy(w.kept, w.kept[w.used:])]
	w.base += int64(w.used)
	w.used = 0
	if len(w.kept) > windowMax {
		return 0, errRecordSize
	}
	n, err := w.src.Read(p)
	w.kept = append(w.kept, p[:n]...)
	return n, err
}

// cut is everything up to the offset that was not cut before. It stays valid until the next Read.
func (w *window) cut(to int64) []byte {
	from := w.used
	w.used = int(to - w.base)
	return w.kept[from:w.used]
}

// row is a record of a CSV text.
type row struct {
	names, fields []string
	raw           []byte
}

func (r *row) object() []byte { return r.raw }

func (r *row) text(name string) (string, error) {
	i := slices.Index(r.names, name)
	if i < 0 {
		return "", fmt.Errorf("it has no field %q", name)
	}
	return r.fields[i], nil
}

func (r *row) bytes(name string) ([]byte, error) {
	s, err := r.text(name)
	return []byte(s), err
}
