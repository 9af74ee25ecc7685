// generators_test.go: keys come as often as their distribution says, payloads differ, and neither allocates.

package workloads

import (
	"math"
	"runtime/metrics"
	"testing"
)

// allocated is how many objects were ever allocated. testing.AllocsPerRun would change GOMAXPROCS.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Each key's frequency is within 5 standard deviations of what it should be.
func TestKeyFrequencies(t *testing.T) {
	const draws = 400_000
	for _, c := range []struct {
		distribution string
		count        int
		skew         float64
	}{{Zipf, 100, 1}, {Zipf, 10, 0.5}, {Zipf, 50, 2}, {Zipf, 7, 0}, {Zipf, 1, 1}, {Uniform, 13, 0}, {Uniform, 1, 0}} {
		keys, err := NewKeys(c.distribution, c.count, c.skew, 42)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for k := range c.count {
			sum += math.Pow(float64(k+1), -c.skew)
		}
		got := make([]int, c.count)
		for range draws {
			got[keys.Next()]++
		}
		for k, n := range got {
			p := math.Pow(float64(k+1), -c.skew) / sum
			if deviation := math.Sqrt(draws * p * (1 - p)); math.Abs(float64(n)-draws*p) > 5*deviation+1e-6 {
				t.Errorf("%+v: key %d came %d times, %.0f ± %.0f were expected", c, k, n, draws*p, deviation)
			}
		}
	}
}

// Sequential keys go round.
func TestSequentialKeys(t *testing.T) {
	keys, _ := NewKeys(Sequential, 3, 0, 1)
	for i := range uint64(10) {
		if k := keys.Next(); k != i%3 {
			t.Fatalf("key %d is %d", i, k)
		}
	}
}

// One seed draws the same keys and payloads again, another one others; drawing allocates nothing.
func TestGeneratorsAreSeeded(t *testing.T) {
	type drawn struct {
		keys     [64]uint64
		payloads [64]string
	}
	draw := func(seed uint64) (d drawn) {
		keys, _ := NewKeys(Zipf, 1000, 1, seed)
		values := newPayloads(100, seed)
		for i := range d.keys {
			d.keys[i], d.payloads[i] = keys.Next(), string(values.next(100))
		}
		return d
	}
	first, again, other := draw(1), draw(1), draw(2)
	if first != again {
		t.Error("the same seed drew something else")
	}
	if first.keys == other.keys || first.payloads == other.payloads {
		t.Error("another seed drew the same")
	}

	keys, _ := NewKeys(Zipf, 1000, 1, 1)
	values := newPayloads(64<<10, 1)
	before := allocated()
	for i := range 100_000 {
		keys.Next()
		if size := i % (64<<10 + 1); len(values.next(size)) != size {
			t.Fatal("payload of another size")
		}
	}
	if n := allocated() - before; n > 100 {
		t.Errorf("%d allocations for 100,000 keys and payloads", n)
	}
}

// Payloads that follow each other differ.
func TestPayloadsDiffer(t *testing.T) {
	values := newPayloads(16, 1)
	seen := map[string]bool{}
	for range 10_000 {
		seen[string(values.next(16))] = true
	}
	if len(seen) < 9_900 {
		t.Errorf("%d different payloads in 10,000", len(seen))
	}
}

// Sizes and rates are read as people write them.
func TestUnits(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "100": 100, "100B": 100, "32KiB": 32768, "1.5MiB": 3 << 19, "2 kB": 2000, "1GB": 1e9} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("size %q: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]uint64{"1": 1, "50k": 50_000, "1.5M": 1_500_000, "0.5k/s": 500} {
		if got, err := parseRate(text); err != nil || got != want {
			t.Errorf("rate %q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "B", "KiB", "1.0001KiB", "-1", "+1", "1e3", "0x10", "1KB", "1 0", "NaN", "18446744073709551615GiB", "9223372036854775808"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("size %q: %d, which is not an error", text, got)
		}
	}
}

func BenchmarkKeys(b *testing.B) {
	keys, _ := NewKeys(Zipf, 10_000, 1, 1)
	for b.Loop() {
		keys.Next()
	}
}
