// trace.go: the verb trace: recorded workloads.

package main

func traceVerb() verb {
	return verb{
		name:    "trace",
		summary: "import recorded workloads, and look at them",
		about: `
A trace (*.xtrace) is a recorded workload: when each record came, under which key, how large
it was and, if wanted, its bytes. Cases of a suite can be driven by one.`,
		examples: `xbench trace import --time date --key origin --payload object -o flights.xtrace flights.json.gz
xbench trace info flights.xtrace`,
		verbs: []verb{traceImportVerb(), traceInfoVerb()},
	}
}
