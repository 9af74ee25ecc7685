// main.go: the program. What it does is in the files named after its verbs.

// Command xbench measures the data exchange of a stream processor: it drives workloads
// through it in fresh processes, checks that every record arrived, and keeps latencies,
// throughput and cost. "xbench help" lists its verbs.
package main

import "os"

// revision is the commit this binary was built from, told by the linker
// (-ldflags "-X main.revision=..."). Without it the version control stamp is asked.
var revision string

func main() {
	os.Exit(int(dispatch(newShell(), verbs(), os.Args[1:])))
}
