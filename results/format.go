// format.go: the output formats by name.

package results

import (
	"fmt"
	"io"
)

// formats are the values of --format, the default first.
var formats = []struct {
	name  string
	write func(io.Writer, *Run) error
}{
	{"table", WriteTable},
	{"json", WriteJSON},
	{"jsonl", WriteJSONL},
	{"bench", WriteBench},
	{"markdown", WriteMarkdown},
	{"csv", WriteCSV},
}

// Formats are the names that Write knows, the usual one first.
func Formats() []string {
	names := make([]string, 0, len(formats))
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// Write writes r in the format of that name.
func Write(w io.Writer, r *Run, format string) error {
	for _, f := range formats {
		if f.name == format {
			return f.write(w, r)
		}
	}
	return fmt.Errorf("no output format %q: one of %v", format, Formats())
}
