// main.go: the program: reads the command line, conducts the run, prints it.

// Command rivals measures xbench's exchange beside the transports that a Go user would pick instead, interleaved in one run. "go run . --help" says
// how, and what its numbers mean; package field has those who compete.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"xbench/harness"
	"xbench/results"
	"xbench/workloads/rivals/field"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		os.Exit(harness.WorkerMain(field.Drivers()))
	}
	os.Exit(int(run(os.Args[1:], os.Stdout, os.Stderr)))
}

// run is the program, without the process around it.
func run(args []string, stdout, stderr io.Writer) results.ExitCode {
	o, err := parse(args, stdout)
	if errors.Is(err, pflag.ErrHelp) {
		return results.ExitPass
	}
	if err != nil {
		fmt.Fprintf(stderr, "rivals: %v\nTry --help.\n", err)
		return results.ExitUsage
	}
	out := stdout
	if o.out != "" { // before hours of work, not after
		f, err := os.Create(o.out)
		if err != nil {
			fmt.Fprintf(stderr, "rivals: --out: %v\n", err)
			return results.ExitUsage
		}
		defer f.Close()
		out = f
	}
	return conduct(o, out, stderr)
}

func conduct(o options, out, stderr io.Writer) results.ExitCode {
	first, forHarness := make(chan os.Signal, 1), make(chan os.Signal, 2)
	for _, c := range []chan os.Signal{first, forHarness} {
		signal.Notify(c, syscall.SIGINT, syscall.SIGTERM)
		defer signal.Stop(c)
	}
	c := &conductor{o: o, progress: stderr, interrupt: forHarness}
	r := c.run(context.Background())
	codes := []results.ExitCode{c.exit(r)}
	if c.failed != nil {
		fmt.Fprintf(stderr, "rivals: %v\n", c.failed)
		codes = append(codes, results.ExitFailed)
	}
	select {
	case s := <-first:
		codes = append(codes, results.ExitInterrupted)
		if s == syscall.SIGTERM {
			codes = append(codes, results.ExitTerminated)
		}
	default:
	}
	if err := r.write(out, o.format); err != nil {
		fmt.Fprintf(stderr, "rivals: writing the report: %v\n", err)
		codes = append(codes, results.ExitFailed)
	}
	return results.WorstExit(codes...)
}
