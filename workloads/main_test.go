// main_test.go: what all tests of the package share.

package workloads

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"xbench/harness"
)

// The test binary is its own worker, as xbench is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		os.Exit(harness.WorkerMain(Drivers()))
	}
	goleak.VerifyTestMain(m)
}
