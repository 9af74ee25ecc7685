// import_json.go: records that are JSON objects.

package trace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// objects cuts a text into JSON objects, in an array or one after the other. It finds where
// an object ends itself, and leaves what is inside to encoding/json: so the object's bytes are
// exactly those of the file, its place is known, and its size is bounded while it is read.
type objects struct {
	src    *bufio.Reader
	array  bool
	state  objectsState
	offset int64 // of the next byte
	line   int64 // of the next byte
	begin  struct{ offset, line int64 }
	object []byte
}

type objectsState uint8

const (
	beforeArray objectsState = iota // also: before the first of objects that are in no array
	afterBracket
	afterObject
	afterArray
)

func (o *objects) where() (line, offset int64) { return o.begin.line, o.begin.offset }

func (o *objects) next() (record, error) {
	begin, err := o.punctuation()
	if err != nil {
		return nil, err
	}
	if begin != '{' {
		return nil, fmt.Errorf("an object was expected, not %q", begin)
	}
	if err := o.scan(); err != nil {
		return nil, err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(o.object, &fields); err != nil {
		return nil, err
	}
	return &jsonRecord{raw: o.object, fields: fields}, nil
}

// punctuation reads what stands before an object, and the object's first byte. It says io.EOF at the end of the text.
func (o *objects) punctuation() (byte, error) {
	for {
		c, err := o.significant()
		if err == io.EOF && (o.state == afterArray || !o.array) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, endedEarly(err)
		}
		switch {
		case !o.array:
			return c, nil
		case o.state == afterArray:
			return 0, fmt.Errorf("%q follows the array", c)
		case o.state == beforeArray && c == '[':
			o.state = afterBracket
		case o.state == beforeArray:
			return 0, fmt.Errorf("an array was expected, not %q", c)
		case o.state == afterBracket && c == ']', o.state == afterObject && c == ']':
			o.state = afterArray
		case o.state == afterBracket:
			o.state = afterObject
			return c, nil
		case c == ',':
			if c, err = o.significant(); err != nil {
				return 0, endedEarly(err)
			}
			return c, nil
		default:
			return 0, fmt.Errorf("',' or ']' was expected, not %q", c)
		}
	}
}

// significant reads the next byte that is not white space.
func (o *objects) significant() (byte, error) {
	for {
		o.begin.offset, o.begin.line = o.offset, o.line
		c, err := o.read()
		if err != nil || !isSpace(c) {
			return c, err
		}
	}
}

// scan reads an object whose first brace has been read, up to its last.
func (o *objects) scan() error {
	o.object = append(o.object[:0], '{')
	quoted, escaped := false, false
	for depth := 1; depth > 0; {
		c, err := o.read()
		if err != nil {
			return endedEarly(err)
		}
		if len(o.object) == recordMaxBytes {
			return errRecordSize
		}
		o.object = append(o.object, c)
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

func (o *objects) read() (byte, error) {
	c, err := o.src.ReadByte()
	if err == nil {
		o.offset++
		if c == '\n' {
			o.line++
		}
	}
	return c, err
}

func endedEarly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends in the middle")
	}
	return err
}

// jsonRecord is a record that is a JSON object.
type jsonRecord struct {
	raw    []byte
	fields map[string]json.RawMessage
}

func (r *jsonRecord) object() []byte { return r.raw }

func (r *jsonRecord) text(name string) (string, error) {
	raw, err := r.field(name)
	if err != nil {
		return "", err
	}
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case '{', '[':
		return "", fmt.Errorf("field %q is neither a string nor a number", name)
	case 'n':
		return "", fmt.Errorf("field %q is null", name)
	}
	return string(raw), nil
}

func (r *jsonRecord) bytes(name string) ([]byte, error) {
	raw, err := r.field(name)
	if err != nil || raw[0] != '"' {
		return raw, err
	}
	s, err := r.text(name)
	return []byte(s), err
}

// field finds a field by its name or, when there is none of that name, by its path.
func (r *jsonRecord) field(name string) (json.RawMessage, error) {
	fields := r.fields
	for rest := name; ; {
		if raw, ok := fields[rest]; ok && len(raw) > 0 {
			return raw, nil
		}
		outer, inner, ok := strings.Cut(rest, ".")
		if !ok || len(fields[outer]) == 0 || fields[outer][0] != '{' {
			return nil, fmt.Errorf("it has no field %q", name)
		}
		raw := fields[outer]
		fields = nil
		if err := json.Unmarshal(raw, &fields); err != nil {
			return nil, err
		}
		rest = inner
	}
}
