// human.go: numbers with three digits and a unit, for tables.

package results

import (
	"math"
	"strconv"
)

// Count prints a number of things, or a rate, for people: 987, 49.9k, 3.10M.
func Count(v float64) string { return scaled(v, 1000, "", "k", "M", "G", "T") }

// Nanoseconds prints a time for people: 850ns, 12.3us, 1.84ms, 2.00s, 3600s.
func Nanoseconds(ns int64) string { return scaled(float64(ns), 1000, "ns", "us", "ms", "s") }

// Bytes prints a size for people: 512B, 1.50KiB, 36.0MiB.
func Bytes(n uint64) string {
	return scaled(float64(n), 1024, "B", "KiB", "MiB", "GiB", "TiB", "PiB")
}

// scaled divides v by step until three digits hold it or the units end. Whole numbers of
// the smallest unit have no decimals.
func scaled(v, step float64, units ...string) string {
	i := 0
	// 999.5 of one unit would print as 1000 of it: it is 1.00 of the next.
	for i < len(units)-1 && math.Abs(v) >= 999.5 {
		v /= step
		i++
	}
	if v == math.Trunc(v) && i == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64) + units[i]
	}
	decimals := 0
	switch {
	case math.Abs(v) < 9.995:
		decimals = 2
	case math.Abs(v) < 99.95:
		decimals = 1
	}
	return strconv.FormatFloat(v, 'f', decimals, 64) + units[i]
}
