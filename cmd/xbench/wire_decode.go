// wire_decode.go: the verb wire decode: frames out of recorded bytes, a line each.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"xbench/core/net/frame"
	"xbench/results"
)

// decodeOptions are wire decode's flags.
type decodeOptions struct {
	direction string
	format    string
	kind      string
}

// decodePiece is how much is read at once, in bytes.
const decodePiece = 64 << 10

func wireDecodeVerb() verb {
	return verb{
		name:     "decode",
		operands: "FILE",
		summary:  "print the frames in recorded bytes, a line each",
		about: `
Prints every frame in the bytes that one side of a connection wrote, from the connection's
first byte on: a line of name=value each, or a JSON object (--format jsonl). "-" is standard
input, which is printed as it comes.

With --kind, data frames also show the records that end in them, and events are taken apart.
Each channel's records are put together from its frames, however they are cut; data that is
compressed is taken for LZ4. The kinds are
  long      eight bytes each, as a number
  elements  stream elements; a value of eight bytes is a number, any other one a string
  bytes     byte arrays, by their length and CRC-32

Bytes that end within a frame, or are none, are an error: whatever came before is printed,
the message says where they begin, and the exit code is 2.`,
		examples: `xbench wire decode --direction c2s requests.bin
xbench wire decode --direction s2c --format jsonl --kind elements responses.bin
nc -l 6121 | tee requests.bin | xbench wire decode --direction c2s -`,
		bind: func(flags *pflag.FlagSet) action {
			o := &decodeOptions{}
			flags.StringVar(&o.direction, "direction", "", "who wrote the bytes: `c2s`, the consumer to the producer, or s2c, the other way; required")
			flags.StringVar(&o.format, "format", "text", "`FORMAT` of the frames: text or jsonl")
			flags.StringVar(&o.kind, "kind", "", "show records too, of this `KIND`: "+strings.Join(recordKindNames(), ", "))
			return o.run
		},
	}
}

func (o *decodeOptions) run(sh *shell, operands []string) (results.ExitCode, error) {
	directions := map[string]frame.Direction{"c2s": frame.FromConsumer, "s2c": frame.FromProducer}
	switch {
	case o.direction == "":
		return usagef("--direction: say who wrote the bytes, c2s or s2c")
	case directions[o.direction] == frame.AnyDirection:
		return usagef("--direction: %q is none of c2s, s2c", o.direction)
	case o.format != "text" && o.format != "jsonl":
		return usagef("--format: %q is none of text, jsonl", o.format)
	case o.kind != "" && !slices.Contains(recordKindNames(), o.kind):
		return usagef("--kind: %q is none of %s", o.kind, strings.Join(recordKindNames(), ", "))
	case len(operands) != 1:
		return usagef("needs the name of one file of recorded bytes, not %d", len(operands))
	}
	src, name := sh.stdin, "standard input"
	if operands[0] != "-" {
		name = operands[0]
		f, err := os.Open(name)
		if err != nil {
			return usagef("%w", err)
		}
		defer f.Close()
		src = f
	}
	d := dissector{decoder: frame.Decoder{Direction: directions[o.direction]}, write: writeText, out: bufio.NewWriter(sh.stdout)}
	if o.format == "jsonl" {
		d.write = writeJSONLine
	}
	if o.kind != "" {
		d.records = newRecordReader(recordKinds[o.kind])
	}
	err := d.dissect(src)
	if broken := new(recordError); errors.Is(err, frame.ErrPeer) || errors.As(err, &broken) {
		return results.ExitUsage, fmt.Errorf("%s: %w", name, err)
	}
	return results.ExitPass, err
}

// dissector prints the frames of one direction of a connection. It holds one frame, and per channel the beginning of one record.
type dissector struct {
	decoder frame.Decoder
	records *recordReader // nil: frames only
	write   func(w io.Writer, d frame.Description) error
	out     *bufio.Writer
}

// dissect prints what src holds. What is wrong with that wraps frame.ErrPeer, or is a *recordError.
func (d *dissector) dissect(src io.Reader) error {
	piece := make([]byte, decodePiece)
	for {
		n, end := src.Read(piece)
		d.decoder.Feed(piece[:n])
		broken := d.frames()
		if err := d.out.Flush(); err != nil { // after each piece: who watches a live connection wants to see what has come
			return fmt.Errorf("stdout: %w", err)
		}
		switch {
		case broken != nil:
			return broken
		case end == io.EOF:
			return d.decoder.Finish()
		case end != nil:
			return end
		}
	}
}

// frames prints all frames that are whole.
func (d *dissector) frames() error {
	for {
		f, ok, err := d.decoder.Next()
		if !ok || err != nil {
			return err
		}
		line := frame.Describe(&f)
		var broken error
		if d.records != nil && f.ID == frame.IDBufferResponse {
			var more frame.Field
			if more, broken = d.records.read(&f.Response.Buffer); more.Name != "" {
				line = append(line, more)
			}
		}
		if err := d.write(d.out, line); err != nil {
			return fmt.Errorf("stdout: %w", err)
		}
		if broken != nil {
			return fmt.Errorf("frame %d at offset %d: %w", f.N, f.Offset, broken)
		}
	}
}
