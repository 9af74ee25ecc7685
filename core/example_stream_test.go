// example_stream_test.go: what a streaming job sends: records with timestamps, watermarks, idleness, latency markers.

package core_test

import (
	"context"
	"fmt"
	"log"

	"xbench/core"
	"xbench/core/net/frame"
	"xbench/core/serde"
)

// A task with two producers: it may act on a time when all of them that are not idle have come that far.
func ExampleValve() {
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
	valve := core.NewValve(r.Channels())

	// The task's loop. What the valve lets through goes to its timers, and on to its own consumers: w.Broadcast(&out[i]).
	var decoder serde.Reader
	read := func() {
		arrival, err := r.Advance(ctx)
		if err != nil {
			log.Fatal(err)
		}
		for {
			payload, ok, err := r.Next()
			if err != nil {
				log.Fatal(err)
			}
			if !ok {
				return
			}
			element, err := serde.ParseElement(payload)
			if err != nil {
				log.Fatal(err)
			}
			if element.IsRecord() {
				text, err := serde.String.Decode(&decoder, element.Value)
				if err != nil {
					log.Fatal(err)
				}
				fmt.Printf("  %q of time %d\n", text, element.TimestampMs)
				continue
			}
			out := valve.Feed(arrival.Channel, &element)
			for i := range out {
				switch {
				case out[i].Tag == serde.TagWatermark:
					fmt.Println("  it is", out[i].TimestampMs)
				case out[i].Idle:
					fmt.Println("  nobody is there")
				default:
					fmt.Println("  somebody is there")
				}
			}
		}
	}
	send := func(producer int, r serde.Record, comment string) {
		fmt.Printf("producer %d: %s\n", producer, comment)
		if err := producers[producer].Emit(r); err != nil {
			log.Fatal(err)
		}
		read()
	}
	watermark := func(ms int64) serde.Record {
		return &serde.StreamElement{Tag: serde.TagWatermark, TimestampMs: ms}
	}
	send(0, &serde.StreamRecord[string]{Serializer: &serde.String, Value: "hello", HasTimestamp: true, TimestampMs: 12}, "hello")
	send(0, watermark(20), "it is 20")
	send(1, watermark(15), "it is 15")
	send(1, &serde.StreamElement{Tag: serde.TagWatermarkStatus, Idle: true}, "I am idle")
	send(0, watermark(30), "it is 30")
	send(1, &serde.StreamElement{Tag: serde.TagWatermarkStatus}, "I am back")
	send(1, watermark(25), "it is 25") // behind: nobody waits for it yet
	send(0, watermark(40), "it is 40")

	r.Close()
	for _, w := range producers {
		w.Close()
	}
	fmt.Println(x.Close())
	// Output:
	// producer 0: hello
	//   "hello" of time 12
	// producer 0: it is 20
	// producer 1: it is 15
	//   it is 15
	// producer 1: I am idle
	//   it is 20
	// producer 0: it is 30
	//   it is 30
	// producer 1: I am back
	// producer 1: it is 25
	// producer 0: it is 40
	//   it is 40
	// <nil>
}

// A latency marker goes to one random consumer (Flink: RecordWriter.randomEmit), past the writer's own selector.
func ExampleShuffle() {
	ctx := context.Background()
	x, err := core.Open(core.Options{Segments: 64})
	if err != nil {
		log.Fatal(err)
	}
	w, err := x.NewWriter(ctx, core.WriterOptions{Subpartitions: 3, BufferTimeout: core.FlushAlways})
	if err != nil {
		log.Fatal(err)
	}
	r, err := x.NewReader(ctx, core.ReaderOptions{Gates: [][]core.Input{{{Subpartition: 0}, {Subpartition: 1}, {Subpartition: 2}}}})
	if err != nil {
		log.Fatal(err)
	}
	anyone := core.Shuffle{Seed: 1}
	marker := serde.StreamElement{Tag: serde.TagLatencyMarker, Subtask: 5}
	for range 4 {
		marker.TimestampMs += 1000
		if err := w.EmitTo(anyone.Select(&marker, w.Subpartitions()), &marker); err != nil {
			log.Fatal(err)
		}
		arrival, err := r.Advance(ctx)
		if err != nil {
			log.Fatal(err)
		}
		payload, _, err := r.Next()
		if err != nil {
			log.Fatal(err)
		}
		element, err := serde.ParseElement(payload)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("channel %d: a marker of subtask %d, made at %d\n", arrival.Channel, element.Subtask, element.TimestampMs)
	}
	r.Close()
	w.Close()
	fmt.Println(x.Close())
	// Output:
	// channel 1: a marker of subtask 5, made at 1000
	// channel 0: a marker of subtask 5, made at 2000
	// channel 2: a marker of subtask 5, made at 3000
	// channel 0: a marker of subtask 5, made at 4000
	// <nil>
}
