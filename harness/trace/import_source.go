// import_source.go: the text of a file: unpacked, and with places that can be named.

package trace

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// recordMaxBytes bounds one record of an imported file.
	recordMaxBytes = PayloadMaxBytes
	// zstdWindowMax bounds what unpacking a zstd file may need: 128 MiB is what its own tool accepts.
	zstdWindowMax = 128 << 20
)

var errRecordSize = fmt.Errorf("longer than %d MiB", recordMaxBytes>>20)

// text is the unpacked text of a file.
type text struct {
	*bufio.Reader
	closers []func()
}

func (t *text) close() {
	for _, c := range t.closers {
		c()
	}
}

// unpacked recognises how a file is packed by how it begins.
func unpacked(src io.Reader) (*text, error) {
	packed := bufio.NewReaderSize(src, 64<<10)
	begin, err := packed.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("import: %w", err)
	}
	switch {
	case bytes.HasPrefix(begin, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(packed)
		if err != nil {
			return nil, fmt.Errorf("import: gzip: %w", err)
		}
		return &text{Reader: bufio.NewReaderSize(z, 64<<10)}, nil
	case bytes.Equal(begin, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindowMax))
		if err != nil {
			return nil, fmt.Errorf("import: zstd: %w", err)
		}
		return &text{Reader: bufio.NewReaderSize(z, 64<<10), closers: []func(){z.Close}}, nil
	}
	return &text{Reader: packed}, nil
}

// open finds the form of a text, and what reads its records.
func open(t *text, form Form) (records, error) {
	if mark, _ := t.Peek(3); string(mark) == "\xef\xbb\xbf" {
		return nil, errors.New("import: the file begins with a byte order mark")
	}
	if form == Auto {
		begin, err := firstByte(t.Reader)
		if err != nil {
			return nil, err
		}
		switch begin {
		case '[':
			form = Array
		case '{':
			form = Lines
		default:
			form = CSV
		}
	}
	switch form {
	case Array, Lines:
		return &objects{src: t.Reader, array: form == Array, line: 1}, nil
	case CSV:
		return openCSV(t.Reader)
	}
	return nil, fmt.Errorf("import: unknown form %q: json, jsonl and csv are known", form)
}

// firstByte is the first byte that is not white space, among the first 4 KiB.
func firstByte(r *bufio.Reader) (byte, error) {
	for n := 1; n <= 4<<10; n++ {
		p, err := r.Peek(n)
		if err == io.EOF {
			return 0, errors.New("import: the file is empty")
		}
		if err != nil {
			return 0, fmt.Errorf("import: %w", err)
		}
		if !isSpace(p[n-1]) {
			return p[n-1], nil
		}
	}
	return 0, errors.New("import: the file begins with 4 KiB of white space")
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
