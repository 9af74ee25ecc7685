// peer.go: the verb peer: one end of a connection, for somebody else at the other.

package main

func peerVerb() verb {
	return verb{
		name:    "peer",
		summary: "be the producer or the consumer of a connection",
		about: `
Stands at one end of a data connection: against Flink, another implementation, or itself. What
went over each channel is counted and printed at the end, by both sides with the same words, so
that the two can be compared.`,
		examples: `xbench peer serve --listen 127.0.0.1:6121 --subpartitions 4 --records 1000000
xbench peer consume --connect 127.0.0.1:6121 --subpartitions 4 --records 1000000`,
		verbs: []verb{peerServeVerb(), peerConsumeVerb()},
	}
}

// peerOutcome is told with the help of both sides.
const peerOutcome = `
Printed per channel: how many elements came, how many of them are values, the sum of these (as
a long, which may wrap), the bytes of all payloads and their CRC-32 (IEEE, in order, without
the lengths in front), and the events in order. --format json prints one document.

Without --timeout it gives up after ten minutes. Data that is not complete, or another number
of records than --records, exits with 5; a peer that cannot be reached, or that refuses, with
1. Ctrl-C prints what was counted so far, and exits with 130.`
