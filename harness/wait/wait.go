// wait.go: how long the tasks of one role stood still for one reason.

// Package wait tells where a run stood still: waits added up by role and reason, and as a pprof profile.
package wait

// Wait is time that the tasks of one role of one worker stood still for one reason, added up.
type Wait struct {
	Role   string `json:"role"`   // "source" or "sink"
	Reason string `json:"reason"` // "pool", "credit", "socket", "input", "schedule"
	Count  uint64 `json:"count"`  // how often
	Ns     int64  `json:"ns"`     // altogether
}
