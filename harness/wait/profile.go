// profile.go: waits as a pprof profile, because Go's own block profile cannot carry labels.

package wait

import (
	"time"

	"github.com/google/pprof/profile"
)

// Sample is a wait and the case in which it was measured.
type Sample struct {
	Case string
	Wait
}

// Profile tells waits to pprof. It has two sample types, waits/count and wait/nanoseconds
// (shown unless asked for the other), and the labels case, role and reason. Its stacks are made
// up: a case calls a role, which calls a reason. So -top sorts the reasons, and a flame graph
// shows whose they are.
//
//	go tool pprof -top bufferwait.pb.gz
//	go tool pprof -tagfocus reason=credit -diff_base old.pb.gz new.pb.gz
//
// started and d are the run's. Write and Merge are the profile's own methods.
func Profile(samples []Sample, started time.Time, d time.Duration) *profile.Profile {
	b := builder{
		p: &profile.Profile{
			SampleType:        []*profile.ValueType{{Type: "waits", Unit: "count"}, {Type: "wait", Unit: "nanoseconds"}},
			DefaultSampleType: "wait",
			PeriodType:        &profile.ValueType{Type: "wait", Unit: "nanoseconds"},
			Period:            1, // every wait is in it
			TimeNanos:         started.UnixNano(),
			DurationNanos:     int64(d),
		},
		locations: map[string]*profile.Location{},
	}
	for _, s := range samples {
		b.p.Sample = append(b.p.Sample, &profile.Sample{
			Location: []*profile.Location{b.location("wait for " + s.Reason), b.location(s.Role), b.location(s.Case)},
			Value:    []int64{int64(s.Count), s.Ns},
			Label:    map[string][]string{"case": {s.Case}, "role": {s.Role}, "reason": {s.Reason}},
		})
	}
	return b.p
}

// builder numbers a profile's functions and locations.
type builder struct {
	p         *profile.Profile
	locations map[string]*profile.Location
}

// location is the one of the made-up function with that name.
func (b *builder) location(name string) *profile.Location {
	if l := b.locations[name]; l != nil {
		return l
	}
	id := uint64(len(b.locations) + 1)
	f := &profile.Function{ID: id, Name: name, SystemName: name}
	l := &profile.Location{ID: id, Line: []profile.Line{{Function: f}}}
	b.p.Function = append(b.p.Function, f)
	b.p.Location = append(b.p.Location, l)
	b.locations[name] = l
	return l
}
