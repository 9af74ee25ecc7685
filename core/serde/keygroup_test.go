// keygroup_test.go: hash codes, key groups and channels against those that a real Flink computed.

package serde

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"
)

// keyGroups is testdata/keygroups.json.
type keyGroups struct {
	Hashes []struct {
		Hash    int32 `json:"hash"`
		Murmur  int32 `json:"murmur"`
		KG128   int   `json:"kg128"`
		KG1000  int   `json:"kg1000"`
		KG32768 int   `json:"kg32768"`
	} `json:"hashes"`
	Keys []struct {
		Type     string `json:"type"`
		Key      string `json:"key"`
		Hash     int32  `json:"hash"`
		KeyGroup int    `json:"key_group_128"`
	} `json:"keys"`
	Ranges []struct {
		MaxParallelism int      `json:"max_parallelism"`
		Parallelism    int      `json:"parallelism"`
		Range          [][2]int `json:"range_of_operator"`
	} `json:"operator_ranges"`
	Defaults []struct {
		Parallelism int `json:"parallelism"`
		Default     int `json:"default_max_parallelism"`
	} `json:"default_max_parallelism"`
}

func loadKeyGroups(t *testing.T) (k keyGroups) {
	t.Helper()
	b, err := os.ReadFile("testdata/keygroups.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&k); err != nil {
		t.Fatal(err)
	}
	if len(k.Hashes) == 0 || len(k.Keys) == 0 || len(k.Ranges) == 0 || len(k.Defaults) == 0 {
		t.Fatal("a list is empty")
	}
	return k
}

func TestMurmurAndKeyGroups(t *testing.T) {
	for _, h := range loadKeyGroups(t).Hashes {
		if got := Murmur(h.Hash); got != h.Murmur {
			t.Errorf("murmur of %d is %d, want %d", h.Hash, got, h.Murmur)
		}
		for maxParallelism, want := range map[int]int{128: h.KG128, 1000: h.KG1000, 32768: h.KG32768} {
			if got := KeyGroup(h.Hash, maxParallelism); got != want {
				t.Errorf("key group of %d is %d of %d, want %d", h.Hash, got, maxParallelism, want)
			}
		}
	}
}

func TestJavaHashCodes(t *testing.T) {
	for _, k := range loadKeyGroups(t).Keys {
		t.Run(k.Type+" "+k.Key, func(t *testing.T) {
			got := hashOf(t, k.Type, k.Key)
			if got != k.Hash {
				t.Errorf("hash code %d, want %d", got, k.Hash)
			}
			if kg := KeyGroup(got, 128); kg != k.KeyGroup {
				t.Errorf("key group %d, want %d", kg, k.KeyGroup)
			}
		})
	}
	for name, c := range map[string][2]int32{
		"every NaN is one double":       {HashDouble(math.Float64frombits(0xFFF8000000000001)), 2146959360},
		"every NaN is one float":        {HashFloat(math.Float32frombits(0xFFC00001)), 0x7FC00000},
		"lone surrogate":                {HashString("\xED\xA0\xBD"), 0xD83D},
		"surrogates, lone and together": {HashString("\xED\xA0\xBD\xED\xB8\x80"), HashString("😀")},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %d, want %d", name, c[0], c[1])
		}
	}
}

func hashOf(t *testing.T, kind, key string) int32 {
	integer := func(bits int) int64 {
		n, err := strconv.ParseInt(key, 10, bits)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	decimal := func(bits int) float64 {
		x, err := strconv.ParseFloat(key, bits)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	switch kind {
	case "String":
		return HashString(key)
	case "Long":
		return HashLong(integer(64))
	case "Integer":
		return HashInt(int32(integer(32)))
	case "Short":
		return HashShort(int16(integer(16)))
	case "Byte":
		return HashByte(int8(integer(8)))
	case "Boolean":
		return HashBool(key == "true")
	case "Double":
		return HashDouble(decimal(64))
	case "Float":
		return HashFloat(float32(decimal(32)))
	case "Character":
		return HashChar(uint16([]rune(key)[0]))
	}
	t.Fatalf("unknown type %q", kind)
	return 0
}

func TestKeyGroupRanges(t *testing.T) {
	for _, c := range loadKeyGroups(t).Ranges {
		for i, want := range c.Range {
			first, last := KeyGroupRange(i, c.Parallelism, c.MaxParallelism)
			if first != want[0] || last != want[1] {
				t.Errorf("subtask %d of %d, %d groups: %d to %d, want %v", i, c.Parallelism, c.MaxParallelism, first, last, want)
			}
		}
	}
}

// The subtask whose range holds a key group is the channel that its records go to, and the ranges leave nothing out.
func TestRangesAndChannelsAgree(t *testing.T) {
	for _, maxParallelism := range []int{1, 2, 128, 1000} {
		for parallelism := 1; parallelism <= min(maxParallelism, 130); parallelism++ {
			next := 0
			for i := range parallelism {
				first, last := KeyGroupRange(i, parallelism, maxParallelism)
				if first != next || last < first {
					t.Fatalf("subtask %d of %d, %d groups: %d to %d, want it to begin at %d", i, parallelism, maxParallelism, first, last, next)
				}
				for ; next <= last; next++ {
					if got := ChannelOfKeyGroup(next, maxParallelism, parallelism); got != i {
						t.Fatalf("key group %d of %d goes to channel %d of %d, want %d", next, maxParallelism, got, parallelism, i)
					}
				}
			}
			if next != maxParallelism {
				t.Fatalf("%d of %d key groups have a subtask of %d", next, maxParallelism, parallelism)
			}
		}
	}
}

func TestDefaultMaxParallelism(t *testing.T) {
	for _, c := range loadKeyGroups(t).Defaults {
		if got := DefaultMaxParallelism(c.Parallelism); got != c.Default {
			t.Errorf("parallelism %d: %d, want %d", c.Parallelism, got, c.Default)
		}
	}
}

// Every step of the hash, as the description of the format has them.
func TestMurmurSteps(t *testing.T) {
	for _, c := range []struct {
		hash                              int32
		scrambled, folded, counted, mixed uint32
		murmur                            int32
		keyGroup, channel                 int // of 128 and of 4
	}{
		{HashLong(42), 0x6a5373fb, 0x0ed18dd6, 0x0ed18dd2, 0xbc5b91e3, 1134849565, 29, 0},
		{HashLong(0), 0, 0xe6546b64, 0xe6546b60, 0x2362f9de, 593689054, 94, 2},
		{HashLong(-1), 0, 0xe6546b64, 0xe6546b60, 0x2362f9de, 593689054, 94, 2},
		{HashLong(1), 0xc3539a5d, 0x26cf0576, 0x26cf0572, 0xfbf1402a, 68075478, 86, 2},
		{HashString("hello"), 0x2951ca54, 0x04c90536, 0x04c90532, 0x6645faa3, 1715862179, 35, 1},
		{HashString("key-17"), 0xa4a5005a, 0x068d1248, 0x068d124c, 0x570ce7e0, 1460463584, 96, 3},
	} {
		s := murmurScramble(uint32(c.hash))
		f := murmurFold(s)
		got := fmt.Sprintf("%08x %08x %08x %08x %d %d %d", s, f, f^4, murmurMix(f^4), Murmur(c.hash), KeyGroup(c.hash, 128), ChannelOfKey(c.hash, 128, 4))
		want := fmt.Sprintf("%08x %08x %08x %08x %d %d %d", c.scrambled, c.folded, c.counted, c.mixed, c.murmur, c.keyGroup, c.channel)
		if got != want {
			t.Errorf("hash %d\n got %s\nwant %s", c.hash, got, want)
		}
	}
}
