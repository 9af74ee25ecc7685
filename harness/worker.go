// worker.go: a worker process: one driver's tasks under the coordinator's orders.

package harness

// WorkerMain is the whole of a worker process; its result is the process's exit code. The
// coordinator starts it by executing its own binary with the one argument "worker", so main does
//
//	if len(os.Args) == 2 && os.Args[1] == "worker" {
//		os.Exit(harness.WorkerMain(drivers))
//	}
//
// before it looks at flags, and a test binary that measures does so in TestMain.
func WorkerMain(drivers map[string]NewDriver) int { return 1 }
