// main_test.go: this test binary is also the worker.

package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"xbench/harness"
	"xbench/workloads/rivals/field"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		os.Exit(harness.WorkerMain(field.Drivers()))
	}
	goleak.VerifyTestMain(m)
}
