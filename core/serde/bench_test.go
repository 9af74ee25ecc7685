// bench_test.go: what a record costs on its way in.

package serde

import (
	"testing"
)

// One record of eight bytes after the other, in place: the reader's hot loop.
func BenchmarkNextInPlace(b *testing.B) {
	var stream []byte
	for len(stream) < 32<<10-12 {
		stream = AppendFramed(stream, Bytes("12345678"))
	}
	d := NewDeserializer(Options{})
	b.ReportAllocs()
	for n := b.N; n > 0; {
		d.SetBuffer(stream)
		for {
			_, ok, err := d.Next()
			if err != nil {
				b.Fatal(err)
			}
			if !ok {
				break
			}
			n--
		}
	}
}

// One record of 16 MiB in buffers of 32 KiB, in memory and through a file.
func BenchmarkSpanningLarge(b *testing.B) {
	stream := framed([][]byte{make([]byte, 16<<20)})
	for name, threshold := range map[string]int{"in memory": NeverSpill, "spilled": DefaultSpillThreshold} {
		b.Run(name, func(b *testing.B) {
			d := NewDeserializer(Options{SpillThreshold: threshold, TempDirs: []string{b.TempDir()}})
			defer d.Reset()
			b.SetBytes(int64(len(stream)))
			sum := 0
			for b.Loop() {
				for at := 0; at < len(stream); at += 32 << 10 {
					d.SetBuffer(stream[at:min(at+32<<10, len(stream))])
					for {
						payload, ok, err := d.Next()
						if err != nil {
							b.Fatal(err)
						}
						if !ok {
							break
						}
						for i := 0; i < len(payload); i += 64 {
							sum += int(payload[i])
						}
					}
				}
			}
		})
	}
}
