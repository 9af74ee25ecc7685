// random_test.go: random values of every kind.

package serde

import "math/rand/v2"

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// randomText has characters of every length on the wire, and lone surrogates.
func randomText(rng *rand.Rand) string {
	var b []byte
	for range rng.IntN(20) {
		switch rng.IntN(6) {
		case 0:
			b = append(b, string(rune(0x80+rng.IntN(0x700)))...)
		case 1:
			b = append(b, string(rune(0x800+rng.IntN(0xD000)))...)
		case 2:
			b = append(b, string(rune(0x10000+rng.IntN(0x10000)))...)
		case 3:
			b = appendLoneSurrogate(b, 0xD800+uint32(rng.IntN(0x800)))
		default:
			b = append(b, byte(rng.IntN(0x80)))
		}
	}
	return string(b)
}

func randomElement(rng *rand.Rand) StreamElement {
	e := StreamElement{Tag: Tag(rng.IntN(int(tags)))}
	switch e.Tag {
	case TagTimestamped:
		e.TimestampMs, e.Value = int64(rng.Uint64()), AppendText(nil, randomText(rng))
	case TagRecord:
		e.Value = AppendText(nil, randomText(rng))
	case TagWatermark:
		e.TimestampMs = int64(rng.Uint64())
	case TagLatencyMarker:
		e.TimestampMs, e.Subtask = int64(rng.Uint64()), int32(rng.Uint32())
		copy(e.Operator[:], randomBytes(rng, 16))
	case TagWatermarkStatus:
		e.Idle = rng.IntN(2) == 0
	case TagRecordAttributes:
		e.Backlog = rng.IntN(2) == 0
	case TagInternalWatermark:
		e.TimestampMs, e.Subpartition = int64(rng.Uint64()), int32(rng.Uint32())
	}
	return e
}
