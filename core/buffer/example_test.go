// example_test.go: a record's way through a segment, and a channel with buffers of its own.

package buffer_test

import (
	"context"
	"fmt"

	"xbench/core/buffer"
)

// A writing task and a reader share a segment while it fills.
func Example() {
	all, err := buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: 16, SegmentSize: 32 << 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	partition, err := all.CreateLocal(buffer.LocalOptions{Required: 2, Max: 8, Subpartitions: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	memory, err := partition.RequestBlocking(context.Background(), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	writer := buffer.NewBuilder(memory)
	reader := writer.Consumer() // in the subpartition's queue from now on

	writer.Append([]byte("one "))
	writer.Append([]byte("two "))
	writer.Publish()
	part := reader.Build() // a flush: sent while the task goes on
	fmt.Printf("%q finished %v\n", part.Bytes(), reader.IsFinished())

	writer.Append([]byte("three"))
	writer.Finish()
	writer.Close()
	rest := reader.Build()
	fmt.Printf("%q finished %v\n", rest.Bytes(), reader.IsFinished())
	reader.Close()

	part.Recycle()
	rest.Recycle() // the last of four references: the segment is back in the partition's pool
	fmt.Println("in use:", partition.Used())
	fmt.Println("freed:", all.Free())
	// Output:
	// "one two " finished false
	// "three" finished true
	// in use: 0
	// freed: <nil>
}

// channel owns exclusive buffers, which return to it.
type channel struct{ free []*buffer.Segment }

func (c *channel) Recycle(s *buffer.Segment) { c.free = append(c.free, s) }

func ExampleNetworkBufferPool_RequestUnpooled() {
	all, err := buffer.NewNetworkBufferPool(buffer.PoolOptions{Segments: 4, SegmentSize: 1 << 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	var c channel
	c.free, err = all.RequestUnpooled(context.Background(), 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := c.free[1]
	c.free = c.free[:1]
	n := copy(s.Mem(), "read from a socket")
	b := s.Lend(&c, 7).With(n, buffer.DataBuffer, false)
	fmt.Printf("%s; %d exclusive left\n", b.Bytes(), len(c.free))
	b.Recycle()
	fmt.Println(len(c.free), "exclusive")

	_, err = all.RequestUnpooled(context.Background(), 3)
	fmt.Println(err)
	all.RecycleUnpooled(c.free)
	fmt.Println("freed:", all.Free())
	// Output:
	// read from a socket; 1 exclusive left
	// 2 exclusive
	// insufficient number of network buffers: required 3, but only 2 available; the total number of network buffers is currently set to 4 of 1024 bytes each and has to be raised
	// freed: <nil>
}
