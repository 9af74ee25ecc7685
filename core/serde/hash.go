// hash.go: Java's hash codes of keys.

package serde

import (
	"math"
	"unicode/utf8"
)

// HashLong is java.lang.Long's hashCode.
func HashLong(key int64) int32 { return int32(uint64(key) ^ uint64(key)>>32) }

// HashInt is java.lang.Integer's.
func HashInt(key int32) int32 { return key }

// HashShort is java.lang.Short's.
func HashShort(key int16) int32 { return int32(key) }

// HashByte is java.lang.Byte's.
func HashByte(key int8) int32 { return int32(key) }

// HashChar is java.lang.Character's, of a UTF-16 code unit.
func HashChar(key uint16) int32 { return int32(key) }

// HashBool is java.lang.Boolean's.
func HashBool(key bool) int32 {
	if key {
		return 1231
	}
	return 1237
}

// HashDouble is java.lang.Double's: all NaNs have one.
func HashDouble(key float64) int32 {
	if key != key {
		return HashLong(0x7FF8000000000000)
	}
	return HashLong(int64(math.Float64bits(key)))
}

// HashFloat is java.lang.Float's: all NaNs have one.
func HashFloat(key float32) int32 {
	if key != key {
		return 0x7FC00000
	}
	return int32(math.Float32bits(key))
}

// HashString is java.lang.String's, over the UTF-16 code units of a string as AppendText takes it.
func HashString(key string) int32 {
	var h uint32
	for i := 0; i < len(key); {
		if key[i] < utf8.RuneSelf {
			h = 31*h + uint32(key[i])
			i++
			continue
		}
		r, n := decodeWide(key[i:])
		i += n
		if r >= 0x10000 {
			high, low := surrogates(r)
			h = 31*h + high
			r = rune(low)
		}
		h = 31*h + uint32(r)
	}
	return int32(h)
}
