// drivers.go: the systems that can be measured.

package workloads

import "xbench/harness"

// Drivers are the systems that a case can name as its driver.
func Drivers() map[string]harness.NewDriver {
	return map[string]harness.NewDriver{
		"exchange": func() harness.Driver { return &exchange{} },
	}
}
