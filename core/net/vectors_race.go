//go:build race

// vectors_race.go: readv and writev of which the race detector knows.

package net

import "golang.org/x/sys/unix"

type vectors struct{}

func (vectors) readv(fd int, into [][]byte) (int, error)  { return unix.Readv(fd, into) }
func (vectors) writev(fd int, from [][]byte) (int, error) { return unix.Writev(fd, from) }
