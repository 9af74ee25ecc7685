// talk_test.go: conversations kept in testdata as text: what the test does, and what is said then. The commands stand at serverTalk.do
// and clientTalk.do.

package net

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"xbench/core/net/frame"
)

var update = flag.Bool("update", false, "rewrite the expected results in testdata")

// talk carries out commands and tells what became of them.
type talk interface {
	do(words []string)
	result() string
	close()
}

// retellAll runs every script of a folder. A script is paragraphs: commands, ----, what is expected after them. go test -update rewrites what is
// expected; commit that only when you understand it.
func retellAll(t *testing.T, folder string, begin func(t *testing.T) talk) {
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			synctest.Test(t, func(t *testing.T) { got = retell(begin(t), string(text)) })
			if got == string(text) {
				return
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s says something else now.\ngot:\n%s\nwant:\n%s", file, got, text)
		})
	}
}

// retell is the script with the results as they are.
func retell(k talk, text string) string {
	defer k.close()
	var out strings.Builder
	for i, part := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		commands, _, found := strings.Cut(part, "\n----")
		out.WriteString(commands + "\n")
		if !found && strings.HasPrefix(part, "#") {
			continue // a remark
		}
		out.WriteString("----\n")
		for line := range strings.Lines(commands) {
			command, _, _ := strings.Cut(line, "#")
			if words := strings.Fields(command); len(words) > 0 {
				k.do(words)
			}
		}
		out.WriteString(k.result())
	}
	return out.String()
}

// arguments takes words apart: those with a name (credit=2) and the rest.
func arguments(t testing.TB, words []string) (plain []string, named map[string]int) {
	t.Helper()
	named = map[string]int{}
	for _, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found {
			plain = append(plain, word)
			continue
		}
		named[name] = number(t, value)
	}
	return plain, named
}

func number(t testing.TB, word string) int {
	t.Helper()
	n, err := strconv.Atoi(word)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// name is the channel as a script calls it.
func name(id frame.ChannelID) string { return strings.TrimRight(string(id[:]), "\x00") }

// sentence is a frame in one line.
func sentence(f *frame.Frame) string {
	m, a := &f.Request, &f.Response
	switch f.ID {
	case frame.IDPartitionRequest:
		return fmt.Sprintf("%s: PartitionRequest %d.%d credit=%d", name(m.Channel), m.Partition.Partition.Number(), m.First, m.Credit)
	case frame.IDAddCredit:
		return fmt.Sprintf("%s: AddCredit %d", name(m.Channel), m.Credit)
	case frame.IDNewBufferSize:
		return fmt.Sprintf("%s: NewBufferSize %d", name(m.Channel), m.Size)
	case frame.IDCloseRequest:
		return "CloseRequest"
	case frame.IDBufferResponse:
		b := &a.Buffer
		return fmt.Sprintf("%s: #%d %v of %d bytes, backlog %d", name(b.Channel), b.Sequence, b.Type, b.Size, b.Backlog)
	case frame.IDBacklogAnnouncement:
		return fmt.Sprintf("%s: BacklogAnnouncement %d", name(a.Backlog.Channel), a.Backlog.Backlog)
	case frame.IDErrorResponse:
		whose := name(a.Error.Channel)
		if a.Error.Fatal {
			whose = "fatal"
		}
		class := a.Error.Cause.Class[strings.LastIndex(a.Error.Cause.Class, ".")+1:]
		return fmt.Sprintf("%s: %s: %s", whose, class, shortIDs(a.Error.Cause.Message))
	}
	return fmt.Sprintf("%s: %v", name(m.Channel), f.ID)
}

// shortIDs leaves of partitions' names what differs in a script.
func shortIDs(s string) string {
	for {
		at := strings.Index(s, "@")
		if at < 0 {
			return s
		}
		from := strings.LastIndex(s[:at], "#") // 32 digits of a data set before it
		to := at + strings.IndexFunc(s[at:], func(r rune) bool { return r == ' ' || r == ']' })
		if from < 32 || to < at {
			return s
		}
		s = s[:from-32] + s[from:at] + s[to:]
	}
}

// sentences are the whole frames in b, one a line.
func sentences(t testing.TB, d *frame.Decoder, b []byte) string {
	t.Helper()
	d.Feed(b)
	var out strings.Builder
	for {
		f, ok, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out.String()
		}
		out.WriteString(sentence(&f) + "\n")
	}
}
