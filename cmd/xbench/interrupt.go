// interrupt.go: SIGINT and SIGTERM: who is told, and what the exit code becomes.

package main

import (
	"os"
	"os/signal"
	"syscall"

	"xbench/results"
)

// interrupt collects signals from its making until it is released. The harness gets them all
// (the first drains, the second kills); the first is also kept, for the exit code.
type interrupt struct {
	harness chan os.Signal
	first   chan os.Signal
	code    results.ExitCode // of the first signal, once it was looked at
}

func catchInterrupt() *interrupt {
	i := &interrupt{harness: make(chan os.Signal, 2), first: make(chan os.Signal, 1)}
	for _, c := range []chan os.Signal{i.harness, i.first} {
		signal.Notify(c, syscall.SIGINT, syscall.SIGTERM)
	}
	return i
}

// release gives the signals their usual meaning back.
func (i *interrupt) release() {
	signal.Stop(i.harness)
	signal.Stop(i.first)
}

// exit is the exit code of the first signal, and ExitPass while there was none.
func (i *interrupt) exit() results.ExitCode {
	if i.code != results.ExitPass {
		return i.code
	}
	select {
	case s := <-i.first:
		i.code = results.ExitInterrupted
		if s == syscall.SIGTERM {
			i.code = results.ExitTerminated
		}
	default:
	}
	return i.code
}
