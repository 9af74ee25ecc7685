// example_test.go: the package in use.

package frame_test

import (
	"encoding/json"
	"fmt"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// A stream is taken apart in whatever pieces it arrives.
func ExampleDecoder() {
	channel := frame.ChannelID{15: 1}
	stream := frame.AddCredit{Credit: 2, Channel: channel}.AppendTo(nil)
	stream = frame.ResumeConsumption{Channel: channel}.AppendTo(stream)

	var d frame.Decoder
	for len(stream) > 0 {
		n := min(10, len(stream))
		d.Feed(stream[:n])
		stream = stream[n:]
		for {
			f, ok, err := d.Next()
			if err != nil {
				fmt.Println(err)
				return
			}
			if !ok {
				break
			}
			line, _ := json.Marshal(frame.Describe(&f))
			fmt.Println(string(line))
		}
	}
	fmt.Println(d.Finish())
	// Output:
	// {"n":0,"offset":0,"length":29,"id":6,"message":"AddCredit","credit":2,"receiver":"00000000000000000000000000000001"}
	// {"n":1,"offset":29,"length":25,"id":7,"message":"ResumeConsumption","receiver":"00000000000000000000000000000001"}
	// <nil>
}

// An event is the content of a buffer, whose type it decides.
func ExampleAppendEvent() {
	e := frame.EndOfData{}
	response := frame.BufferResponse{
		BufferHeader: frame.BufferHeader{Sequence: 4, Type: frame.DataTypeOf(e, false)},
		Content:      frame.AppendEvent(nil, e),
	}
	fmt.Printf("%x\n", response.AppendTo(nil))
	fmt.Println(response.Type == buffer.EndOfData)
	// Output:
	// 00000030badc0ffe00000000000000000000000000000000000000000000000004000000000900000000050000000800
	// true
}
