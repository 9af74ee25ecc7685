// verb.go: from the command line to a verb: dispatch, help, usage errors, exit codes.

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"xbench/results"
)

// verb is one word of the command line: with flags and something to do, or with verbs of
// its own.
type verb struct {
	name     string
	operands string // after the flags, as help shows them
	summary  string // one line, in the list of verbs
	about    string // paragraphs
	examples string // one command per line, comments allowed
	hidden   bool   // not in the list: for xbench's own use

	verbs []verb
	bind  func(flags *pflag.FlagSet) action
}

// action does a verb's work with what its flags were set to. An error is printed by
// dispatch; with ExitPass beside it, it counts as ExitFailed.
type action func(sh *shell, operands []string) (results.ExitCode, error)

// verbs are all there are, in the order in which help lists them.
func verbs() []verb {
	return []verb{runVerb(), listVerb(), traceVerb(), peerVerb(), wireVerb(), workerVerb(), versionVerb()}
}

// usageError is a command line that is wrong: exit code 2, and a hint at --help. (A suite or
// a trace that is wrong exits with 2 as well, but the hint would not help.)
type usageError struct{ error }

// usagef is a usage error. It names the flag.
func usagef(format string, a ...any) (results.ExitCode, error) {
	return results.ExitUsage, usageError{fmt.Errorf(format, a...)}
}

// dispatch runs the verb that args ask for, and returns the process's exit code.
func dispatch(sh *shell, all []verb, args []string) results.ExitCode {
	root := verb{name: "xbench", verbs: all, about: "Measures the data exchange of a stream processor.", examples: `xbench run                          # the quick suite, as a table
xbench run --suite quick --case flights --format json
xbench list                         # suites and their cases`}
	return root.perform(sh, "", args)
}

// perform runs v, which is called with args. path is what comes before v on the command line.
func (v *verb) perform(sh *shell, path string, args []string) results.ExitCode {
	path = strings.TrimSpace(path + " " + v.name)
	if v.bind == nil {
		return v.choose(sh, path, args)
	}
	flags := pflag.NewFlagSet(path, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(io.Discard) // errors are printed here, once
	do := v.bind(flags)
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return finish(sh, path, results.ExitPass, v.help(sh.stdout, path))
	case err != nil:
		code, err := usagef("%w", err)
		return finish(sh, path, code, err)
	}
	code, err := do(sh, flags.Args())
	return finish(sh, path, code, err)
}

// choose runs the one of v's verbs that args begin with.
func (v *verb) choose(sh *shell, path string, args []string) results.ExitCode {
	if len(args) == 0 {
		code, err := usagef("a verb is missing: %s", strings.Join(v.names(), ", "))
		return finish(sh, path, code, err)
	}
	switch word := args[0]; {
	case word == "help":
		return v.helpOn(sh, path, args[1:])
	case word == "--help" || word == "-h":
		return finish(sh, path, results.ExitPass, v.help(sh.stdout, path))
	case word == "--version":
		return v.choose(sh, path, []string{"version"})
	case strings.HasPrefix(word, "-"):
		code, err := usagef("unknown flag: %s (flags come after the verb)", word)
		return finish(sh, path, code, err)
	}
	if next := v.find(args[0]); next != nil {
		return next.perform(sh, path, args[1:])
	}
	code, err := usagef("unknown verb %q: %s", args[0], strings.Join(v.names(), ", "))
	return finish(sh, path, code, err)
}

// helpOn is "help" with the words after it: the help of the verb that they name.
func (v *verb) helpOn(sh *shell, path string, words []string) results.ExitCode {
	if len(words) == 0 {
		return finish(sh, path, results.ExitPass, v.help(sh.stdout, path))
	}
	next := v.find(words[0])
	if next == nil {
		code, err := usagef("no help on %q: %s", words[0], strings.Join(v.names(), ", "))
		return finish(sh, path, code, err)
	}
	return next.helpOn(sh, path+" "+next.name, words[1:])
}

// find is v's verb of that name, nil when there is none.
func (v *verb) find(name string) *verb {
	for i := range v.verbs {
		if v.verbs[i].name == name {
			return &v.verbs[i]
		}
	}
	return nil
}

// names are v's verbs for a message.
func (v *verb) names() []string {
	var names []string
	for _, sub := range v.verbs {
		if !sub.hidden {
			names = append(names, sub.name)
		}
	}
	return names
}

// finish prints err and chooses the exit code.
func finish(sh *shell, path string, code results.ExitCode, err error) results.ExitCode {
	if err == nil {
		return code
	}
	fmt.Fprintf(sh.stderr, "%s: %v\n", path, err)
	var wrong usageError
	if errors.As(err, &wrong) {
		fmt.Fprintf(sh.stderr, "see %s --help\n", path)
	}
	if code == results.ExitPass {
		return results.ExitFailed
	}
	return code
}
