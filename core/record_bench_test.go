// record_bench_test.go: what a record costs its tasks, without kernel and connection.

package core

import "testing"

// BenchmarkRecord is one record of 12 bytes through a local channel, written and read by one goroutine.
func BenchmarkRecord(b *testing.B) {
	x := open(b, Options{Segments: 64})
	w := newWriter(b, x, WriterOptions{Partition: partitionID(0), Subpartitions: 1, BufferTimeout: FlushNever})
	r := newReader(b, x, inputs("", 0, 1))
	defer r.Close()
	defer w.Close()
	b.ReportAllocs()
	b.ResetTimer()
	const batch = 4096 // 48 KiB: of the 10 segments that the partition may have, two
	for left := b.N; left > 0; left -= batch {
		for i := range batch {
			if err := w.EmitLong(0, int64(i)); err != nil {
				b.Fatal(err)
			}
		}
		for {
			if _, ok, err := r.TryAdvance(); err != nil {
				b.Fatal(err)
			} else if !ok {
				break
			}
			for {
				if _, ok, _ := r.Next(); !ok {
					break
				}
			}
		}
	}
}
