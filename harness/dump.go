// dump.go: what is kept of a trial that went wrong: the goroutines of stuck workers, the words of dead ones.

package harness

import (
	"bytes"
	"fmt"
	"syscall"
	"time"

	"xbench/results"
)

// dump asks every worker for its goroutines: first by a message, and those that do not answer
// by SIGQUIT, on which the Go runtime prints them and ends.
func (t *trial) dump(why string) {
	for _, w := range t.workers {
		_ = w.tell(message{Dump: nothing}) // no answer is an answer too
	}
	t.listen(dumpTime, func(w *member) bool { return w.stacks != nil || w.gone != nil })
	for _, w := range t.workers {
		if w.stacks == nil {
			w.signal(syscall.SIGQUIT)
		}
	}
	t.listen(quitTime, func(w *member) bool { return w.stacks != nil || w.gone != nil })
	for _, w := range t.workers {
		var text bytes.Buffer
		fmt.Fprintf(&text, "%v, case %s, trial %d: %s\n\n", w, t.c.Name, t.number, why)
		switch {
		case w.stacks != nil:
			text.Write(w.stacks)
		case w.gone != nil:
			text.WriteString("It did not answer. What it printed, at last on SIGQUIT:\n\n" + w.output.String())
		default:
			text.WriteString("It neither answered nor ended on SIGQUIT.\n")
		}
		t.keep(w, "txt", text.Bytes())
	}
}

// listen hears what the workers do until each of them is done, or for a time.
func (t *trial) listen(d time.Duration, done func(*member) bool) {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	for {
		missing := false
		for _, w := range t.workers {
			missing = missing || !done(w)
		}
		if !missing {
			return
		}
		select {
		case e := <-t.events:
			_, _, _ = t.heard(e) // the trial has failed already
		case <-timeout.C:
			return
		}
	}
}

// keepOutputs keeps what the workers of a trial printed that ended early.
func (t *trial) keepOutputs() {
	for _, w := range t.workers {
		if said := w.output.String(); said != "" {
			t.keep(w, "output.txt", []byte(said))
		}
	}
}

// keep stores a file of one worker. That it cannot be stored is a doubt, not a reason.
func (t *trial) keep(w *member, suffix string, content []byte) {
	if t.o.Keep == nil {
		return
	}
	name := fmt.Sprintf("dumps/%s.%d.%d.%s", results.FileName(t.c.Name), t.number, w.index, suffix)
	if err := t.o.Keep(name, content); err != nil {
		t.doubts = append(t.doubts, err.Error())
	}
}
