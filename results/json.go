// json.go: the documents as JSON, whole and by lines.

package results

import (
	"encoding/json"
	"io"
	"time"
)

// CaseSchema names the shape of one line of WriteJSONL.
const CaseSchema = "xbench.case/v1"

// WriteJSON writes r as the document that run.json is: no null for an empty list, times in
// UTC with milliseconds, every number finite.
func WriteJSON(w io.Writer, r *Run) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r.tidy())
}

// WriteJSONL writes one line per case: the case's document as in run.json, after the names
// of the run and suite it belongs to.
func WriteJSONL(w io.Writer, r *Run) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, c := range r.tidy().Cases {
		line := struct {
			Schema string `json:"schema"`
			Run    string `json:"run"`
			Suite  string `json:"suite"`
			Case
		}{CaseSchema, r.ID, r.Suite, c}
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// tidy is a copy of r in which every list exists and every time is in UTC milliseconds.
func (r *Run) tidy() *Run {
	t := *r
	t.Started, t.Ended = stamp(r.Started), stamp(r.Ended)
	t.Command, t.Warnings = list(r.Command), list(r.Warnings)
	t.Cases = append([]Case{}, r.Cases...)
	for i := range t.Cases {
		c := &t.Cases[i]
		c.Waits, c.Runtimes = list(c.Waits), list(c.Runtimes)
		for _, text := range []*string{&c.CongestionControl, &c.TLS, &c.Checks} {
			if *text == "" {
				*text = unknown
			}
		}
		c.Trials = append([]Trial{}, c.Trials...)
		for j := range c.Trials {
			c.Trials[j].Waits = list(c.Trials[j].Waits)
			c.Trials[j].Measured = stamp(c.Trials[j].Measured)
		}
	}
	return &t
}

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// list is s, or the empty list that JSON writes as [] where nil would be null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
