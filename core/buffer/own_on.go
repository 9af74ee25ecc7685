//go:build race || own

// own_on.go: the costly half of the ownership checks, for builds that are not measured.

package buffer

// owned says that the costly checks run.
const owned = true

// spoil fills memory whose turn is over: a late reader sees this, not plausible records.
func spoil(mem []byte) {
	for i := range mem {
		mem[i] = 0xDD
	}
}
