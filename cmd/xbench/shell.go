// shell.go: the surroundings of a command: streams, terminal, environment.

package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// shell is what a verb may touch of the outside. Results go to stdout, everything else to
// stderr.
type shell struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	// columns is the width of the terminal that stderr is, 0 when it is none.
	columns func() int
	getenv  func(string) string
}

// newShell is the process's own.
func newShell() *shell {
	return &shell{
		stdin:  os.Stdin,
		stdout: os.Stdout,
		stderr: os.Stderr,
		columns: func() int {
			if columns, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil {
				return columns
			}
			return 0
		},
		getenv: os.Getenv,
	}
}
