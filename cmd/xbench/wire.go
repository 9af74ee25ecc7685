// wire.go: the verb wire: the bytes of a connection.

package main

func wireVerb() verb {
	return verb{
		name:    "wire",
		summary: "take the recorded bytes of a connection apart",
		about: `
The bytes of one direction of a data connection between two task managers, ours or Flink's, as
a proxy or a packet capture recorded them.`,
		examples: `xbench wire decode --direction c2s requests.bin
xbench wire decode --direction s2c --format jsonl --kind long responses.bin | jq .records`,
		verbs: []verb{wireDecodeVerb()},
	}
}
