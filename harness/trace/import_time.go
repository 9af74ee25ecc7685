// import_time.go: the instants that others write, as nanoseconds since 1970.

package trace

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// layouts are those that are tried on the first time of a file. Fractions of seconds are read with each.
var layouts = []string{
	time.RFC3339,
	"2006-01-02 15:04:05",
	"2006-01-02T15:04:05",
	"2006/01/02 15:04:05",
	"2006/01/02 15:04",
	"2006-01-02 15:04",
}

// units are counts since 1970, in nanoseconds.
var units = map[string]int64{"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1}

// moments reads times of one layout. When none is given, the first time decides it, for
// all: a count that changed from seconds to milliseconds in mid-file would be an error of
// the file, not a record of the year 53000.
type moments struct {
	layout string
}

// parse reads a time. One without a zone is taken as UTC.
func (m *moments) parse(text string) (int64, error) {
	if m.layout == "" {
		layout, err := guess(text)
		if err != nil {
			return 0, err
		}
		m.layout = layout
	}
	if unit, ok := units[m.layout]; ok {
		return count(text, unit)
	}
	t, err := time.Parse(m.layout, text)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a time of the form %q", text, m.layout)
	}
	if t.Before(earliest) || t.After(latest) {
		return 0, fmt.Errorf("%.40q is not between the years 1678 and 2262", text)
	}
	return t.UnixNano(), nil
}

// What nanoseconds since 1970 can say.
var earliest, latest = time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)

// guess finds the layout of a time.
func guess(text string) (string, error) {
	if whole, err := strconv.ParseFloat(text, 64); err == nil {
		// Counts of our time: 1.7e9 s, 1.7e12 ms, 1.7e15 us, 1.7e18 ns. In the gaps, a factor of 30 to either side.
		switch whole = math.Abs(whole); {
		case whole < 1e11:
			return "s", nil
		case whole < 1e14:
			return "ms", nil
		case whole < 1e17:
			return "us", nil
		}
		return "ns", nil
	}
	i := slices.IndexFunc(layouts, func(l string) bool { _, err := time.Parse(l, text); return err == nil })
	if i < 0 {
		return "", fmt.Errorf("%.40q is not a time of a form that is recognised: name its layout", text)
	}
	return layouts[i], nil
}

// count reads a decimal number of units exactly, down to the nanosecond.
func count(text string, unit int64) (int64, error) {
	bad := fmt.Errorf("%.40q is not a count since 1970 in units of %v", text, time.Duration(unit))
	if strings.ContainsAny(text, "eE") { // 1.7e+12, as some writers of JSON do: exact to 53 bits
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Abs(v) >= math.MaxInt64/float64(unit) {
			return 0, bad
		}
		whole, fraction := math.Modf(v)
		return int64(whole)*unit + int64(fraction*float64(unit)), nil
	}
	whole, fraction, _ := strings.Cut(text, ".")
	v, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || v > math.MaxInt64/unit-1 || v < math.MinInt64/unit+1 {
		return 0, bad
	}
	ns := int64(0)
	for i, scale := 0, unit/10; i < len(fraction); i, scale = i+1, scale/10 {
		if fraction[i] < '0' || fraction[i] > '9' {
			return 0, bad
		}
		ns += int64(fraction[i]-'0') * scale
	}
	if strings.HasPrefix(whole, "-") {
		ns = -ns
	}
	return v*unit + ns, nil
}
