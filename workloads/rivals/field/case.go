// case.go: a system and a shape of work as a case of the harness.

package field

import (
	"encoding/json"
	"fmt"
	"time"

	"xbench/harness"
)

// Case is one trial of a system.
func Case(s System, spec Spec, name string, seed uint64, warmup, duration time.Duration) (harness.Case, error) {
	if err := spec.check(); err != nil {
		return harness.Case{}, fmt.Errorf("case %s: %w", name, err)
	}
	params, err := json.Marshal(spec)
	c := harness.Case{
		Name: name, Driver: s.Name, Params: params, Processes: s.Processes, Trials: 1, Seed: seed,
		Loop: harness.Closed, Warmup: warmup, Duration: duration,
	}
	if spec.Rate > 0 {
		c.Loop, c.Rate = harness.Open, float64(spec.Rate)
	}
	return c, err
}

// LimitCase is one trial of LimitStream or LimitPingPong.
func LimitCase(name string, seed uint64, warmup, duration time.Duration) harness.Case {
	return harness.Case{
		Name: name, Driver: name, Processes: 2, Trials: 1, Seed: seed,
		Loop: harness.Closed, Warmup: warmup, Duration: duration,
	}
}
