// replay_bench_test.go: how fast a replayable partition is read.

package core

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

// BenchmarkReplay writes a partition of 64 MiB, then reads it once per round.
func BenchmarkReplay(b *testing.B) {
	const records = 64 << 20 / 1024
	for _, remote := range []bool{false, true} {
		for _, codec := range []Codec{NoCodec, LZ4, Zstd} {
			b.Run(fmt.Sprintf("remote=%v/%v", remote, codec), func(b *testing.B) {
				out := open(b, Options{Listen: "127.0.0.1:0", Codec: codec})
				in, address := out, ""
				if remote {
					in, address = open(b, Options{Codec: codec}), out.Addr()
				}
				w := newWriter(b, out, WriterOptions{Partition: partitionID(0), Kind: Replayable, Subpartitions: 4})
				payload := make([]byte, 1020)
				for i := range payload {
					payload[i] = byte(i * i >> 5)
				}
				for i := range records {
					if err := w.EmitTo(i%4, textRecord(string(payload))); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.End(); err != nil {
					b.Fatal(err)
				}
				w.Close()
				b.SetBytes(64 << 20)
				for b.Loop() {
					r := newReader(b, in, inputs(address, 0, 4))
					n := 0
					for {
						_, err := r.Advance(b.Context())
						if errors.Is(err, io.EOF) {
							break
						}
						if err != nil {
							b.Fatal(err)
						}
						for {
							_, ok, err := r.Next()
							if err != nil {
								b.Fatal(err)
							}
							if !ok {
								break
							}
							n++
						}
					}
					r.Close()
					if n != records {
						b.Fatal(n)
					}
				}
			})
		}
	}
}
