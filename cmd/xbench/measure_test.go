package main

import (
	"errors"
	"testing"

	"xbench/results"
)

// How a run ended follows from its cases, what could not be stored, and the first signal:
// 130/143, then 1, then 5, then 0.
func TestConclude(t *testing.T) {
	const planned = 3
	pass, invalid := results.Pass, results.Invalid
	for _, c := range []struct {
		name    string
		cases   []results.Outcome
		signal  results.ExitCode
		failure error
		outcome results.Outcome
		exit    results.ExitCode
		reason  string
	}{
		{"all passed", []results.Outcome{pass, pass, pass}, 0, nil, results.Pass, 0, ""},
		{"one is invalid", []results.Outcome{pass, invalid, pass}, 0, nil, invalid, 5, "case 1: why"},
		{"the first reason stays", []results.Outcome{invalid, invalid, pass}, 0, nil, invalid, 5, "case 0: why"},
		{"xbench failed in one", []results.Outcome{invalid, results.Failed}, 0, nil, results.Failed, 1, "case 1: why"},
		{"the disk is full", []results.Outcome{pass, invalid, pass}, 0, errors.New("disk full"), results.Failed, 1, "disk full"},
		{"SIGINT in a case", []results.Outcome{pass, results.Interrupted}, 130, nil, results.Interrupted, 130, "case 1: why"},
		{"SIGTERM in a case", []results.Outcome{results.Interrupted}, 143, nil, results.Interrupted, 143, "case 0: why"},
		{"SIGTERM between cases", []results.Outcome{pass}, 143, nil, results.Interrupted, 143, "a signal after 1 of 3 cases"},
		{"SIGINT and a full disk", []results.Outcome{results.Interrupted}, 130, errors.New("disk full"), results.Interrupted, 130, "case 0: why"},
		{"SIGINT after the last case", []results.Outcome{pass, pass, pass}, 130, nil, results.Pass, 0, ""},
		{"cases are missing", []results.Outcome{pass}, 0, nil, results.Failed, 1, "only 1 of 3 cases were measured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r results.Run
			for i, outcome := range c.cases {
				r.Cases = append(r.Cases, results.Case{Name: "case " + string(rune('0'+i)),
					Numbers: results.Numbers{Outcome: outcome, Reason: "why"}})
			}
			conclude(&r, planned, c.signal, c.failure)
			if r.Outcome != c.outcome || r.ExitCode != c.exit || r.Reason != c.reason {
				t.Errorf("%s, exit %d: %q", r.Outcome, r.ExitCode, r.Reason)
			}
		})
	}
}
