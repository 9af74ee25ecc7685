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

// sectionAnnotation on a flag is the heading under which help shows it, instead of Flags.
const sectionAnnotation = "section"

func (v *verb) helpFlags(b *strings.Builder, path string) {
	all := pflag.NewFlagSet(path, pflag.ContinueOnError)
	all.SortFlags = false
	v.bind(all)
	var titles []string
	sections := map[string]*pflag.FlagSet{}
	all.VisitAll(func(f *pflag.Flag) {
		title := "Flags"
		if own := f.Annotations[sectionAnnotation]; len(own) > 0 {
			title = own[0]
		}
		if sections[title] == nil {
			titles = append(titles, title)
			sections[title] = pflag.NewFlagSet(path, pflag.ContinueOnError)
			sections[title].SortFlags = false
		}
		sections[title].AddFlag(f)
	})
	for _, title := range titles {
		fmt.Fprintf(b, "\n%s:\n%s", title, sections[title].FlagUsagesWrapped(100))
	}
}
