// spread.go: many rounds in three numbers.

package main

import (
	"math"
	"slices"
)

// missing is in place of what was not measured.
var missing = math.NaN()

// spread is a median and what it is the middle of.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"` // values; 0: there is no number
}

// spreadOf sums values up, those that are missing left out.
func spreadOf(values []float64) spread {
	measured := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	n := len(measured)
	if n == 0 {
		return spread{}
	}
	slices.Sort(measured)
	return spread{Median: (measured[(n-1)/2] + measured[n/2]) / 2, Min: measured[0], Max: measured[n-1], N: n}
}

// ratios divides pair by pair; a pair of which one is missing gives no ratio.
func ratios(of, by []float64) []float64 {
	out := make([]float64, len(of))
	for i := range of {
		out[i] = of[i] / by[i]
	}
	return out
}
