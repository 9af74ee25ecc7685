// waits.go: the waits of a run as its wait profile.

package harness

import (
	"bytes"
	"fmt"

	"xbench/harness/wait"
	"xbench/results"
)

// WaitProfile is the content of a run's bufferwait.pb.gz (results.WaitFile): see wait.Profile. It
// has the sums over each case's trials, which may overlap in time, as tasks do.
func WaitProfile(r *results.Run) ([]byte, error) {
	var samples []wait.Sample
	for i := range r.Cases {
		for _, w := range r.Cases[i].Waits {
			samples = append(samples, wait.Sample{Case: r.Cases[i].Name, Wait: wait.Wait(w)})
		}
	}
	var file bytes.Buffer
	if err := wait.Profile(samples, r.Started, r.Ended.Sub(r.Started)).Write(&file); err != nil {
		return nil, fmt.Errorf("wait profile: %w", err)
	}
	return file.Bytes(), nil
}
