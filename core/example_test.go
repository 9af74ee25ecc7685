// example_test.go: the exchange in use: processes, back-pressure, barriers, selectors.

package core_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"sync"
	"time"

	"xbench/core"
	"xbench/core/net/frame"
	"xbench/core/serde"
)

// A task writes, another reads, in two processes: here two exchanges, with a connection between them.
func Example() {
	ctx := context.Background()
	words := frame.ResultPartitionID{Partition: frame.PartitionID{1}} // whoever plans the job gives it to both

	producer, err := core.Open(core.Options{Listen: "127.0.0.1:0", Segments: 64})
	if err != nil {
		log.Fatal(err)
	}
	w, err := producer.NewWriter(ctx, core.WriterOptions{Partition: words, Subpartitions: 1, BufferTimeout: core.DefaultBufferTimeout})
	if err != nil {
		log.Fatal(err)
	}
	var task sync.WaitGroup
	task.Go(func() {
		defer w.Close()
		for _, word := range []string{"one", "two", "three"} {
			if err := w.Emit(serde.Bytes(word)); err != nil {
				log.Fatal(err)
			}
		}
		if err := w.End(); err != nil { // returns when the reader has all of it
			log.Fatal(err)
		}
	})

	consumer, err := core.Open(core.Options{Segments: 64})
	if err != nil {
		log.Fatal(err)
	}
	r, err := consumer.NewReader(ctx, core.ReaderOptions{Gates: [][]core.Input{{
		{Address: producer.Addr(), Partition: words, Subpartition: 0},
	}}})
	if err != nil {
		log.Fatal(err)
	}
	for {
		arrival, err := r.Advance(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if arrival.Event != nil {
			fmt.Printf("%T\n", arrival.Event)
		}
		for {
			payload, ok, err := r.Next()
			if err != nil {
				log.Fatal(err)
			}
			if !ok {
				break // the buffer is on its way home
			}
			fmt.Println(string(payload))
		}
	}
	r.Close()
	task.Wait()
	fmt.Println(consumer.Close(), producer.Close()) // an error would name what was not given back
	// Output:
	// one
	// two
	// three
	// frame.EndOfData
	// frame.EndOfPartition
	// <nil> <nil>
}

// A partition of the same process has no address. Its buffers change hands as they are: no connection, no copy.
func ExampleInput_local() {
	ctx := context.Background()
	x, err := core.Open(core.Options{Segments: 64})
	if err != nil {
		log.Fatal(err)
	}
	w, err := x.NewWriter(ctx, core.WriterOptions{Subpartitions: 2, BufferTimeout: core.FlushAlways}) // round robin
	if err != nil {
		log.Fatal(err)
	}
	r, err := x.NewReader(ctx, core.ReaderOptions{Gates: [][]core.Input{{{Subpartition: 0}, {Subpartition: 1}}}})
	if err != nil {
		log.Fatal(err)
	}
	for _, word := range []string{"even", "odd"} {
		if err := w.Emit(serde.Bytes(word)); err != nil {
			log.Fatal(err)
		}
		arrival, err := r.Advance(ctx)
		if err != nil {
			log.Fatal(err)
		}
		payload, _, err := r.Next()
		fmt.Println(arrival.Channel, string(payload), err)
	}
	fmt.Println(x.Connections(), "connections")
	r.Close()
	w.Close()
	fmt.Println(x.Close())
	// Output:
	// 0 even <nil>
	// 1 odd <nil>
	// 0 connections
	// <nil>
}

// Memory is bounded, so a writer whose reader does not read comes to a stand. Here it has three buffers of 64 bytes, which hold four records of 16
// bytes each. The thirteenth waits, for as long as the writer's context lets it.
func ExampleWriter_backPressure() {
	x, err := core.Open(core.Options{Segments: 16, SegmentSize: 64})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	w, err := x.NewWriter(ctx, core.WriterOptions{Subpartitions: 1, BufferTimeout: core.FlushNever, MaxBuffers: 3, Overdraft: core.NoOverdraft})
	if err != nil {
		log.Fatal(err)
	}
	written := 0
	for err == nil {
		if err = w.Emit(serde.Bytes("twelve bytes")); err == nil {
			written++
		}
	}
	fmt.Println(written, "records, then", err)
	w.Close()
	fmt.Println(x.Close())
	// Output:
	// 12 records, then context deadline exceeded
	// <nil>
}

// A task that has other things to do looks whether there is a buffer before it begins a record, and so never waits inside one.
func ExampleWriter_IsAvailable() {
	ctx := context.Background()
	x, err := core.Open(core.Options{Segments: 16, SegmentSize: 64})
	if err != nil {
		log.Fatal(err)
	}
	w, err := x.NewWriter(ctx, core.WriterOptions{Subpartitions: 1, BufferTimeout: core.FlushNever, MaxBuffers: 3})
	if err != nil {
		log.Fatal(err)
	}
	r, err := x.NewReader(ctx, core.ReaderOptions{Gates: [][]core.Input{{{Subpartition: 0}}}})
	if err != nil {
		log.Fatal(err)
	}
	write := func() {
		written := 0
		for w.IsAvailable() {
			if err := w.Emit(serde.Bytes("twelve bytes")); err != nil {
				log.Fatal(err)
			}
			written++
		}
		fmt.Println("wrote", written)
	}
	read := func() {
		if _, err := r.Advance(ctx); err != nil {
			log.Fatal(err)
		}
		read := 0
		for {
			_, ok, err := r.Next()
			if err != nil {
				log.Fatal(err)
			}
			if !ok {
				break
			}
			read++
		}
		fmt.Println("read", read)
	}
	write() // two full buffers, and a record in the third, the last
	read()  // the first buffer goes home ...
	<-w.Available()
	write() // ... and is taken when the third is full
	r.Close()
	w.Close()
	fmt.Println(x.Close())
	// Output:
	// wrote 9
	// read 4
	// wrote 4
	// <nil>
}

// A checkpoint over two producers. An aligned barrier blocks its channel until the task resumes it: when all channels have brought theirs, what was
// read is exactly what came before the barriers.
func ExampleReader_Resume() {
	ctx := context.Background()
	x, err := core.Open(core.Options{Segments: 64})
	if err != nil {
		log.Fatal(err)
	}
	var producers []*core.Writer
	var inputs []core.Input
	for i := range byte(2) {
		id := frame.ResultPartitionID{Partition: frame.PartitionID{i}}
		w, err := x.NewWriter(ctx, core.WriterOptions{Partition: id, Subpartitions: 1, BufferTimeout: core.FlushAlways})
		if err != nil {
			log.Fatal(err)
		}
		producers = append(producers, w)
		inputs = append(inputs, core.Input{Partition: id})
	}
	r, err := x.NewReader(ctx, core.ReaderOptions{Gates: [][]core.Input{inputs}})
	if err != nil {
		log.Fatal(err)
	}
	barrier := frame.CheckpointBarrier{ID: 7, Alignment: frame.Aligned, AlignedTimeoutMs: frame.NoAlignedTimeout}
	for i, w := range producers {
		err := errors.Join(
			w.Emit(serde.Bytes(fmt.Sprintf("before %d", i))),
			w.BroadcastEvent(barrier, false),
			w.Emit(serde.Bytes(fmt.Sprintf("behind %d", i))),
		)
		if err != nil {
			log.Fatal(err)
		}
	}

	var records []string
	var blocked []int
	advance := func() {
		arrival, err := r.Advance(ctx)
		if err != nil {
			log.Fatal(err)
		}
		if _, ok := arrival.Event.(frame.CheckpointBarrier); ok {
			blocked = append(blocked, arrival.Channel)
		}
		for {
			payload, ok, err := r.Next()
			if err != nil {
				log.Fatal(err)
			}
			if !ok {
				break
			}
			records = append(records, string(payload))
		}
	}
	for len(blocked) < r.Channels() {
		advance()
	}
	slices.Sort(records) // the channels come in any order
	fmt.Println("checkpoint of", records)

	for _, channel := range blocked {
		if err := r.Resume(channel); err != nil {
			log.Fatal(err)
		}
	}
	for len(records) < 4 {
		advance()
	}
	slices.Sort(records)
	fmt.Println("and on to", records)
	r.Close()
	for _, w := range producers {
		w.Close()
	}
	fmt.Println(x.Close())
	// Output:
	// checkpoint of [before 0 before 1]
	// and on to [before 0 before 1 behind 0 behind 1]
	// <nil>
}

// The caller's own partitioner. One that errs gets an error, and the writer goes on.
func ExampleCustom() {
	ctx := context.Background()
	x, err := core.Open(core.Options{Segments: 16})
	if err != nil {
		log.Fatal(err)
	}
	byFirstLetter := core.Custom(func(r serde.Record, n int) int { return int(r.(serde.Bytes)[0] - 'a') })
	w, err := x.NewWriter(ctx, core.WriterOptions{Subpartitions: 3, Selector: byFirstLetter})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Emit(serde.Bytes("beta")))
	fmt.Println(w.Emit(serde.Bytes("delta")))
	fmt.Println(w.Emit(serde.Bytes("alpha")))
	w.Close()
	fmt.Println(x.Close())
	// Output:
	// <nil>
	// core: selector core.Custom picked subpartition 3, allowed are 0 to 2
	// <nil>
	// <nil>
}
