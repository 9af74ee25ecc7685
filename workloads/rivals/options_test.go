// options_test.go: flags, and complaints that name them.

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"xbench/results"
	"xbench/workloads/rivals/field"
)

func TestChoosing(t *testing.T) {
	o, err := parse([]string{"--case", "4x1000", "--rival", "^raw|smux"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.cases) != 2 || o.cases[0].name != "12B-4x1000-100ms" || o.cases[1].name != "12B-4x1000-1ms" {
		t.Errorf("cases %+v", o.cases)
	}
	if len(o.systems) != 3 || o.systems[0].Name != field.Ours || o.systems[1].Name != "smux" || o.systems[2].Name != "raw-tcp" {
		t.Errorf("systems %+v: the exchange always takes part", o.systems)
	}
	all, err := parse(nil, nil)
	if err != nil || len(all.cases) != 8 || len(all.systems) != 9 {
		t.Errorf("%d cases and %d systems without flags: %v", len(all.cases), len(all.systems), err)
	}
}

func TestComplaintsNameTheFlag(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--rounds 0", "--rounds 0"},
		{"--rounds x", "--rounds"},
		{"--duration 1ms", "--duration 1ms"},
		{"--warmup -1s", "--warmup -1s"},
		{"--format xml", "--format xml: there are table, markdown, json"},
		{"--case nothing", "--case nothing matches none of 12B-4x100-100ms"},
		{"--case (", "--case: error parsing regexp"},
		{"--rival zeromq", "--rival zeromq matches none of exchange"},
		{"--rival [", "--rival: error parsing regexp"},
		{"--out " + filepath.Join(t.TempDir(), "no", "such"), "--out: open"},
		{"--speed 9", "--speed"},
		{"now", `unexpected argument "now"`},
	} {
		var stdout, stderr bytes.Buffer
		code := run(strings.Fields(c.args), &stdout, &stderr)
		if code != results.ExitUsage || !strings.Contains(stderr.String(), c.want) || stdout.Len() > 0 {
			t.Errorf("%s: exit %d, %q, want %q", c.args, code, stderr.String(), c.want)
		}
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"--help"}, &stdout, &stderr); code != results.ExitPass || stderr.Len() > 0 {
		t.Errorf("exit %d, %s", code, stderr.String())
	}
	for _, want := range []string{"Examples:", "--rounds int", "stalled-1-of-8", "libp2p-yamux", "% of limit", "Exit codes:"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the help does not speak of %q", want)
		}
	}
}
