// worker.go: the verb worker, which only run calls.

package main

import (
	"github.com/spf13/pflag"

	"xbench/harness"
	"xbench/results"
	"xbench/workloads"
)

func workerVerb() verb {
	return verb{
		name:    "worker",
		summary: "hold tasks of a trial",
		about:   "A worker process: run starts it, and talks to it over descriptors that it inherits.",
		hidden:  true,
		bind: func(*pflag.FlagSet) action {
			return func(*shell, []string) (results.ExitCode, error) {
				return results.ExitCode(harness.WorkerMain(workloads.Drivers())), nil
			}
		},
	}
}
