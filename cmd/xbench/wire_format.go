// wire_format.go: a frame as a line: of names and values for people, of JSON for programs.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"xbench/core/net/frame"
)

// writeJSONLine writes d as an object on a line of its own.
func writeJSONLine(w io.Writer, d frame.Description) error {
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// writeText writes d as a line of name=value.
func writeText(w io.Writer, d frame.Description) error {
	var b strings.Builder
	for i, f := range d {
		if i > 0 {
			b.WriteByte(' ')
		}
		value, err := textValue(f.Value)
		if err != nil {
			return err
		}
		b.WriteString(f.Name + "=" + value)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// textValue is v without a blank outside of quotes: strings bare where that is clear, what has parts as JSON.
func textValue(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "null", nil
	case string:
		if v == "" || strings.ContainsAny(v, " \"\\=") || strconv.Quote(v) != `"`+v+`"` {
			return strconv.Quote(v), nil
		}
		return v, nil
	case frame.Description, []any:
		text, err := json.Marshal(v)
		return string(text), err
	}
	return fmt.Sprint(v), nil
}

// javaText is a string of Java's, which may hold one surrogate without the other (see serde's strings: it then has the three bytes
// that UTF-8 would give it). JSON can hold it too, as an escape.
type javaText string

func (s javaText) MarshalJSON() ([]byte, error) {
	out := []byte{'"'}
	for from := 0; from < len(s); {
		lone := from
		for lone < len(s) && !isLoneSurrogate(string(s[lone:])) {
			lone++
		}
		text, err := json.Marshal(string(s[from:lone]))
		if err != nil {
			return nil, err
		}
		out = append(out, text[1:len(text)-1]...)
		if from = lone; lone < len(s) {
			out = fmt.Appendf(out, `\u%04x`, 0xD000|uint16(s[lone+1]&0x3F)<<6|uint16(s[lone+2]&0x3F))
			from += 3
		}
	}
	return append(out, '"'), nil
}

func isLoneSurrogate(s string) bool { return len(s) >= 3 && s[0] == 0xED && s[1] >= 0xA0 }
