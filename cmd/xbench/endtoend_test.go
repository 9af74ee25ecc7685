package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"xbench/results"
)

// program is xbench itself, built once: what a user starts.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	folder, err := os.MkdirTemp("", "xbench-test-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(folder, "xbench")
	build := exec.Command("go", "build", "-o", program, "-ldflags", "-X main.revision=0123456789abcdef", ".")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// session is one call of the binary.
type session struct {
	*exec.Cmd
	out    string // --out
	stdout bytes.Buffer
	stderr watched
}

// watched keeps what is written to it, and lets a test wait for a word.
type watched struct {
	mu struct {
		sync.Mutex
		text bytes.Buffer
	}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.text.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.text.String()
}

// await waits until the word has been written.
func (w *watched) await(t *testing.T, word string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(w.String(), word) {
			return
		}
	}
	t.Fatalf("never said %q: %s", word, w)
}

// beginRun starts "xbench run" with a short case, if args do not say otherwise, away from a terminal.
func beginRun(t *testing.T, args ...string) *session {
	t.Helper()
	s := &session{out: t.TempDir()}
	s.Cmd = exec.Command(program, append([]string{"run", "--out", s.out, "--case", "keyed", "--rate", "5k", "--warmup", "50ms", "--duration", "300ms"}, args...)...)
	s.Stdout, s.Stderr = &s.stdout, &s.stderr
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// end waits for the exit code.
func (s *session) end(t *testing.T) results.ExitCode {
	t.Helper()
	stuck := time.AfterFunc(20*time.Second, func() { s.Process.Kill() })
	defer stuck.Stop()
	err := s.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return results.ExitCode(s.ProcessState.ExitCode())
}

// directory is the one that the run left, and its run.json.
func (s *session) directory(t *testing.T) (string, results.Run) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.out, "*", "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("run directories %v (%v)", found, err)
	}
	content, err := os.ReadFile(filepath.Join(found[0], "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r results.Run
	if err := json.Unmarshal(content, &r); err != nil {
		t.Fatal(err)
	}
	return found[0], r
}

// isMarked reports whether the directory has the marker FAILED.
func isMarked(directory string) bool {
	_, err := os.Stat(filepath.Join(directory, "FAILED"))
	return err == nil
}

// childrenOf reads from /proc who has this parent.
func childrenOf(parent int) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		// pid (name) state ppid ...; the name may hold anything
		fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
		if ppid, err := strconv.Atoi(fields[1]); err == nil && ppid == parent && fields[0] != "Z" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			found = append(found, pid)
		}
	}
	return found
}

func TestRunMeasuresVerifiesAndKeeps(t *testing.T) {
	for _, processes := range []string{"1", "2"} {
		t.Run("processes="+processes, func(t *testing.T) {
			t.Parallel()
			s := beginRun(t, "--processes", processes, "--trials", "2", "--seed", "42", "--format", "json", "--quiet")
			if code := s.end(t); code != results.ExitPass || s.stderr.String() != "" {
				t.Fatalf("exit %d: %s", code, &s.stderr)
			}
			directory, kept := s.directory(t)
			if content, err := os.ReadFile(filepath.Join(directory, "run.json")); err != nil || string(content) != s.stdout.String() {
				t.Errorf("run.json (%v) is not what was printed", err)
			}
			c := kept.Cases[0]
			if kept.Outcome != results.Pass || !c.Verified || c.RecordsSent == 0 || c.RecordsSent != c.RecordsReceived || len(c.Trials) != 2 ||
				c.Latency.Count == 0 || c.Latency.P50 <= 0 || c.Latency.Max < c.Latency.P999 || c.CPUNsPerRecord <= 0 || c.BytesOnWire == 0 {
				t.Errorf("case %+v", c.Numbers)
			}
			if strconv.Itoa(c.Processes) != processes || c.Connections == 0 || c.Segments == 0 || kept.Seed != 42 || kept.Binary.Revision != "0123456789abcdef" {
				t.Errorf("config %+v, seed %d, binary %+v", c.Config, kept.Seed, kept.Binary)
			}
			if kept.ID != filepath.Base(directory) || !strings.Contains(kept.ID, "-0123456-") || isMarked(directory) {
				t.Errorf("id %s, marked %v", kept.ID, isMarked(directory))
			}
			var told struct{ Rate, Channels int }
			if err := json.Unmarshal(c.Params, &told); err != nil || told.Rate != 5000 || told.Channels == 0 {
				t.Errorf("params %s (%v)", c.Params, err)
			}
			for _, name := range []string{"bench.txt", "latency.hlog", "bufferwait.pb.gz"} {
				if stat, err := os.Stat(filepath.Join(directory, name)); err != nil || stat.Size() == 0 {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// Whatever keeps a run from passing: the exit code, what is said, and that the run is kept and marked.
func TestRunsThatDoNotPass(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	for _, c := range []struct {
		name string
		args []string
		code results.ExitCode
		says string
	}{
		{"too few buffers", []string{"--segments", "4"}, results.ExitFailed, "insufficient number of network buffers: required"},
		{"a port that is in use", []string{"--listen", taken.Addr().String()}, results.ExitFailed, "address already in use"},
		{"a trial that takes too long", []string{"--duration", "20s", "--timeout", "400ms"}, results.ExitInvalid, "timed out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := beginRun(t, append(c.args, "--format", "json")...)
			if code := s.end(t); code != c.code || !strings.Contains(s.stderr.String(), c.says) {
				t.Errorf("exit %d: %s", code, &s.stderr)
			}
			directory, kept := s.directory(t)
			if kept.Outcome.Exit() != c.code || kept.ExitCode != c.code || !strings.Contains(kept.Reason, c.says) || !isMarked(directory) {
				t.Errorf("%s, exit %d, marked %v: %s", kept.Outcome, kept.ExitCode, isMarked(directory), kept.Reason)
			}
		})
	}
}

// kill -9 of a worker: the run is invalid at once, says who it was, and takes the other one along.
func TestAWorkerIsKilled(t *testing.T) {
	t.Parallel()
	s := beginRun(t, "--duration", "30s", "--format", "json", "--progress", "tty")
	s.stderr.await(t, "measured")
	workers := childrenOf(s.Process.Pid)
	if len(workers) != 2 {
		t.Fatalf("workers %v", workers)
	}
	if err := syscall.Kill(workers[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	if code := s.end(t); code != results.ExitInvalid || !strings.Contains(s.stderr.String(), fmt.Sprintf("pid %d) ended", workers[1])) ||
		!strings.Contains(s.stderr.String(), "signal: killed") {
		t.Errorf("exit %d: %s", code, &s.stderr)
	}
	if took := time.Since(killed); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if err := syscall.Kill(workers[0], 0); err != syscall.ESRCH {
		t.Errorf("the other worker: %v", err)
	}
	if directory, kept := s.directory(t); kept.Outcome != results.Invalid || !isMarked(directory) {
		t.Errorf("%s, marked %v", kept.Outcome, isMarked(directory))
	}
}

// Ctrl-C and SIGTERM drain: what was measured until then is kept, verified and printed.
func TestInterruptedRunsKeepWhatWasMeasured(t *testing.T) {
	for signal, want := range map[syscall.Signal]results.ExitCode{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s := beginRun(t, "--duration", "30s", "--format", "json", "--progress", "tty")
			s.stderr.await(t, "measured")
			if err := s.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if code := s.end(t); code != want {
				t.Errorf("exit %d: %s", code, &s.stderr)
			}
			directory, kept := s.directory(t)
			if kept.Outcome != results.Interrupted || kept.ExitCode != want || !isMarked(directory) {
				t.Errorf("%s, exit %d, marked %v", kept.Outcome, kept.ExitCode, isMarked(directory))
			}
			if len(kept.Cases) != 1 || kept.Cases[0].RecordsSent == 0 || kept.Cases[0].RecordsSent != kept.Cases[0].RecordsReceived {
				t.Errorf("cases %+v", kept.Cases)
			}
			if !json.Valid(s.stdout.Bytes()) {
				t.Errorf("stdout: %s", &s.stdout)
			}
		})
	}
}

// A suite that is wrong is told about with its file, line and key, before anything runs.
func TestABadSuiteIsNamedWithItsLine(t *testing.T) {
	suite := place(t, "mine.yaml", "title: mine\ncases:\n  - name: a\n    colour: blue\n")
	for _, args := range [][]string{{"run", "--suite", suite}, {"list", suite}} {
		code, stdout, stderr := inShell(args...)
		if code != results.ExitUsage || stdout != "" || !strings.Contains(stderr, suite+":4: colour: unknown key") {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

// Results that cannot be written are xbench's failure, on stdout as on disk.
func TestResultsThatCannotBeWritten(t *testing.T) {
	t.Run("stdout", func(t *testing.T) {
		t.Parallel()
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip(err)
		}
		defer full.Close()
		s := &session{out: t.TempDir()}
		s.Cmd = exec.Command(program, "run", "--out", s.out, "--case", "keyed", "--rate", "5k", "--warmup", "0s", "--duration", "100ms")
		s.Stdout, s.Stderr = full, &s.stderr
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if code := s.end(t); code != results.ExitFailed || !strings.Contains(s.stderr.String(), "no space left") {
			t.Errorf("exit %d: %s", code, &s.stderr)
		}
	})
	t.Run("run directory", func(t *testing.T) {
		file := place(t, "file", "")
		if code, stdout, stderr := inShell("run", "--out", file); code != results.ExitFailed || stdout != "" || !strings.Contains(stderr, file) {
			t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
		}
	})
}

// A worker that is started by hand says so, and does not hang.
func TestAWorkerStartedByHand(t *testing.T) {
	t.Parallel()
	s := &session{Cmd: exec.Command(program, "worker")}
	s.Stdout, s.Stderr = &s.stdout, &s.stderr
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if code := s.end(t); code == results.ExitPass || s.stdout.Len() > 0 || s.stderr.String() == "" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, &s.stdout, &s.stderr)
	}
}

func TestListNamesSuitesAndCases(t *testing.T) {
	code, stdout, _ := inShell("list")
	if code != results.ExitPass {
		t.Fatalf("exit %d", code)
	}
	for _, word := range []string{"quick", "flights", "keyed-50k", "long-max"} {
		if !strings.Contains(stdout, word) {
			t.Errorf("no %s in\n%s", word, stdout)
		}
	}
	_, stdout, _ = inShell("list", "--format", "json", "quick")
	var doc struct{ Suites []listedSuite }
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil || len(doc.Suites) != 1 || len(doc.Suites[0].Cases) < 3 ||
		doc.Suites[0].Cases[0].Parameters["driver"] != "exchange" {
		t.Errorf("%v: %s", err, stdout)
	}
}
