// hostile_test.go: workers that are none, or that lost their mind, are named and swept away.

package harness

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"xbench/results"
)

// script is a worker command that runs a shell script; say prints a message to the coordinator,
// JSON and all.
func script(lines ...string) []string {
	const say = `say() { printf '\000\000\000'; printf "\\$(printf %o ${#1})"; printf %s "$1"; } >&4; `
	return []string{"/bin/sh", "-c", say + strings.Join(lines, "; ")}
}

func TestRunSurvivesAnyWorker(t *testing.T) {
	t.Parallel()
	const helloLine = `say '{"hello":{"version":1,"pid":1}}'`
	for _, c := range []struct {
		name   string
		worker []string
		reason string
		exit   results.ExitCode
	}{
		{"noise", script(`printf AAAAAAAA >&4`, `sleep 1000`), "a message of 1094795585 bytes", results.ExitFailed},
		{"no JSON", script(`say 'hello'`, `sleep 1000`), "invalid character 'h'", results.ExitFailed},
		{"another version", script(`say '{"hello":{"version":99,"mood":"new"}}'`, `sleep 1000`), "the worker speaks version 99, this coordinator 1", results.ExitFailed},
		{"out of turn", script(`say '{"finished":{}}'`, `sleep 1000`), "finished where something else was expected", results.ExitFailed},
		{"twice", script(helloLine, helloLine, `sleep 1000`), "hello where something else was expected", results.ExitFailed},
		{"a coordinator's word", script(`say '{"bye":{}}'`, `sleep 1000`), "bye where something else was expected", results.ExitFailed},
		{"mute and alive", script(`exec 3<&- 4>&- 5<&-`, `sleep 1000`), "ended while it was started: signal: killed", results.ExitInvalid},
		{"gone with a word", script(`echo 'fatal error: no memory' >&2`, `exit 9`), "ended while it was started: exit status 9: fatal error: no memory", results.ExitInvalid},
		{"gone in mid-message", script(`printf '\000\000\000\040{' >&4`, `exit 0`), "ended while it was started: exit status 0", results.ExitInvalid},
		{"gone, its child is not", script(`setsid sleep 3 & exit 4`), "ended while it was started: exit status 4", results.ExitInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &witness{t: t}
			o := w.options()
			o.Worker = c.worker
			began := time.Now()
			r := w.run(streamCase(streamParams{}), o)
			if r.Exit != c.exit || !r.Stop || !strings.Contains(r.Case.Reason, c.reason) {
				t.Errorf("exit %d, stop %v: %q, want %q", r.Exit, r.Stop, r.Case.Reason, c.reason)
			}
			if d := time.Since(began); d > 10*time.Second {
				t.Errorf("it took %s", d)
			}
		})
	}
}

// What a worker reports is checked like anything from outside.
func TestAReportThatCannotBeIsInvalid(t *testing.T) {
	for name, report := range map[string]string{
		"a source that is none":     `{"end_ns":0,"sources":[{"index":5,"ledger":[[0,1,1]],"sent":1,"planned":0,"behind_ns":0}],"sinks":[]}`,
		"a channel that is none":    `{"end_ns":0,"sources":[{"index":0,"ledger":[[18446744073709551615,1,1]],"sent":1,"planned":0,"behind_ns":0}],"sinks":[]}`,
		"a histogram that is none":  `{"end_ns":0,"sources":[{"index":0,"ledger":[],"sent":0,"planned":0,"behind_ns":0,"lag":{"histogram":"AAAA","min":0,"max":0,"refused":0,"refusal":0}}],"sinks":[]}`,
		"a histogram out of bounds": `{"end_ns":0,"sources":[],"sinks":[{"name":"x","ledgers":[],"received":0,"span":{"first_ns":5,"last_ns":1,"records":0,"records_after":0},"latency":{"histogram":"HISTFAAAABx4nJNpmSzMwMDAxQABzFDMDCWZ7T/AWACXPQKZ","min":0,"max":0,"refused":1,"refusal":-1}}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := parseMessage([]byte(fmt.Sprintf(`{"finished":%s}`, report)))
			if err != nil {
				t.Fatal(err)
			}
			c := streamCase(streamParams{})
			tr := &trial{
				c: &c, number: 1, workers: make([]*member, 1), reports: []*finished{m.Finished},
				sources: map[int]sourceName{0: {Name: "a", Channels: 3}},
			}
			if r, _ := tr.measured(nil); r.Outcome != results.Invalid || r.Reason == "" {
				t.Errorf("outcome %s, reason %q", r.Outcome, r.Reason)
			}
		})
	}
}
