// main_test.go: this test binary is also the worker.

package field

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"xbench/harness"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		os.Exit(harness.WorkerMain(Drivers()))
	}
	goleak.VerifyTestMain(m)
}
