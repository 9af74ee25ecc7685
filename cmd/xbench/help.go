// help.go: what --help prints.

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// exitCodes is told with the program's own help, and with run's.
const exitCodes = `Exit codes:
  0  pass                      5    invalid run: a worker or records lost, nothing measured
  1  xbench failed             130  interrupted (SIGINT); what was measured is kept
  2  usage, bad suite or trace 143  terminated (SIGTERM); likewise
`

// help writes all there is to know about v: how to call it, what it does, its verbs or
// flags, and examples.
func (v *verb) help(w io.Writer, path string) error {
	var b strings.Builder
	if v.bind == nil {
		fmt.Fprintf(&b, "Usage: %s VERB [flags]\n", path)
	} else {
		fmt.Fprintf(&b, "Usage: %s\n", strings.TrimSpace(path+" [flags] "+v.operands))
	}
	if v.about != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(v.about))
	}
	if v.bind == nil {
		v.helpVerbs(&b, path)
	} else {
		v.helpFlags(&b, path)
	}
	if v.examples != "" {
		b.WriteString("\nExamples:\n")
		for line := range strings.Lines(strings.TrimSpace(v.examples)) {
			b.WriteString("  " + strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	if path == "xbench" || path == "xbench run" {
		b.WriteString("\n" + exitCodes)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (v *verb) helpVerbs(b *strings.Builder, path string) {
	b.WriteString("\nVerbs:\n")
	for _, sub := range v.verbs {
		if !sub.hidden {
			fmt.Fprintf(b, "  %-9s %s\n", sub.name, sub.summary)
		}
	}
	fmt.Fprintf(b, "\n\"%s VERB --help\" tells about one of them.\n", path)
}

func (v *verb) helpFlags(b *strings.Builder, path string) {
	flags := pflag.NewFlagSet(path, pflag.ContinueOnError)
	flags.SortFlags = false
	v.bind(flags)
	if flags.HasAvailableFlags() {
		b.WriteString("\nFlags:\n" + flags.FlagUsagesWrapped(100))
	}
}
