// limits.go: the bounds that follow from what the machine can do.

package main

import (
	"runtime"

	"xbench/workloads/rivals/field"
)

// limits are what one round measured of the machine; missing where it was not.
type limits struct {
	size       int // of the records that the loops were measured with
	loops      field.Loops
	streamPerS float64 // bytes per second of one TCP connection
	byteNs     float64 // processor time per byte on it, both ends
	pingPongNs float64 // p50
}

// lengthSize is what a record takes beside its payload.
const lengthSize = 4

// recordsPerMs is the bound of throughput: what one connection carries, or what the cores can encode, send, receive and decode, whichever is less.
func (l limits) recordsPerMs() float64 {
	bytes := float64(lengthSize + l.size)
	wire := l.streamPerS / bytes / 1e3
	cores := float64(runtime.NumCPU()) * 1e6 / (l.loops.EncodeNs + l.loops.DecodeNs + bytes*l.byteNs)
	return min(wire, cores)
}

// oneWayNs is the bound of latency: half of a ping-pong.
func (l limits) oneWayNs() float64 { return l.pingPongNs / 2 }
