package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"xbench/results"
)

var update = flag.Bool("update", false, "rewrite the golden files; commit them only when understood")

// inShell runs the verbs in this process, away from any terminal.
func inShell(args ...string) (code results.ExitCode, stdout, stderr string) {
	var out, err bytes.Buffer
	sh := &shell{
		stdin: strings.NewReader(""), stdout: &out, stderr: &err,
		columns: func() int { return 0 }, getenv: func(string) string { return "" },
	}
	code = dispatch(sh, verbs(), args)
	return code, out.String(), err.String()
}

// allVerbs calls f with every verb, visible or not, as words of a command line.
func allVerbs(f func(path []string, v *verb)) {
	var walk func(path []string, all []verb)
	walk = func(path []string, all []verb) {
		for i := range all {
			here := append(append([]string{}, path...), all[i].name)
			f(here, &all[i])
			walk(here, all[i].verbs)
		}
	}
	walk(nil, verbs())
}

// Every verb's help is kept as text, goes to stdout, exits 0 and has an example.
func TestHelp(t *testing.T) {
	check := func(name string, args ...string) {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := inShell(append(args, "--help")...)
			if code != results.ExitPass || stderr != "" {
				t.Errorf("exit %d, stderr %q", code, stderr)
			}
			if !strings.Contains(stdout, "\nExamples:\n  xbench "+strings.Join(args, " ")) {
				t.Error("no example that begins with the verb")
			}
			if _, again, _ := inShell(append([]string{"help"}, args...)...); again != stdout {
				t.Errorf("help %v says something else:\n%s", args, again)
			}
			if _, short, _ := inShell(append(args, "-h")...); short != stdout {
				t.Errorf("-h says something else:\n%s", short)
			}
			path := filepath.Join("testdata", "help", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(stdout), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(path); err != nil || stdout != string(want) {
				t.Errorf("%s differs (%v):\n%s", path, err, stdout)
			}
			for line := range strings.Lines(stdout) {
				if len(line) > 101 {
					t.Errorf("%d columns: %s", len(line)-1, line)
				}
			}
		})
	}
	check("xbench")
	allVerbs(func(path []string, v *verb) {
		if !v.hidden {
			check(strings.Join(path, "-"), path...)
		}
	})
}

// A wrong command line names what is wrong with it, and exits 2 with nothing on stdout.
func TestUsageErrors(t *testing.T) {
	for _, c := range []struct{ line, says string }{
		{"", "a verb is missing"},
		{"fly", `unknown verb "fly"`},
		{"--fast", "--fast"},
		{"help fly", `"fly"`},
		{"version now", `"now"`},
		{"version --long", "--long"},
		{"run quick", "--suite"},
		{"run --suit quick", "--suit"},
		{"run --suite", "--suite"},
		{"run --suite no-such-suite", "no-such-suite"},
		{"run --suite ./no-such-file.yaml", "no-such-file.yaml"},
		{"run --case [", "--case"},
		{"run --case ^nothing$", "--case"},
		{"run --trials 0", "--trials"},
		{"run --trials many", "--trials"},
		{"run --duration 0s", "--duration"},
		{"run --duration soon", "--duration"},
		{"run --warmup -1s", "--warmup"},
		{"run --seed -1", "--seed"},
		{"run --processes 3", "--processes"},
		{"run --rate 10k --case flights", "--rate"},
		{"run --segment-size 1TiB", "--segment-size"},
		{"run --listen here", "--listen"},
		{"run --timeout -1s", "--timeout"},
		{"run --format xml", "--format"},
		{"run --progress loud", "--progress"},
		{"run --out=", "--out"},
		{"list no-such-suite", "no-such-suite"},
		{"list --format csv", "--format"},
		{"trace", "import, info"},
		{"trace convert", `"convert"`},
		{"trace import -o x --time t", "one file"},
		{"trace import -o x --time t a b", "one file"},
		{"trace import -o x a", "--time"},
		{"trace import --time t a", "--output"},
		{"trace import --from xml --time t -o x a", "--from"},
		{"trace import --time t -o x no-such-file", "no-such-file"},
		{"trace info", "one trace"},
		{"trace info no-such-file", "no-such-file"},
		{"trace info --format csv x", "--format"},
	} {
		t.Run(c.line, func(t *testing.T) {
			code, stdout, stderr := inShell(strings.Fields(c.line)...)
			if code != results.ExitUsage || stdout != "" || !strings.Contains(stderr, c.says) {
				t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}
