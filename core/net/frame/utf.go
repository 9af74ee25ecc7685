// utf.go: Java's modified UTF-8, in which class names and messages of exceptions are written.

package frame

import "unicode/utf8"

// In modified UTF-8 a NUL takes two bytes, and a character outside the basic plane takes six: its two UTF-16 surrogates with
// three bytes each. A surrogate without its partner has no place in a Go string and becomes U+FFFD.

// modifiedUTFLength is how many bytes appendModifiedUTF appends.
func modifiedUTFLength(s string) (n int) {
	for _, r := range s {
		n += modifiedUTFSize(r)
	}
	return n
}

func modifiedUTFSize(r rune) int {
	switch {
	case r == 0:
		return 2
	case r < 0x80:
		return 1
	case r < 0x800:
		return 2
	case r < 0x10000:
		return 3
	}
	return 6
}

func appendModifiedUTF(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == 0:
			dst = append(dst, 0xC0, 0x80)
		case r < 0x10000:
			dst = utf8.AppendRune(dst, r)
		default:
			r -= 0x10000
			dst = appendSurrogate(dst, 0xD800|r>>10)
			dst = appendSurrogate(dst, 0xDC00|r&0x3FF)
		}
	}
	return dst
}

func appendSurrogate(dst []byte, unit rune) []byte {
	return append(dst, 0xE0|byte(unit>>12), 0x80|byte(unit>>6&0x3F), 0x80|byte(unit&0x3F))
}

// parseModifiedUTF reads all of b; false if b is nothing that Java would read.
func parseModifiedUTF(b []byte) (string, bool) {
	out := make([]byte, 0, len(b))
	var high rune // a surrogate that waits for its partner; 0: none
	for len(b) > 0 {
		unit, size := modifiedUTFUnit(b)
		if size == 0 {
			return "", false
		}
		b = b[size:]
		if high != 0 {
			if unit >= 0xDC00 && unit < 0xE000 {
				out = utf8.AppendRune(out, 0x10000+(high-0xD800)<<10+(unit-0xDC00))
				high = 0
				continue
			}
			out = utf8.AppendRune(out, utf8.RuneError)
			high = 0
		}
		if unit >= 0xD800 && unit < 0xDC00 {
			high = unit
			continue
		}
		out = utf8.AppendRune(out, unit) // a lone low surrogate becomes U+FFFD here
	}
	if high != 0 {
		out = utf8.AppendRune(out, utf8.RuneError)
	}
	return string(out), true
}

// modifiedUTFUnit reads the first UTF-16 unit of b, which is not empty; size 0 if there is none.
func modifiedUTFUnit(b []byte) (unit rune, size int) {
	continued := func(i int) bool { return i < len(b) && b[i]&0xC0 == 0x80 }
	switch {
	case b[0] < 0x80:
		return rune(b[0]), 1
	case b[0]&0xE0 == 0xC0 && continued(1):
		return rune(b[0]&0x1F)<<6 | rune(b[1]&0x3F), 2
	case b[0]&0xF0 == 0xE0 && continued(1) && continued(2):
		return rune(b[0]&0x0F)<<12 | rune(b[1]&0x3F)<<6 | rune(b[2]&0x3F), 3
	}
	return 0, 0
}
