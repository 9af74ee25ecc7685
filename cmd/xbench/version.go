// version.go: the verb version.

package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/pflag"

	"xbench/results"
)

func versionVerb() verb {
	return verb{
		name:     "version",
		summary:  "which build this is",
		about:    "Prints the commit that this binary was built from, the toolchain and the platform.",
		examples: "xbench version",
		bind: func(*pflag.FlagSet) action {
			return func(sh *shell, operands []string) (results.ExitCode, error) {
				if len(operands) > 0 {
					return usagef("unexpected argument %q", operands[0])
				}
				b := results.ReadBinary(revision)
				modified := ""
				if b.Modified {
					modified = " (modified)"
				}
				_, err := fmt.Fprintf(sh.stdout, "xbench %s%s %s %s/%s\n", b.Revision, modified, b.Go, runtime.GOOS, runtime.GOARCH)
				return results.ExitPass, err
			}
		},
	}
}
