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
