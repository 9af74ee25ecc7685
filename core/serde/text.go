// text.go: strings as Flink writes them.

package serde

import (
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// A string is its number of UTF-16 code units plus one, then each unit; all of them numbers of seven bits a byte, the lowest
// first, with the high bit on every byte but the last. 0 is null, 1 the empty string.
//
// In Go it is a string of UTF-8. Java's strings may hold surrogates without a partner; such a one is kept as the three bytes that
// UTF-8 would give its number (WTF-8), so that every string survives the way through Go. Bytes that are neither become U+FFFD.

// TextSize is how many bytes AppendText appends.
func TextSize(s string) int {
	units, size := 0, 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			units++
			size++
			continue
		}
		r, n := decodeWide(s[i:])
		i += n
		if r >= 0x10000 {
			units++
			size += 3 // its first surrogate; every surrogate takes three bytes
			r = 0xDC00
		}
		units++
		size += varintSize(uint32(r))
	}
	return varintSize(uint32(units)+1) + size
}

// AppendText appends s.
func AppendText(dst []byte, s string) []byte {
	units, ascii := measure(s)
	dst = appendVarint(dst, uint32(units)+1)
	if ascii {
		return append(dst, s...)
	}
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			dst = append(dst, s[i])
			i++
			continue
		}
		r, n := decodeWide(s[i:])
		i += n
		if r >= 0x10000 {
			high, low := surrogates(r)
			dst = appendVarint(dst, high)
			r = rune(low)
		}
		dst = appendVarint(dst, uint32(r))
	}
	return dst
}

// AppendNullText appends the null string.
func AppendNullText(dst []byte) []byte { return append(dst, 0) }

// Text reads a string; false for null (and after something went wrong).
func (r *Reader) Text() (string, bool) {
	n := r.varint(5)
	if n == 0 || r.err != nil {
		return "", false
	}
	units := int(n) - 1
	if units > r.Remaining() { // each takes a byte at least
		r.fail(reasonOverread)
		return "", false
	}
	if ascii := r.payload[r.at : r.at+units]; isASCII(ascii) {
		r.at += units
		return string(ascii), true
	}
	return r.wideText(units)
}

// wideText reads the units of a string that is not all ASCII.
func (r *Reader) wideText(units int) (string, bool) {
	out := make([]byte, 0, min(units*3, r.Remaining()*3/2)) // two bytes on the wire are at most three of UTF-8
	var high uint32                                         // a first surrogate that waits for its second; 0: none
	for ; units > 0; units-- {
		unit := r.varint(3)
		if unit > 0xFFFF {
			r.fail(fmt.Sprintf("a UTF-16 code unit of %#x", unit))
		}
		if r.err != nil {
			return "", false
		}
		if high != 0 && unit >= 0xDC00 && unit < 0xE000 {
			out = utf8.AppendRune(out, rune(0x10000+(high-0xD800)<<10+(unit-0xDC00)))
			high = 0
			continue
		}
		if high != 0 {
			out = appendLoneSurrogate(out, high)
			high = 0
		}
		switch {
		case unit >= 0xD800 && unit < 0xDC00:
			high = unit
		case unit >= 0xDC00 && unit < 0xE000:
			out = appendLoneSurrogate(out, unit)
		default:
			out = utf8.AppendRune(out, rune(unit))
		}
	}
	if high != 0 {
		out = appendLoneSurrogate(out, high)
	}
	return string(out), true
}

// decodeWide reads the first character of s, which is not ASCII: as unicode/utf8 does, and lone surrogates too.
func decodeWide(s string) (rune, int) {
	if len(s) >= 3 && s[0] == 0xED && s[1]&0xE0 == 0xA0 && s[2]&0xC0 == 0x80 {
		return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), 3
	}
	return utf8.DecodeRuneInString(s)
}

func appendLoneSurrogate(dst []byte, unit uint32) []byte {
	return append(dst, 0xED, 0x80|byte(unit>>6&0x3F), 0x80|byte(unit&0x3F))
}

// surrogates splits a character beyond the basic plane.
func surrogates(r rune) (high, low uint32) {
	r -= 0x10000
	return 0xD800 | uint32(r>>10), 0xDC00 | uint32(r&0x3FF)
}

// measure is Java's length of s, and whether s is as long in bytes because it is all ASCII.
func measure(s string) (units int, ascii bool) {
	ascii = true
	for i := 0; i < len(s); units++ {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		ascii = false
		r, n := decodeWide(s[i:])
		i += n
		if r >= 0x10000 {
			units++
		}
	}
	return units, ascii
}

func isASCII(b []byte) bool {
	for _, x := range b {
		if x >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func varintSize(n uint32) int { return (bits.Len32(n|1) + 6) / 7 }

func appendVarint(dst []byte, n uint32) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

// varint reads a number of at most max bytes and 31 bits.
func (r *Reader) varint(max int) uint32 {
	var n uint64
	for i := range max {
		b := uint64(uint8(r.Int8()))
		n |= b & 0x7F << (7 * i)
		if b < 0x80 {
			if n > 1<<31 { // the longest string has 2^31 - 1 units
				break
			}
			return uint32(n)
		}
	}
	r.fail("a number that does not end, or too large")
	return 0
}
