// main.go: the command: run directories in, a table and a plot out.

// Growth shows how the cost of a record grows with what suite growth varies: a Markdown table, and a plot of it.
//
//	go run ./workloads/growth [-o results/growth] RUN...
//
// RUN is a directory that xbench run --suite growth left. Of several, each may have a part of the cases; of a case that is in more than one, the
// last counts.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("o", filepath.Join("results", "growth"), "`DIR` for growth.md and growth.svg")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./workloads/growth [-o DIR] RUN...\n\nRUN is a directory that xbench run --suite growth left.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

// write reads the runs and leaves both files in a folder.
func write(folder string, runs []string) error {
	s, err := read(runs)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	for name, content := range map[string][]byte{"growth.md": s.table(), "growth.svg": s.plot()} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o666); err != nil {
			return err
		}
	}
	return nil
}
