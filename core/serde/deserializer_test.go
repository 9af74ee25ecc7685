// deserializer_test.go: whatever way a stream of records is cut, the same records come out.

package serde

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// cut gives the stream to a Deserializer in buffers of at most size bytes, each in memory of its own that is spoilt once it may be
// given back, and returns what came out.
func cut(t rapid.TB, d *Deserializer, stream []byte, size int) (payloads [][]byte) {
	t.Helper()
	for len(stream) > 0 {
		n := min(size, len(stream))
		b := bytes.Clone(stream[:n])
		stream = stream[n:]
		d.SetBuffer(b)
		before := len(payloads)
		for {
			payload, ok, err := d.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			payloads = append(payloads, bytes.Clone(payload))
		}
		if got, want := d.Records(), uint64(len(payloads)-before); got != want {
			t.Fatalf("%d records counted in a buffer that ended %d", got, want)
		}
		for i := range b {
			b[i] = 0xDD
		}
	}
	return payloads
}

// unconsumed is what Unconsumed counts and UnconsumedBytes reads.
func unconsumed(t rapid.TB, d *Deserializer) []byte {
	t.Helper()
	b, err := io.ReadAll(d.UnconsumedBytes())
	if err != nil {
		t.Fatal(err)
	}
	if n := d.Unconsumed(); n != len(b) {
		t.Fatalf("%d bytes are unconsumed, %d can be read", n, len(b))
	}
	return b
}

func checkNothingLeft(t rapid.TB, d *Deserializer) {
	t.Helper()
	if n := len(unconsumed(t, d)); n > 0 || d.Partial() || d.Remaining() > 0 {
		t.Fatalf("%d bytes are left over", n)
	}
}

func framed(payloads [][]byte) (stream []byte) {
	for _, p := range payloads {
		stream = AppendFramed(stream, Bytes(p))
	}
	return stream
}

func checkPayloads(t rapid.TB, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("record %d is %s, want %s", i, brief(got[i]), brief(want[i]))
		}
	}
}

func brief(b []byte) string { return fmt.Sprintf("%d bytes %.20x", len(b), b) }

func seeded(t testing.TB) *rand.Rand {
	seed := uint64(20261123)
	if s, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("rerun with SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// mixes are ways to make the payload of record i.
var mixes = []struct {
	name string
	make func(rng *rand.Rand, i int) []byte
}{
	{"ints", func(rng *rand.Rand, _ int) []byte { return Int.Append(nil, int32(rng.Uint32())) }},
	{"longs", func(rng *rand.Rand, _ int) []byte { return Long.Append(nil, int64(rng.Uint64())) }},
	{"bytes", func(rng *rand.Rand, _ int) []byte { return []byte{byte(rng.Uint32())} }},
	{"empty", func(*rand.Rand, int) []byte { return nil }},
	{"strings", func(rng *rand.Rand, _ int) []byte { return AppendText(nil, randomText(rng)) }},
	{"arrays", func(rng *rand.Rand, _ int) []byte { return ByteArray.Append(nil, randomBytes(rng, rng.IntN(200))) }},
	{"elements", func(rng *rand.Rand, _ int) []byte { e := randomElement(rng); return e.AppendTo(nil) }},
	{"large", func(rng *rand.Rand, i int) []byte {
		if i%500 != 0 {
			return randomBytes(rng, rng.IntN(10))
		}
		return randomBytes(rng, 70_000+rng.IntN(30_000))
	}},
	{"all of them", nil},
}

// R4.1 (SpanningRecordSerializationTest): 10,000 random records of every mix of types, in segments of 1, 10, 16 and 31 bytes and of
// 32 KiB, come out as they went in, and nothing is left over.
func TestR4_1_RecordsOfAllTypesInSegmentsOfAllSizes(t *testing.T) {
	const records = 10_000
	for _, mix := range mixes {
		rng := seeded(t)
		want := make([][]byte, records)
		for i := range want {
			one := mix
			if one.make == nil {
				one = mixes[rng.IntN(len(mixes)-1)]
			}
			want[i] = one.make(rng, i)
		}
		stream := framed(want)
		for _, size := range []int{1, 10, 16, 31, 32 << 10} {
			t.Run(fmt.Sprintf("R4.1/%s/%d", mix.name, size), func(t *testing.T) {
				d := NewDeserializer(Options{})
				checkPayloads(t, cut(t, d, stream, size), want)
				checkNothingLeft(t, d)
			})
		}
	}
}

// R4.1: what is not consumed is exactly the bytes that no record returned so far held: of a record that is in the buffer whole, of
// one that spans buffers, of a large one, and with what stands behind it.
func TestR4_1_UnconsumedIsExactlyTheRest(t *testing.T) {
	for _, c := range []struct {
		name    string
		sizes   []int // of the payloads
		segment int
	}{
		{"small", []int{20}, 64}, {"spanning", []int{100}, 64}, {"large", []int{1 << 20}, 32 << 10},
		{"with what stands behind", []int{100, 10, 10, 30}, 64}, {"length cut", []int{58, 10}, 64}, {"segment of 1", []int{3, 5}, 1},
	} {
		t.Run("R4.1/"+c.name, func(t *testing.T) {
			var payloads [][]byte
			rng := seeded(t)
			for _, n := range c.sizes {
				payloads = append(payloads, randomBytes(rng, n))
			}
			stream := framed(payloads)
			d := NewDeserializer(Options{})
			fed, returned := 0, 0
			check := func() {
				if got, want := unconsumed(t, d), stream[returned:fed]; !bytes.Equal(got, want) {
					t.Fatalf("after %d bytes and %d returned: unconsumed is %s, want %s", fed, returned, brief(got), brief(want))
				}
			}
			for fed < len(stream) {
				n := min(c.segment, len(stream)-fed)
				d.SetBuffer(stream[fed : fed+n])
				fed += n
				for check(); ; check() {
					payload, ok, err := d.Next()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					returned += LengthSize + len(payload)
				}
				check()
			}
			d.Reset()
			checkNothingLeft(t, d)
		})
	}
}

// R4.1: any records, cut anywhere.
func TestR4_1_AnyRecordsCutAnywhere(t *testing.T) {
	t.Run("R4.1", rapid.MakeCheck(func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 0, 20).Draw(t, "records")
		stream := framed(want)
		d := NewDeserializer(Options{})
		var got [][]byte
		for len(stream) > 0 {
			n := rapid.IntRange(0, len(stream)).Draw(t, "buffer")
			b := bytes.Clone(stream[:n])
			stream = stream[n:]
			got = append(got, cut(t, d, b, max(n, 1))...)
		}
		checkPayloads(t, got, want)
		checkNothingLeft(t, d)
	}))
}

// A record that is whole in its buffer is handed out where it lies; one that is not is copied, so that its buffer can go home.
func TestPayloadsInPlace(t *testing.T) {
	stream := framed([][]byte{[]byte("first"), []byte("second"), []byte("third")})
	d := NewDeserializer(Options{})
	d.SetBuffer(stream[:len(stream)-2])
	for at := 0; at < 2; at++ {
		payload, ok, err := d.Next()
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		if from := at * (4 + len("first")); &payload[0] != &stream[from+4] {
			t.Errorf("record %d is a copy", at)
		}
		if cap(payload) != len(payload) {
			t.Errorf("record %d can be appended to, into the next one", at)
		}
	}
	if _, ok, _ := d.Next(); ok || d.Remaining() != 0 || !d.Partial() {
		t.Fatal("the beginning of the third record was not taken over")
	}
	d.SetBuffer(stream[len(stream)-2:])
	if payload, ok, err := d.Next(); !ok || err != nil || string(payload) != "third" {
		t.Fatalf("%q %t %v", payload, ok, err)
	}
	if d.Remaining() != 0 || d.Partial() {
		t.Error("something remains")
	}
}

// A record of which only the length was cut off is not copied either.
func TestPayloadInPlaceBehindItsLength(t *testing.T) {
	stream := framed([][]byte{[]byte("payload"), []byte("next")})
	for cut := 1; cut <= LengthSize; cut++ {
		d := NewDeserializer(Options{})
		d.SetBuffer(stream[:cut])
		if _, ok, err := d.Next(); ok || err != nil || !d.Partial() {
			t.Fatal(ok, err)
		}
		d.SetBuffer(stream[cut:])
		payload, ok, err := d.Next()
		if !ok || err != nil || string(payload) != "payload" || &payload[0] != &stream[LengthSize] || cap(payload) != len(payload) {
			t.Fatalf("cut after %d bytes: %q %t %v, or a copy", cut, payload, ok, err)
		}
		if payload, ok, err = d.Next(); !ok || err != nil || string(payload) != "next" {
			t.Fatalf("cut after %d bytes: %q %t %v", cut, payload, ok, err)
		}
	}
}

// Lengths that cannot be are refused where they stand, before anything is gathered, and for good.
func TestHostileLengths(t *testing.T) {
	const limit = 100
	for _, length := range []uint32{limit + 1, 1 << 20, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC} {
		for _, size := range []int{1, 3, 4, 1000} {
			t.Run(fmt.Sprintf("%#x in buffers of %d", length, size), func(t *testing.T) {
				stream := framed([][]byte{make([]byte, limit), make([]byte, 3)})
				at := len(stream)
				stream = binary.BigEndian.AppendUint32(stream, length)
				stream = append(stream, make([]byte, 50)...)
				d := NewDeserializer(Options{MaxRecord: limit})
				records := 0
				for from := 0; ; from += size {
					d.SetBuffer(stream[from:min(from+size, len(stream))])
					_, ok, err := d.Next()
					for ; ok; _, ok, err = d.Next() {
						records++
					}
					if err == nil {
						continue
					}
					var bad *LengthError
					if !errors.As(err, &bad) || bad.Length != int32(length) || bad.Max != limit || bad.Offset != int64(at) {
						t.Errorf("%v, want one about length %d at %d", err, int32(length), at)
					}
					checkNothingLeft(t, d) // the buffer can go home
					d.SetBuffer(stream)
					d.SetBuffer(stream)
					if _, ok, again := d.Next(); ok || again != err {
						t.Errorf("afterwards: %t, %v", ok, again)
					}
					d.Reset()
					checkPayloads(t, cut(t, d, stream[:at], size), [][]byte{make([]byte, limit), make([]byte, 3)})
					break
				}
				if records != 2 {
					t.Errorf("%d records before, want 2", records)
				}
			})
		}
	}
}

// A long record is promised: memory is made for what has arrived, not for the promise, and not kept for ever.
func TestMemoryFollowsWhatArrives(t *testing.T) {
	d := NewDeserializer(Options{SpillThreshold: NeverSpill})
	d.SetBuffer(binary.BigEndian.AppendUint32(nil, DefaultMaxRecord))
	if _, ok, err := d.Next(); ok || err != nil {
		t.Fatal(ok, err)
	}
	d.SetBuffer(make([]byte, 5000))
	if _, ok, err := d.Next(); ok || err != nil {
		t.Fatal(ok, err)
	}
	if cap(d.gathered) > 16<<10 {
		t.Errorf("%d bytes are held for 5,000", cap(d.gathered))
	}

	d.Reset()
	large, small := make([]byte, 3*keptCapacity), []byte("small")
	checkPayloads(t, cut(t, d, framed([][]byte{large, small, small}), 4096+1), [][]byte{large, small, small})
	d.SetBuffer([]byte{0})
	if _, ok, _ := d.Next(); ok || cap(d.gathered) > keptCapacity {
		t.Errorf("%d bytes are still held", cap(d.gathered))
	}
}

// Between the two halves of a record the buffer may be empty: channels without credit of their own get empty buffers.
func TestEmptyBuffers(t *testing.T) {
	d := NewDeserializer(Options{})
	var got []byte
	for _, b := range framed([][]byte{[]byte("ab")}) {
		for _, buffer := range [][]byte{{}, {b}, nil} {
			d.SetBuffer(buffer)
			payload, ok, err := d.Next()
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				got = bytes.Clone(payload)
				if _, ok, _ := d.Next(); ok {
					t.Fatal("a second record")
				}
			}
		}
	}
	if string(got) != "ab" {
		t.Errorf("%q", got)
	}
}

// A buffer that is given before the last one is used up would lose records: an own bug.
// Records of a buffer with a hostile length behind them count, once.
func TestRecordsBeforeAnError(t *testing.T) {
	d := NewDeserializer(Options{})
	d.SetBuffer(append(framed([][]byte{{1}, {2}}), 0xFF, 0xFF, 0xFF, 0xFF))
	for range 2 {
		if _, ok, err := d.Next(); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if _, ok, err := d.Next(); ok || err == nil || d.Records() != 2 {
		t.Errorf("%v, %v, %d records", ok, err, d.Records())
	}
	d.SetBuffer(framed([][]byte{{3}}))
	if _, ok, err := d.Next(); ok || err == nil || d.Records() != 0 {
		t.Errorf("behind the error: %v, %v, %d records", ok, err, d.Records())
	}
}

func TestSetBufferTooEarlyPanics(t *testing.T) {
	d := NewDeserializer(Options{})
	d.SetBuffer(framed([][]byte{{1}, {2}}))
	_, _, _ = d.Next()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	d.SetBuffer(nil)
}

// A record whose Size is wrong would corrupt the stream: an own bug.
func TestAppendFramedChecksSize(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	AppendFramed(nil, lying{})
}

type lying struct{}

func (lying) Size() int                  { return 3 }
func (lying) AppendTo(dst []byte) []byte { return append(dst, 1, 2) }

// No allocation per record, in place or gathered.
func TestNextAllocatesNothing(t *testing.T) {
	whole := framed(make([][]byte, 100))
	spanning := framed([][]byte{make([]byte, 100), make([]byte, 100)})
	d := NewDeserializer(Options{})
	drain := func(b []byte) {
		d.SetBuffer(b)
		for {
			if _, ok, err := d.Next(); err != nil {
				t.Fatal(err)
			} else if !ok {
				return
			}
		}
	}
	drain(spanning[:150])
	drain(spanning[150:])
	if n := testing.AllocsPerRun(100, func() { drain(whole); drain(spanning[:150]); drain(spanning[150:]) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
