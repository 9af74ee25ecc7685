// host.go: on what machine the run was made. Whatever it does not tell is "unknown".

package results

import (
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// unknown stands for what cannot be found out.
const unknown = "unknown"

// Host is the machine's fingerprint: numbers from two different ones do not compare.
type Host struct {
	OS                string `json:"os"`
	Arch              string `json:"arch"`
	CPU               string `json:"cpu"`                // model name
	Cores             int    `json:"cores"`              // that this process may use
	MemoryBytes       uint64 `json:"memory_bytes"`       // 0 when unknown
	Kernel            string `json:"kernel"`             // release
	CongestionControl string `json:"congestion_control"` // TCP's default; bbr paces even on loopback
	Virtual           string `json:"virtual"`            // "yes" under a hypervisor, "no"
}

// ReadHost looks at the machine this process runs on.
func ReadHost() Host { return hostOf(os.DirFS("/")) }

// hostOf reads the parts that Linux keeps in files below root.
func hostOf(root fs.FS) Host {
	h := Host{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: unknown, Cores: runtime.NumCPU(), Virtual: unknown}
	h.Kernel = firstLine(root, "proc/sys/kernel/osrelease")
	h.CongestionControl = firstLine(root, "proc/sys/net/ipv4/tcp_congestion_control")
	if cpu, err := fs.ReadFile(root, "proc/cpuinfo"); err == nil {
		if model := colonValue(string(cpu), "model name"); model != "" {
			h.CPU = model
		}
		if flags := colonValue(string(cpu), "flags"); flags != "" {
			h.Virtual = "no"
			if strings.Contains(" "+flags+" ", " hypervisor ") {
				h.Virtual = "yes"
			}
		}
	}
	if mem, err := fs.ReadFile(root, "proc/meminfo"); err == nil {
		kib, _ := strconv.ParseUint(strings.TrimSuffix(colonValue(string(mem), "MemTotal"), " kB"), 10, 54)
		h.MemoryBytes = kib << 10
	}
	return h
}

// firstLine is a small file's first line, or "unknown".
func firstLine(root fs.FS, name string) string {
	content, err := fs.ReadFile(root, name)
	line, _, _ := strings.Cut(string(content), "\n")
	if line = strings.TrimSpace(line); err != nil || line == "" {
		return unknown
	}
	return line
}

// colonValue finds the first "key : value" line of a /proc file, "" without one.
func colonValue(content, key string) string {
	for line := range strings.Lines(content) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.Join(strings.Fields(v), " ")
		}
	}
	return ""
}
