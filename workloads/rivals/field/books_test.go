// books_test.go: what arrives is checked, however it was cut; and what is wrong with it shows.

package field

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"xbench/harness"
	"xbench/harness/pace"
)

// sent is what a writer of one channel sends, and its books of it.
func sent(t *testing.T, size, n int) (wire []byte, books harness.Entry) {
	t.Helper()
	s := Spec{Writers: 1, Channels: 1, Consumers: 1, Size: size, Timeout: 1}
	entries := make([]harness.Entry, 1)
	var out wireTaker
	w := source{spec: s, out: newBatches(s, discard{}, []channel{&out}, entries)}
	if err := w.some(n, 12345); err != nil {
		t.Fatal(err)
	}
	if err := w.out.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), entries[0]
}

// wireTaker keeps what is written to it.
type wireTaker struct{ bytes.Buffer }

func (w *wireTaker) write(batch []byte) ([]byte, error) {
	w.Write(batch)
	return batch, nil
}

func (w *wireTaker) end() error { return nil }

// received are the books of a sink that gets wire in pieces.
func received(size int, wire []byte, piece int) harness.Entry {
	s := Spec{Writers: 1, Channels: 1, Consumers: 1, Size: size}
	b := newBooks(harness.Plan{}, s)
	t := harness.NewSinkTask(pace.Monotonic(), harness.Window{})
	b.join(0, t)
	for len(wire) > 0 {
		n := min(piece, len(wire))
		b.take(0, wire[:n])
		wire = wire[n:]
	}
	close(b.ended)
	if err := b.wait(context.Background(), 0); err != nil {
		panic(err)
	}
	return t.Ledger(0, 1).Entries[0]
}

func TestAnyCutGivesTheSameBooks(t *testing.T) {
	for _, size := range []int{longSize, stampedSizeMin, 1024} {
		wire, want := sent(t, size, 100)
		if want.Count != 100 || len(wire) != 100*(lengthSize+size) {
			t.Fatalf("%d records in %d bytes", want.Count, len(wire))
		}
		for piece := 1; piece < 3*size; piece++ {
			if got := received(size, wire, piece); got != want {
				t.Fatalf("size %d in pieces of %d: %+v, want %+v", size, piece, got, want)
			}
		}
	}
}

// A record that is lost, doubled, out of order or changed shows, wherever it is.
func TestWhatIsWrongShows(t *testing.T) {
	for _, size := range []int{longSize, 64} {
		framed := lengthSize + size
		wire, want := sent(t, size, 20)
		for at := range 20 {
			one := wire[at*framed : (at+1)*framed]
			before, after := wire[:at*framed], wire[(at+1)*framed:]
			changed := bytes.Clone(wire)
			changed[(at+1)*framed-1] ^= 4
			longer := bytes.Clone(wire)
			binary.BigEndian.PutUint32(longer[at*framed:], uint32(size)+1)
			impossible := bytes.Clone(wire)
			binary.BigEndian.PutUint32(impossible[at*framed:], 1<<31)
			wrong := map[string][]byte{
				"lost":       bytes.Join([][]byte{before, after}, nil),
				"twice":      bytes.Join([][]byte{before, one, one, after}, nil),
				"changed":    changed,
				"longer":     longer,
				"impossible": impossible,
				"cut":        wire[:(at+1)*framed-1],
			}
			if at < 19 {
				wrong["swapped"] = bytes.Join([][]byte{before, after[:framed], one, after[framed:]}, nil)
			}
			for what, bytes := range wrong {
				for _, piece := range []int{7, 1 << 20} {
					if received(size, bytes, piece) == want {
						t.Errorf("size %d, record %d %s, in pieces of %d: nobody notices", size, at, what, piece)
					}
				}
			}
		}
	}
}
