// schedule_test.go: schedules are exact for every n, against arithmetic with big integers.

package pace

import (
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRate(t *testing.T) {
	for _, c := range []struct {
		rate Rate
		n    uint64
		want time.Duration
	}{
		{Rate{Records: 1000, Per: time.Second}, 0, 0},
		{Rate{Records: 1000, Per: time.Second}, 1, time.Millisecond},
		{Rate{Records: 3, Per: time.Second}, 1, 333_333_333},
		{Rate{Records: 3, Per: time.Second}, 3, time.Second},
		// An interval rounded to 333 ns would be 0.1 % off: 3.6 s in an hour.
		{Rate{Records: 3_000_000, Per: time.Second}, 3_000_000 * 3600, time.Hour},
		{PerSecond(1000, 2, 4), 0, 2 * time.Millisecond},
		{PerSecond(1000, 2, 4), 5, 22 * time.Millisecond},
		{Rate{Records: 0, Per: time.Second}, 0, Never},
		{Rate{Records: 1, Per: time.Hour}, 1 << 60, Never},
		{Rate{Records: 1, Per: time.Hour, Step: 1 << 40}, 1 << 40, Never},
		{Rate{Records: 1, Per: 1, First: 1<<64 - 1, Step: 1}, 1, Never},
	} {
		if got := c.rate.Due(c.n); got != c.want {
			t.Errorf("%+v: record %d is due at %d, want %d", c.rate, c.n, got, c.want)
		}
	}
}

// The instant of every record is the exact quotient, rounded down, at any length of a run.
func TestRateIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{
			Records: rapid.Uint64Min(1).Draw(t, "records"),
			Per:     time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "per")),
			First:   rapid.Uint64Max(1<<20).Draw(t, "first"),
			Step:    rapid.Uint64Range(1, 1<<20).Draw(t, "step"),
		}
		n := rapid.Uint64().Draw(t, "n")
		exact := new(big.Int).SetUint64(n)
		exact.Mul(exact, new(big.Int).SetUint64(r.Step))
		exact.Add(exact, new(big.Int).SetUint64(r.First))
		global := exact.IsUint64()
		exact.Mul(exact, big.NewInt(int64(r.Per)))
		exact.Div(exact, new(big.Int).SetUint64(r.Records))
		want := Never
		if global && exact.IsInt64() {
			want = time.Duration(exact.Int64())
		}
		if got := r.Due(n); got != want {
			t.Fatalf("%+v: record %d is due at %d, want %d", r, n, got, want)
		}
	})
}

// Sources that share a rate send exactly the stream of one source that has it for itself.
func TestRateIsSharedExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.Uint64Range(1, 5_000_000).Draw(t, "records")
		sources := rapid.IntRange(1, 7).Draw(t, "sources")
		whole := PerSecond(records, 0, 1)
		for n := range uint64(50) {
			global := rapid.Uint64Max(1<<40).Draw(t, "global")*uint64(sources) + n
			part := PerSecond(records, int(global%uint64(sources)), sources)
			if got, want := part.Due(global/uint64(sources)), whole.Due(global); got != want {
				t.Fatalf("record %d of %d/s over %d sources: %d, alone %d", global, records, sources, got, want)
			}
		}
	})
}

func TestTimes(t *testing.T) {
	s := Times{0, 5, 5, 9}
	for n, want := range []time.Duration{0, 5, 5, 9, Never, Never} {
		if got := s.Due(uint64(n)); got != want {
			t.Errorf("record %d is due at %d, want %d", n, got, want)
		}
	}
}

var instant time.Duration

func BenchmarkRateDue(b *testing.B) {
	r := PerSecond(200_000, 1, 4)
	for n := range uint64(b.N) {
		instant += r.Due(n)
	}
}
