// binary.go: which build of xbench runs.

package results

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"runtime/debug"
)

// Binary says which build ran, told by the binary itself: the checkout may have moved on.
type Binary struct {
	Revision   string `json:"revision"`    // commit, or "unknown"
	CommitTime string `json:"commit_time"` // RFC 3339, or "unknown"
	Modified   bool   `json:"modified"`    // built from a tree with changes of its own; false when unknown
	Go         string `json:"go"`          // the toolchain
	SHA256     string `json:"sha256"`      // of the executable file, or "unknown"
}

// ReadBinary asks the running binary. stamped is the revision that the linker was told
// (-ldflags "-X main.revision=..."), "" when it was not; it goes before the version control
// stamp, which go run, git worktrees and -buildvcs=false leave out.
func ReadBinary(stamped string) Binary {
	b := Binary{Revision: unknown, CommitTime: unknown, Go: runtime.Version(), SHA256: executableSum()}
	if build, ok := debug.ReadBuildInfo(); ok {
		b.readSettings(build.Settings)
	}
	if stamped != "" && stamped != b.Revision {
		b.Revision, b.CommitTime, b.Modified = stamped, unknown, false
	}
	return b
}

// readSettings takes over what the go command stamped.
func (b *Binary) readSettings(settings []debug.BuildSetting) {
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.CommitTime = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
}

// executableSum is the digest of the file this process was started from, also when that
// has been replaced meanwhile. About 10 ms.
func executableSum() string {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return unknown
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return unknown
	}
	return hex.EncodeToString(sum.Sum(nil))
}
