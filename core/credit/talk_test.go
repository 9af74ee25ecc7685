// talk_test.go: conversations between both ends of a channel, kept in testdata as text. See its commands below.

package credit

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expected results in testdata")

// TestConversations runs every script of testdata. A script is paragraphs: commands, ----, what is expected after them. go test
// -update rewrites what is expected; commit that only when you understand it.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := retell(t, string(text))
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
func retell(t *testing.T, text string) string {
	var out strings.Builder
	talk := &talk{t: t}
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
				talk.do(words)
			}
		}
		out.WriteString(talk.state())
	}
	return out.String()
}

// talk is the two ends of some channels, and the pool of the gate they belong to, which lends floating buffers. The pool is a
// few lines here, so that the arithmetic can be seen at work; the real one is tested where it lives.
type talk struct {
	t        *testing.T
	channels []*channel
	free     int        // floating buffers in the pool
	line     []*channel // who waits for one
	said     []string   // messages since the last result
}

// channel is both ends, and what is between.
type channel struct {
	name      string
	budget    Budget
	allowance Allowance
	exclusive int  // buffers with the consumer
	floating  int  // likewise
	waiting   bool // in the pool's line
	due       bool // an AddCredit is to be written
	stuck     bool // the socket is not writable
}

// do runs one command:
//
//	pool N                   the gate's pool has N floating buffers
//	pool take N / return N   somebody else takes or returns some
//	open NAME exclusive=N    a channel
//	NAME send [N] [backlog=B]  the sender sends N data buffers (1), and each says B; they arrive
//	NAME backlog B           the sender announces its backlog, if it thinks that it has to
//	NAME told B              some message says that the backlog is B
//	NAME return exclusive N / floating N   the consumer recycles
//	NAME overspend           data arrives that no credit was spent for
//	NAME block / resume      a blocking event arrives / the consumer resumes the channel
//	NAME stuck / writable    the socket
func (k *talk) do(words []string) {
	if words[0] == "pool" {
		k.pool(words[1:])
		return
	}
	if words[0] == "open" {
		n := k.number(words[2])
		k.channels = append(k.channels, &channel{name: words[1], budget: NewBudget(uint32(n)), allowance: NewAllowance(n)})
		return
	}
	i := slices.IndexFunc(k.channels, func(c *channel) bool { return c.name == words[0] })
	if i < 0 {
		k.t.Fatalf("no channel %q", words[0])
	}
	c := k.channels[i]
	switch words[1] {
	case "send":
		k.send(c, words[2:])
	case "overspend":
		if _, ok := c.allowance.Take(); ok {
			k.t.Fatalf("%s took a buffer that it had not announced", c.name)
		}
		k.said = append(k.said, c.name+": data without credit: the peer's fault")
	case "backlog":
		if n := k.number(words[2]); c.budget.AnnouncesBacklog(n) {
			k.said = append(k.said, fmt.Sprintf("%s: BacklogAnnouncement(%d)", c.name, n))
			k.backlog(c, n)
		}
	case "told":
		k.backlog(c, k.number(words[2]))
	case "return":
		k.giveBack(c, words[2], k.number(words[3]))
	case "block":
		for range c.allowance.ReleaseFloating() {
			k.recycle()
		}
	case "resume":
		c.budget.Forfeit()
	case "stuck":
		c.stuck = true
	case "writable":
		c.stuck = false
		k.announce(c)
	default:
		k.t.Fatalf("no command %q", words)
	}
}

func (k *talk) pool(words []string) {
	switch n := k.number(words[len(words)-1]); words[0] {
	case "take":
		k.free -= n
	case "return":
		for range n {
			k.recycle()
		}
	default:
		k.free = n
	}
}

func (k *talk) send(c *channel, words []string) {
	n, backlog := 1, -1
	for _, word := range words {
		if b, ok := strings.CutPrefix(word, "backlog="); ok {
			backlog = k.number(b)
		} else {
			n = k.number(word)
		}
	}
	for range n {
		c.budget.Spend()
		floating, ok := c.allowance.Take()
		switch {
		case !ok:
			k.t.Fatalf("%s: data without a buffer", c.name)
		case floating:
			c.floating++
		default:
			c.exclusive++
		}
		k.backlog(c, backlog)
	}
}

// backlog is what a gate does: note it, take what the pool has, wait in line for more.
func (k *talk) backlog(c *channel, b int) {
	c.allowance.Backlog(b)
	k.obtained(c, k.obtain(c))
}

func (k *talk) obtain(c *channel) int {
	n := 0
	for !c.waiting && c.allowance.Missing() > n {
		if k.free == 0 {
			c.waiting = true
			k.line = append(k.line, c)
			break
		}
		k.free--
		n++
	}
	return n
}

func (k *talk) obtained(c *channel, n int) {
	if c.allowance.AddFloating(n) {
		c.due = true
		k.announce(c)
	}
}

// recycle is a floating buffer that comes back to the pool: for the first in line who wants it.
func (k *talk) recycle() {
	for len(k.line) > 0 {
		c := k.line[0]
		k.line = k.line[1:]
		c.waiting = false
		if c.allowance.Wants() {
			first := c.allowance.AddFloating(1)
			more := k.obtain(c)
			c.due = c.allowance.AddFloating(more) || first || c.due
			k.announce(c)
			return
		}
	}
	k.free++
}

func (k *talk) giveBack(c *channel, what string, n int) {
	for range n {
		if what == "floating" {
			c.floating--
			k.recycle()
			continue
		}
		c.exclusive--
		displaced, announce := c.allowance.ReturnExclusive()
		if displaced {
			k.recycle()
		}
		if announce {
			c.due = true
			k.announce(c)
		}
	}
}

// announce writes the AddCredit that is due, as far as the socket is writable.
func (k *talk) announce(c *channel) {
	if !c.due || c.stuck {
		return
	}
	c.due = false
	n := c.allowance.Announce()
	if n == 0 {
		return
	}
	if err := c.budget.Grant(n); err != nil {
		k.t.Fatal(err)
	}
	k.said = append(k.said, fmt.Sprintf("%s: AddCredit(%d)", c.name, n))
}

// state is the messages since the last one, and where everything is.
func (k *talk) state() string {
	var out strings.Builder
	for _, line := range k.said {
		out.WriteString(line + "\n")
	}
	k.said = nil
	for _, c := range k.channels {
		a := &c.allowance
		waiting := ""
		if c.waiting {
			waiting = " waiting"
		}
		fmt.Fprintf(&out, "%s: available=%d required=%d unannounced=%d%s | sender left=%d\n",
			c.name, a.Available(), a.Required(), a.Unannounced(), waiting, c.budget.Left())
	}
	fmt.Fprintf(&out, "pool: %d\n", k.free)
	return out.String()
}

func (k *talk) number(word string) int {
	_, value, found := strings.Cut(word, "=")
	if !found {
		value = word
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		k.t.Fatal(err)
	}
	return n
}
