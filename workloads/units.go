// units.go: sizes, rates and durations as people write them, both ways.

package workloads

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// suffix is a unit and how many of the basic one it is.
type suffix struct {
	name   string
	factor uint64
}

// Longer ones first: "KiB" ends with "B".
var (
	sizeSuffixes = []suffix{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}}
	rateSuffixes = []suffix{{"M", 1e6}, {"k", 1e3}}
)

// parseSize reads a size in bytes: 100, 100B, 32KiB, 1.5MiB.
func parseSize(s string) (int, error) {
	v, ok := parseScaled(s, sizeSuffixes)
	if !ok || v > math.MaxInt64 {
		return 0, fmt.Errorf("%q is not a size: write 100B, 32KiB or 1MiB", s)
	}
	return int(v), nil
}

// parseRate reads records per second: 50000, 50k, 1.5M.
func parseRate(s string) (uint64, error) {
	v, ok := parseScaled(strings.TrimSuffix(s, "/s"), rateSuffixes)
	if !ok {
		return 0, fmt.Errorf("%q is not a rate: write 50000, 50k or 1.5M for records per second, or max", s)
	}
	return v, nil
}

// parseScaled reads a number that is whole once its unit has been multiplied in.
func parseScaled(s string, units []suffix) (uint64, bool) {
	factor := uint64(1)
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			s, factor = strings.TrimSpace(number), u.factor
			break
		}
	}
	if v, err := strconv.ParseUint(s, 10, 64); err == nil {
		return v * factor, v <= math.MaxUint64/factor
	}
	if strings.Trim(s, "0123456789.") != "" { // no signs, no exponents, no hexadecimals
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	v *= float64(factor)
	return uint64(v), err == nil && v < 1<<53 && v == math.Trunc(v)
}

// formatSize and formatRate write what parseSize and parseRate read, shortly.
func formatSize(n int) string { return formatScaled(uint64(n), sizeSuffixes, "B") }

func formatRate(n uint64) string { return formatScaled(n, rateSuffixes, "") }

func formatScaled(n uint64, units []suffix, basic string) string {
	for _, u := range units {
		if n != 0 && n%u.factor == 0 && u.factor > 1 {
			return strconv.FormatUint(n/u.factor, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10) + basic
}

// parseDuration reads a duration that is not negative.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is not a duration: write 100ms, 2s or 1m30s", s)
	}
	return d, nil
}
