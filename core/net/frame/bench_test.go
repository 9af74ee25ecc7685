// bench_test.go: what the codec costs per frame, without any socket.

package frame_test

import (
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
)

// The header of one buffer, written and read: once per frame on each side.
func BenchmarkBufferHeader(b *testing.B) {
	h := frame.BufferHeader{Type: buffer.DataBuffer, Size: 32 << 10}
	out := make([]byte, 0, frame.BufferResponseSize)
	b.ReportAllocs()
	for b.Loop() {
		h.Sequence++
		out = h.AppendTo(out[:0])
		if _, err := frame.ParseHeader(out); err != nil {
			b.Fatal(err)
		}
		got, err := frame.ParseBufferHeader(out[frame.HeaderSize:])
		if err != nil || got != h {
			b.Fatal(got, err)
		}
	}
}

// One announcement of credit, written and read.
func BenchmarkAddCredit(b *testing.B) {
	out := make([]byte, 0, 100)
	b.ReportAllocs()
	for b.Loop() {
		out = frame.AddCredit{Credit: 64}.AppendTo(out[:0])
		if _, err := frame.ParseHeader(out); err != nil {
			b.Fatal(err)
		}
		m, err := frame.ParseRequest(frame.IDAddCredit, out[frame.HeaderSize:])
		if err != nil || m.Credit != 64 {
			b.Fatal(m, err)
		}
	}
}
