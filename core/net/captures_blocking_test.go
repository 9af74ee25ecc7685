// captures_blocking_test.go: the recordings of blocking partitions, plain and compressed, with our replayable partition in place of Flink's producer.

package net

import (
	"bytes"
	"context"
	"testing"

	"xbench/core/buffer"
	"xbench/core/net/frame"
	"xbench/core/net/partition"
	"xbench/core/serde"
)

// blocking are the recordings of blocking partitions, and what compressed their contents.
var blocking = map[string]buffer.Codec{"blocking-plain": buffer.NoCodec, "compressed-bounded": buffer.LZ4}

// content is what a frame carries, as it was before it was compressed.
func content(t *testing.T, m frame.BufferResponse) []byte {
	t.Helper()
	s := buffer.NewSegment(4096)
	b := s.Lend(dropped{}, -1).With(len(m.Content), m.Type, m.Compressed)
	copy(b.Bytes(), m.Content)
	b, err := buffer.NewDecompressor(buffer.LZ4).Decompress(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b.Bytes())
}

type dropped struct{}

func (dropped) Recycle(*buffer.Segment) {}

// TestFlinksBlockingPartitionsWrittenByUs: the same records give the same frames of every channel, byte for byte: ids, numbers, backlogs, types, flags and
// contents. Compressed contents depend on the encoder and are compared as they were before. All of that as often as it is asked for.
func TestFlinksBlockingPartitionsWrittenByUs(t *testing.T) {
	for name, codec := range blocking {
		t.Run(name, func(t *testing.T) {
			r := readRecording(t, name)
			var requests, goodbyes []byte
			var id frame.ResultPartitionID
			for _, f := range frames(t, r.c2s) {
				switch f.ID {
				case frame.IDPartitionRequest:
					id = f.Request.Partition
					requests = f.AppendTo(requests)
				case frame.IDCancelPartitionRequest:
					goodbyes = f.AppendTo(goodbyes)
				default:
					requests = f.AppendTo(requests)
				}
			}
			n := len(r.want.Channels)
			memory := memory(t, n+1, r.want.SegmentSize)
			pool, err := memory.CreateLocal(buffer.LocalOptions{Required: n + 1, Subpartitions: n})
			if err != nil {
				t.Fatal(err)
			}
			part, err := partition.New(partition.Spec{ID: id, Kind: partition.Replayable, Subpartitions: n, Pool: pool, Codec: codec, Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			registry := partition.NewRegistry(0)
			if err := registry.Register(part); err != nil {
				t.Fatal(err)
			}
			defer registry.Close()
			writeRecorded(t, part, r.s2c)
			for range 2 {
				s := stepServer(t, registry)
				s.peer.out.bytes = append(s.peer.out.bytes, requests...)
				s.receive()
				s.send()
				got := s.peer.in.bytes
				if codec == buffer.NoCodec {
					sameFrames(t, got, r.s2c, true)
				} else {
					sameFrames(t, decompressed(t, got), decompressed(t, r.s2c), true)
				}
				s.peer.out.bytes = append(s.peer.out.bytes, goodbyes...)
				s.receive()
				s.send()
				if s.err != nil || len(s.peer.in.bytes) != len(got) {
					t.Errorf("behind the good-byes: %v, %d bytes, were %d", s.err, len(s.peer.in.bytes), len(got))
				}
			}
		})
	}
}

// writeRecorded writes to part what a recorded producer wrote: record by record, and in another order of the subpartitions.
func writeRecorded(t *testing.T, part *partition.ResultPartition, s2c []byte) {
	t.Helper()
	records := make([][][]byte, part.Subpartitions())
	streams := make([]*serde.Deserializer, part.Subpartitions())
	for _, f := range frames(t, s2c) {
		m := f.Response.Buffer
		if !m.Type.IsBuffer() {
			continue
		}
		if streams[m.Subpartition] == nil {
			streams[m.Subpartition] = serde.NewDeserializer(serde.Options{})
		}
		d := streams[m.Subpartition]
		d.SetBuffer(content(t, m))
		for {
			payload, ok, err := d.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			records[m.Subpartition] = append(records[m.Subpartition], serde.AppendFramed(nil, serde.Bytes(payload)))
		}
	}
	for more := true; more; {
		more = false
		for sub := range records {
			if len(records[sub]) == 0 {
				continue
			}
			more = true
			if err := part.Emit(context.Background(), records[sub][0], sub); err != nil {
				t.Fatal(err)
			}
			records[sub] = records[sub][1:]
		}
	}
	if err := part.NotifyEndOfData(true); err != nil {
		t.Fatal(err)
	}
	if err := part.Finish(); err != nil {
		t.Fatal(err)
	}
	part.Close()
}

// decompressed are the same frames with the contents that they had before compression; that they were compressed stays to be seen.
func decompressed(t *testing.T, b []byte) (out []byte) {
	t.Helper()
	compressed := 0
	for _, f := range frames(t, b) {
		m := f.Response.Buffer
		if f.ID != frame.IDBufferResponse {
			t.Fatalf("a frame of another kind: %v", f.ID)
		}
		if m.Compressed {
			compressed++
		}
		m.Content = content(t, m)
		out = m.AppendTo(out)
	}
	if compressed == 0 {
		t.Error("nothing was compressed")
	}
	return out
}
