// ledger.go: what went into a channel and what came out of it, in two words per channel.

package harness

import (
	"hash/crc32"
	"math/bits"
)

// Ledger is the books of one source task's channels: one is kept by the source, others by
// the sinks that receive from it. It belongs to the goroutine of its task.
type Ledger struct {
	Entries []Entry // by channel
}

func newLedger(channels int) *Ledger {
	const apart = len(ownLine{}) / 16 // entries that nobody uses: see ownLine
	return &Ledger{Entries: make([]Entry, channels, channels+apart)}
}

// Entry is the books of one channel. Two entries are equal when the same records passed in
// the same order. A single changed word shows for certain, any other difference with a chance of
// 1 - 2^-64; a changed payload with one of 1 - 2^-32, that of its checksum.
type Entry struct {
	Count  uint64 // records
	Digest uint64 // of their contents, dependent on the order
}

// digestFactor spreads a word over the digest. It is odd, so multiplying with it is a bijection:
// two digests that differ stay different whatever equal words follow. (2^64 divided by the golden
// ratio.)
const digestFactor = 0x9E3779B97F4A7C15

// Word enters a record that one word stands for. It costs about 1 ns.
func (e *Entry) Word(v uint64) {
	e.Mark(v)
	e.Count++
}

// Mark enters a word into the digest and counts nothing. A sink that knows what every record must be, and refuses any other, needs no
// digest of it: both sides count such records a batch at a time, and mark the few that the sink cannot know.
func (e *Entry) Mark(v uint64) {
	e.Digest = bits.RotateLeft64((e.Digest^v)*digestFactor, 29)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Bytes enters a record by its payload: its CRC-32C and its length.
func (e *Entry) Bytes(p []byte) { e.Word(wordOf(p)) }

// MarkBytes is Mark for a payload.
func (e *Entry) MarkBytes(p []byte) { e.Mark(wordOf(p)) }

func wordOf(p []byte) uint64 {
	return uint64(crc32.Checksum(p, castagnoli))<<32 | uint64(uint32(len(p)))
}
