package results

import (
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestHostIsReadFromProc(t *testing.T) {
	got := hostOf(fstest.MapFS{
		"proc/cpuinfo":                                  {Data: []byte("processor\t: 0\nmodel name\t: Some  CPU @ 2.00GHz\nflags\t\t: fpu hypervisor sse\n")},
		"proc/meminfo":                                  {Data: []byte("MemTotal:        8388608 kB\nMemFree: 1 kB\n")},
		"proc/sys/kernel/osrelease":                     {Data: []byte("6.8.0-test\n")},
		"proc/sys/net/ipv4/tcp_congestion_control":      {Data: []byte("bbr\n")},
		"proc/sys/net/ipv4/tcp_available_congestion_co": {Data: []byte("bbr cubic\n")},
	})
	if got.CPU != "Some CPU @ 2.00GHz" || got.MemoryBytes != 8<<30 || got.Kernel != "6.8.0-test" || got.CongestionControl != "bbr" || got.Virtual != "yes" {
		t.Errorf("%+v", got)
	}
}

func TestAnEmptyMachineIsUnknown(t *testing.T) {
	got := hostOf(fstest.MapFS{})
	if got.CPU != unknown || got.Kernel != unknown || got.CongestionControl != unknown || got.Virtual != unknown || got.MemoryBytes != 0 {
		t.Errorf("%+v", got)
	}
	if got.Cores < 1 || got.OS == "" {
		t.Errorf("%+v", got)
	}
}

func TestTheLinkersRevisionGoesBeforeTheStamp(t *testing.T) {
	b := Binary{Revision: unknown, CommitTime: unknown}
	b.readSettings([]debug.BuildSetting{
		{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-11-22T20:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	})
	if b.Revision != "abc" || b.CommitTime != "2026-11-22T20:00:00Z" || !b.Modified {
		t.Errorf("%+v", b)
	}
	if got := ReadBinary("def0123"); got.Revision != "def0123" || got.Go == "" || len(got.SHA256) != 64 {
		t.Errorf("%+v", got)
	}
	if got := ReadBinary(""); got.Revision == "" || got.CommitTime == "" {
		t.Errorf("empty instead of unknown: %+v", got)
	}
}
