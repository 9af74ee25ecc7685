// trial_events.go: what may happen in a trial at any time: failures, lost workers, signals, the watchdog.

package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"xbench/results"
)

const (
	// A worker that loses its peer complains too, and may be heard first. The reason is then
	// the peer's end, so a complaint has to stand for a moment before it counts.
	settleTime = 250 * time.Millisecond
	// How long a worker that is about to end may take to do so.
	leaveTime = 5 * time.Second
	// How long a worker that closed its pipe may take to end.
	muteTime = time.Second
	// How long a worker may take to answer with its goroutines, and then to print them on SIGQUIT.
	dumpTime = time.Second
	quitTime = 3 * time.Second
)

// collect waits until each worker has given the answer that take takes, and sees meanwhile
// to all that may happen at any time. An error ends the trial.
func (t *trial) collect(ctx context.Context, take func(*member, *message) (bool, error)) error {
	missing := len(t.workers)
	for _, w := range t.workers {
		w.waited = true
	}
	t.tellProgress()
	for missing > 0 {
		select {
		case e := <-t.events:
			w, m, err := t.heard(e)
			if err != nil {
				return err
			}
			if m == nil {
				continue
			}
			taken, err := take(w, m)
			if err != nil {
				return fmt.Errorf("%v: %w", w, err)
			}
			if !taken || !w.waited {
				return fmt.Errorf("%v: %w", w, unexpected(*m, "something else"))
			}
			w.waited = false
			missing--
		case <-t.settled:
			return t.failure
		case <-t.watchdog.C:
			return t.timedOut()
		case s := <-t.o.Interrupt:
			if err := t.interrupt(s); err != nil {
				return err
			}
		case <-ctx.Done():
			return &ending{results.Interrupted, context.Cause(ctx).Error()}
		}
	}
	return nil
}

// heard notes what a worker did. It hands out the messages that belong to the conversation, and an
// error when a worker was lost.
func (t *trial) heard(e event) (*member, *message, error) {
	w := t.workers[e.from.index]
	switch {
	case e.said != nil && e.said.Progress != nil:
		w.progress = *e.said.Progress
		t.tellProgress()
	case e.said != nil && e.said.Failed != nil:
		w.failed = true
		t.fail(fmt.Sprintf("%v: %s", w, e.said.Failed.Message))
	case e.said != nil && e.said.Dumped != nil:
		w.stacks = e.said.Dumped.Stacks
	case e.said != nil:
		return w, e.said, nil
	case e.mute != nil:
		w.mute = true
		if errors.Is(e.mute, errProtocol) { // and not just its end, even in mid-message
			t.fail(fmt.Sprintf("%v: %v", w, e.mute))
		}
		if w.gone == nil {
			w.patience = time.AfterFunc(muteTime, func() { w.signal(syscall.SIGKILL) })
		}
	case e.gone != nil:
		w.gone = e.gone
		if w.patience != nil {
			w.patience.Stop()
		}
		if !w.mute { // its last words may still be in the pipe, but somebody else must not hold it open
			_ = w.replies.SetReadDeadline(time.Now().Add(muteTime))
		}
	}
	if w.mute && w.gone != nil && !w.failed && !w.leaving {
		return w, nil, t.lost(w)
	}
	return w, nil, nil
}

// fail notes why the trial cannot go on. The first reason wins.
func (t *trial) fail(reason string) {
	if t.failure == nil {
		t.failure = &ending{results.Failed, reason}
		t.settled = time.After(settleTime)
	}
}

// lost says how a worker ended that should not have.
func (t *trial) lost(w *member) error {
	when := "in mid-run"
	switch {
	case t.complete():
		when = "when it was closed"
	case t.phase() == Starting:
		when = "while it was started"
	}
	reason := fmt.Sprintf("%v ended %s: %s", w, when, w.gone)
	if said := w.output.complaint(); said != "" {
		reason += ": " + said
	}
	return &ending{results.Invalid, reason}
}

// interrupt sees to a signal: the first ends the sources, the second everything.
func (t *trial) interrupt(s os.Signal) error {
	again := t.interrupted != nil
	starting := t.phase() == Starting
	t.interrupted = s
	switch {
	case again:
		return &ending{results.Interrupted, fmt.Sprintf("killed by a second signal (%s)", s)}
	case starting:
		return &ending{results.Interrupted, fmt.Sprintf("interrupted (%s) before anything was sent", s)}
	}
	t.tellProgress()
	t.tellAll(message{Stop: nothing})
	return nil
}

// timedOut says that the watchdog bit, and where everybody was.
func (t *trial) timedOut() error {
	reason := fmt.Sprintf("timed out in phase %s, waiting for", t.phase())
	for _, w := range t.workers {
		if w.waited {
			reason += fmt.Sprintf(" %v", w)
		}
	}
	t.dump(reason)
	return &ending{results.Invalid, reason}
}

// dismiss sees every worker gone: those that are leaving get some time, the others none.
func (t *trial) dismiss(err error) (ended error) {
	for _, w := range t.workers {
		if !w.leaving || err != nil {
			w.signal(syscall.SIGKILL)
		}
	}
	deadline := time.NewTimer(leaveTime)
	defer deadline.Stop()
	for t.present() {
		select {
		case e := <-t.events:
			_, _, _ = t.heard(e) // nothing can be lost any more
		case <-deadline.C:
			for _, w := range t.workers {
				w.signal(syscall.SIGKILL)
			}
		}
	}
	for _, w := range t.workers {
		w.close()
		if ended == nil && w.leaving && !w.gone.Success() {
			ended = t.lost(w)
		}
	}
	if err != nil || ended != nil {
		t.keepOutputs()
	}
	return ended
}

// present reports whether something is still to be heard of a worker.
func (t *trial) present() bool {
	for _, w := range t.workers {
		if !w.mute || w.gone == nil {
			return true
		}
	}
	return false
}
