// profile_test.go: the profile is one that pprof reads, sums up and merges.

package wait

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

func samples() []Sample {
	return []Sample{
		{"flights", Wait{"source", "pool", 3, 1000}},
		{"flights", Wait{"sink", "input", 7, 2000}},
		{"long-max", Wait{"source", "pool", 4, 500}},
	}
}

// reread writes p and reads it again, as go tool pprof does.
func reread(t *testing.T, p *profile.Profile) *profile.Profile {
	t.Helper()
	var file bytes.Buffer
	if err := p.Write(&file); err != nil {
		t.Fatal(err)
	}
	got, err := profile.Parse(&file)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestProfile(t *testing.T) {
	started := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	p := reread(t, Profile(samples(), started, time.Minute))
	if p.TimeNanos != started.UnixNano() || p.DurationNanos != int64(time.Minute) || p.DefaultSampleType != "wait" {
		t.Errorf("time %d, duration %d, default %q", p.TimeNanos, p.DurationNanos, p.DefaultSampleType)
	}
	if len(p.SampleType) != 2 || p.SampleType[0].Type+"/"+p.SampleType[0].Unit != "waits/count" || p.SampleType[1].Type+"/"+p.SampleType[1].Unit != "wait/nanoseconds" {
		t.Errorf("sample types %v", p.SampleType)
	}
	if len(p.Sample) != 3 {
		t.Fatalf("%d samples, want 3", len(p.Sample))
	}
	for i, want := range samples() {
		s := p.Sample[i]
		if s.Value[0] != int64(want.Count) || s.Value[1] != want.Ns {
			t.Errorf("sample %d: values %v of %+v", i, s.Value, want)
		}
		if s.Label["case"][0] != want.Case || s.Label["role"][0] != want.Role || s.Label["reason"][0] != want.Reason {
			t.Errorf("sample %d: labels %v of %+v", i, s.Label, want)
		}
		for depth, name := range []string{"wait for " + want.Reason, want.Role, want.Case} {
			if got := s.Location[depth].Line[0].Function.Name; got != name {
				t.Errorf("sample %d, depth %d: %q, want %q", i, depth, got, name)
			}
		}
	}
}

// Two runs' profiles merge: the same waits are one sample with the sums.
func TestProfilesMerge(t *testing.T) {
	a, b := Profile(samples(), time.Unix(1, 0), time.Second), Profile(samples(), time.Unix(2, 0), time.Second)
	p, err := profile.Merge([]*profile.Profile{a, b})
	if err != nil {
		t.Fatal(err)
	}
	p = reread(t, p)
	if len(p.Sample) != 3 || p.Sample[0].Value[0] != 6 || p.Sample[0].Value[1] != 2000 {
		t.Errorf("%d samples, the first %v, want 3 with the sums", len(p.Sample), p.Sample[0].Value)
	}
}

// A run without waits has a profile too.
func TestProfileOfNothing(t *testing.T) {
	if p := reread(t, Profile(nil, time.Unix(1, 0), 0)); len(p.Sample) != 0 || len(p.SampleType) != 2 {
		t.Errorf("%v", p)
	}
}
