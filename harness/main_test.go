// main_test.go: this test binary is also the worker, and the coordinator that gets killed.

package harness

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

var testDrivers = map[string]NewDriver{"stream": newStream}

func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case "worker":
			os.Exit(WorkerMain(testDrivers))
		case "coordinator":
			coordinatorMain()
		}
	}
	// The race detector would let every worker sleep for a second at its end.
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	goleak.VerifyTestMain(m)
}
