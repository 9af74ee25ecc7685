// host.go: which binary ran, and on what machine. Whatever cannot be found out is "unknown".

package results

// unknown stands for what the machine does not tell.
const unknown = "unknown"

// Binary says which build of xbench ran, from the binary itself: the checkout may have moved on since.
type Binary struct {
	Revision   string `json:"revision"`    // commit, or "unknown"
	CommitTime string `json:"commit_time"` // RFC 3339, or "unknown"
	Modified   bool   `json:"modified"`    // built from a tree with changes of its own
	Go         string `json:"go"`          // the toolchain
	SHA256     string `json:"sha256"`      // of the executable file, or "unknown"
}

// Host is the machine's fingerprint: numbers from two different ones are not compared.
type Host struct {
	OS                string `json:"os"`
	Arch              string `json:"arch"`
	CPU               string `json:"cpu"`   // model name
	Cores             int    `json:"cores"` // that this process may use
	MemoryBytes       uint64 `json:"memory_bytes"`
	Kernel            string `json:"kernel"`
	CongestionControl string `json:"congestion_control"` // TCP's default; bbr paces even on loopback
	Virtual           string `json:"virtual"`            // hypervisor, "none" or "unknown"
}
