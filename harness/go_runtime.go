// go_runtime.go: how Go is set up in this process, for a run to be compared with others.

package harness

import (
	"math"
	"runtime/metrics"

	"xbench/results"
)

// goRuntime reads the settings as they are in force, whoever made them.
func goRuntime(roles []string) results.Runtime {
	s := []metrics.Sample{{Name: "/sched/gomaxprocs:threads"}, {Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(s)
	r := results.Runtime{Roles: roles, GOMAXPROCS: int(s[0].Value.Uint64()), GOGC: -1}
	if percent := s[1].Value.Uint64(); percent <= math.MaxInt32 {
		r.GOGC = int(percent)
	}
	if limit := s[2].Value.Uint64(); limit != math.MaxInt64 {
		r.GOMEMLIMIT = limit
	}
	return r
}
