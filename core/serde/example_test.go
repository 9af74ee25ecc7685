// example_test.go: the package in use.

package serde_test

import (
	"fmt"

	"xbench/core/serde"
)

// Records are framed into a stream, the stream is cut into buffers, and the records come out of the buffers.
func ExampleDeserializer() {
	var stream []byte
	for i, word := range []string{"one", "zwölf", "ten thousand"} {
		stream = serde.AppendFramed(stream, &serde.StreamRecord[string]{
			Serializer: &serde.String, Value: word, HasTimestamp: true, TimestampMs: int64(i),
		})
	}

	d := serde.NewDeserializer(serde.Options{})
	var r serde.Reader
	for len(stream) > 0 {
		n := min(20, len(stream))
		d.SetBuffer(stream[:n])
		stream = stream[n:]
		for {
			payload, ok, err := d.Next()
			if err != nil {
				fmt.Println(err)
				return
			}
			if !ok {
				break // the buffer may go home
			}
			element, err := serde.ParseElement(payload)
			if err != nil {
				fmt.Println(err)
				return
			}
			word, err := serde.String.Decode(&r, element.Value)
			fmt.Println(element.TimestampMs, word, err)
		}
	}
	// Output:
	// 0 one <nil>
	// 1 zwölf <nil>
	// 2 ten thousand <nil>
}

// The channel of a keyed record: Java's hash code, the key group, its owner.
func ExampleChannelOfKey() {
	hash := serde.HashString("hello")
	fmt.Println(hash, serde.KeyGroup(hash, 128), serde.ChannelOfKey(hash, 128, 4))
	// Output: 99162322 35 1
}
