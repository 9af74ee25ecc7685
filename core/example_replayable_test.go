// example_replayable_test.go: a partition that is written once and read as often as one likes.

package core_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"

	"xbench/core"
	"xbench/core/net/frame"
	"xbench/core/serde"
)

// A replayable partition is complete before anybody reads it, and stays until it is released: here one attempt to read it fails half-way, and the
// next begins anew.
func ExampleExchange_ReleasePartition() {
	ctx := context.Background()
	words := frame.ResultPartitionID{Partition: frame.PartitionID{1}}
	x, err := core.Open(core.Options{Segments: 64, Codec: core.Zstd})
	if err != nil {
		log.Fatal(err)
	}
	w, err := x.NewWriter(ctx, core.WriterOptions{Partition: words, Kind: core.Replayable, Subpartitions: 1})
	if err != nil {
		log.Fatal(err)
	}
	for _, word := range []string{"one", "two", "three"} {
		if err := w.Emit(serde.Bytes(word)); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.End(); err != nil { // does not wait: there are no readers yet
		log.Fatal(err)
	}
	w.Close()

	for _, patience := range []int{2, 3} {
		r, err := x.NewReader(ctx, core.ReaderOptions{Gates: [][]core.Input{{{Partition: words, Kind: core.Replayable}}}})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print("attempt:")
		for n := 0; n < patience; {
			if _, err := r.Advance(ctx); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				log.Fatal(err)
			}
			for ; n < patience; n++ {
				word, ok, err := r.Next()
				if err != nil {
					log.Fatal(err)
				}
				if !ok {
					break
				}
				fmt.Printf(" %s", word)
			}
		}
		fmt.Println()
		r.Close()
	}
	x.ReleasePartition(words)
	if err := x.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// attempt: one two
	// attempt: one two three
}
