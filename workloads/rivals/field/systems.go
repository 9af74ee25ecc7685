// systems.go: who competes, and what one should know about each.

package field

import "xbench/harness"

// Flow says what stops a source whose consumer does not read.
type Flow string

// The kinds of flow control.
const (
	PerChannel    Flow = "per channel"    // that source alone
	PerConnection Flow = "per connection" // all of them
	NoFlow        Flow = "none"           // nothing: what is not read is kept in memory
)

// System is one of those who compete.
type System struct {
	Name      string
	What      string
	Flow      Flow
	Ceiling   bool // there for scale: it does less than an exchange has to
	Processes int  // 1: it does not leave its process
	make      func() system
}

// Ours is the system that all others are compared with.
const Ours = "exchange"

// Systems are all of them, ours first, those with flow control per channel next.
func Systems() []System {
	mux := func(f sessionMaker) func() system {
		return func() system { return &batched{transport: &streams{newSession: f}} }
	}
	return []System{
		{Ours, "this repository's core: 32 KiB segments, 2 exclusive and 8 floating buffers", PerChannel, false, 2, func() system { return &exchange{} }},
		{"yamux", "hashicorp/yamux streams, windows of 1 MiB", PerChannel, false, 2, mux(newHashicorp)},
		{"libp2p-yamux", "libp2p/go-yamux streams, windows that grow to 16 MiB", PerChannel, false, 2, mux(newLibp2p)},
		{"smux", "xtaci/smux streams, version 2, windows of 1 MiB", PerChannel, false, 2, mux(newSmux)},
		{"grpc", "gRPC streams over one HTTP/2 connection, windows that adapt", PerChannel, false, 2, func() system { return &batched{transport: newGRPC()} }},
		{"quic", "quic-go streams, windows that grow to 6 MiB, encrypted", PerChannel, false, 2, func() system { return &batched{transport: &quicTransport{}} }},
		{"nats", "NATS core subjects, server embedded in the sinks' process", NoFlow, false, 2, func() system { return &batched{transport: newNATS()} }},
		{"raw-tcp", "one TCP connection, channel and length ahead of each batch", PerConnection, true, 2, func() system { return &batched{transport: &rawTCP{}} }},
		{"go-channel", "a Go channel of batches for each channel, in one process", PerChannel, true, 1, func() system { return &batched{transport: &goChannels{}} }},
	}
}

// Drivers are the systems and the limits as what a worker is started with.
func Drivers() map[string]harness.NewDriver {
	drivers := map[string]harness.NewDriver{
		LimitStream:   func() harness.Driver { return &limit{exchange: streamed} },
		LimitPingPong: func() harness.Driver { return &limit{exchange: echoed} },
	}
	for _, s := range Systems() {
		drivers[s.Name] = func() harness.Driver { return &driver{sys: s.make()} }
	}
	return drivers
}
