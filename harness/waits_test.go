// waits_test.go: a run's waits are in its profile.

package harness

import (
	"bytes"
	"testing"

	"github.com/google/pprof/profile"

	"xbench/results"
)

func TestWaitProfile(t *testing.T) {
	content, err := WaitProfile(&results.Run{Cases: []results.Case{
		{Name: "a", Numbers: results.Numbers{Waits: []results.Wait{{Role: "sink", Reason: "input", Count: 2, Ns: 30}}}},
		{Name: "b", Numbers: results.Numbers{Waits: []results.Wait{{Role: "source", Reason: "pool", Count: 1, Ns: 5}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Sample) != 2 || p.Sample[0].Label["case"][0] != "a" || p.Sample[1].Value[1] != 5 {
		t.Errorf("%v", p)
	}
}
