// list.go: the verb list: what there is to measure.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"xbench/results"
	"xbench/workloads"
)

func listVerb() verb {
	return verb{
		name:     "list",
		operands: "[SUITE|FILE]...",
		summary:  "list suites and their cases",
		about: `
Lists the built-in suites, or those that are named, with their cases and the parameters in
which these differ from the defaults. A file that is no good suite is told about with its
line, and exits with 2.`,
		examples: `xbench list
xbench list ./my-suite.yaml             # is it a good one?
xbench list --format json quick         # with all parameters`,
		bind: func(flags *pflag.FlagSet) action {
			format := flags.String("format", "table", "`FORMAT` of the list: table or json")
			return func(sh *shell, operands []string) (results.ExitCode, error) {
				return list(sh, operands, *format)
			}
		},
	}
}

func list(sh *shell, names []string, format string) (results.ExitCode, error) {
	write := listAsTable
	switch format {
	case "table":
	case "json":
		write = listAsJSON
	default:
		return usagef("--format: %q is none of table, json", format)
	}
	if len(names) == 0 {
		names = workloads.Suites()
	}
	var suites []*workloads.Suite
	for _, name := range names {
		suite, err := workloads.LoadSuite(name)
		if err != nil {
			return results.ExitUsage, err
		}
		suites = append(suites, suite)
	}
	return results.ExitPass, write(sh.stdout, suites)
}

func listAsTable(w io.Writer, suites []*workloads.Suite) error {
	defaults := workloads.NewCase("")
	var b strings.Builder
	for i, suite := range suites {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(suite.Name)
		if suite.Title != "" {
			b.WriteString(": " + suite.Title)
		}
		b.WriteByte('\n')
		for _, c := range suite.Cases {
			fmt.Fprintf(&b, "  %-16s", c.Name)
			for _, s := range workloads.Settings() {
				if v := c.Get(s.Name); v != defaults.Get(s.Name) {
					fmt.Fprintf(&b, " %s=%s", s.Name, v)
				}
			}
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// listedSuite is a suite in list's JSON.
type listedSuite struct {
	Suite string       `json:"suite"`
	Title string       `json:"title"`
	Cases []listedCase `json:"cases"`
}

// listedCase is a case with all its parameters, as a suite would set them.
type listedCase struct {
	Name       string            `json:"name"`
	Parameters map[string]string `json:"parameters"`
}

func listAsJSON(w io.Writer, suites []*workloads.Suite) error {
	doc := struct {
		Schema string        `json:"schema"`
		Suites []listedSuite `json:"suites"`
	}{Schema: "xbench.list/v1", Suites: []listedSuite{}}
	for _, suite := range suites {
		listed := listedSuite{Suite: suite.Name, Title: suite.Title, Cases: []listedCase{}}
		for _, c := range suite.Cases {
			parameters := map[string]string{}
			for _, s := range workloads.Settings() {
				parameters[s.Name] = c.Get(s.Name)
			}
			listed.Cases = append(listed.Cases, listedCase{c.Name, parameters})
		}
		doc.Suites = append(doc.Suites, listed)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(doc)
}
