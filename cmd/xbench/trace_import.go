// trace_import.go: the verb trace import: makes a trace from a file of events.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"xbench/harness/trace"
	"xbench/results"
)

// importOptions are trace import's flags.
type importOptions struct {
	trace.ImportOptions
	from   string
	output string
}

// noPayload is the value of --payload that keeps none.
const noPayload = "none"

func traceImportVerb() verb {
	return verb{
		name:     "import",
		operands: "FILE",
		summary:  "make a trace from a file of events",
		about: `
Makes a trace from a file that holds one event per JSON object (an array of them, or one
after the other) or per CSV record with a line of names before. The file may be packed with
gzip or zstd; "-" is standard input. A field inside an object is named outer.inner.

Times are recognised by themselves when they are RFC 3339, like 2001-01-31 23:59[:59] or
2001/01/31 23:59[:59], or a count since 1970; those without a zone are UTC. The first event
is time 0. Nothing is written when the file is bad, and the message says where it is.`,
		examples: `xbench trace import --time date --key origin --payload object -o flights.xtrace flights.json.gz
xbench trace import --from csv --time ts --time-layout ms --size bytes -o log.xtrace log.csv
zcat events.jsonl.gz | xbench trace import --from jsonl --time meta.at --sort -o events.xtrace -`,
		bind: func(flags *pflag.FlagSet) action {
			var o importOptions
			flags.StringVar(&o.from, "from", "", "`FORM` of the file: json (an array), jsonl or csv (default: looks at it)")
			flags.StringVar(&o.Time, "time", "", "`FIELD` that holds an event's time; required")
			flags.StringVar(&o.Layout, "time-layout", "", "of the time: s, ms, us or ns since 1970, or a `LAYOUT` of Go's package time")
			flags.StringVar(&o.Key, "key", "", "`FIELD` that holds the key (default: all events have the empty one)")
			flags.StringVar(&o.Size, "size", "", "`FIELD` that holds the size in bytes (default: of the payload, else of the object)")
			flags.StringVar(&o.Payload, "payload", noPayload, "bytes to keep: `FIELD`, object for the whole object as it stands, or none")
			flags.BoolVar(&o.Sort, "sort", false, "bring events into the order of their times (in memory) instead of refusing disorder")
			flags.StringVarP(&o.output, "output", "o", "", "`FILE` to write, - for standard output; required")
			return o.run
		},
	}
}

func (o *importOptions) run(sh *shell, operands []string) (results.ExitCode, error) {
	if forms := []string{"", "json", "jsonl", "csv"}; !slices.Contains(forms, o.from) {
		return usagef("--from: %q is none of json, jsonl, csv", o.from)
	}
	o.Form = trace.Form(o.from)
	if o.Payload == noPayload {
		o.Payload = ""
	}
	switch {
	case o.Time == "":
		return usagef("--time: the field that holds the time has to be named")
	case o.output == "":
		return usagef("-o, --output: needs the name of the trace")
	case len(operands) != 1:
		return usagef("needs the name of one file of events, not %d", len(operands))
	}
	src := sh.stdin
	if name := operands[0]; name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return usagef("%w", err)
		}
		defer f.Close()
		src = f
	}
	return o.convert(sh, src, operands[0])
}

// convert imports src, called name, to where -o says.
func (o *importOptions) convert(sh *shell, src io.Reader, name string) (results.ExitCode, error) {
	dst := &destination{Writer: sh.stdout}
	keep := func() error { return nil }
	if o.output != "-" {
		f, rename, err := create(o.output)
		if err != nil {
			return results.ExitFailed, err
		}
		defer f.Close()
		if rename {
			defer os.Remove(f.Name()) // unless it has become the trace
			keep = func() error { return errors.Join(f.Chmod(0o644), os.Rename(f.Name(), o.output)) }
		}
		dst.Writer = f
	}
	events, err := trace.Import(dst, src, o.ImportOptions)
	if err == nil {
		dst.err = keep()
	}
	switch {
	case dst.err != nil:
		return results.ExitFailed, dst.err
	case err != nil:
		return results.ExitUsage, fmt.Errorf("%s: %w", name, err)
	case o.output == "-":
		return results.ExitPass, nil
	}
	_, err = fmt.Fprintf(sh.stdout, "%s: %d events, %s\n", o.output, events, results.Bytes(uint64(dst.bytes)))
	return results.ExitPass, err
}

// create opens what is to become the file of that name: one beside it that is to be renamed
// when it is complete. What exists and is no ordinary file (a pipe, a device) is written to as it is.
func create(name string) (f *os.File, rename bool, err error) {
	if there, err := os.Stat(name); err == nil && !there.Mode().IsRegular() {
		f, err = os.OpenFile(name, os.O_WRONLY, 0)
		return f, false, err
	}
	f, err = os.CreateTemp(filepath.Dir(name), ".import-*.xtrace")
	return f, true, err
}

// destination keeps a writer's own failure apart from what is wrong with the file of events.
type destination struct {
	io.Writer
	bytes int64
	err   error
}

func (d *destination) Write(p []byte) (int, error) {
	n, err := d.Writer.Write(p)
	d.bytes += int64(n)
	if err != nil && d.err == nil {
		d.err = err
	}
	return n, err
}
