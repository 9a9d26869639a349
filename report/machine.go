package report

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Machine names the processor, as far as the system tells, the number of logical processors, and
// the system, such as "Example CPU, 2 logical processors, linux/amd64".
func Machine() string {
	name := ""
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo") // only Linux has it
	for line := range strings.Lines(string(cpuinfo)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			name = strings.TrimSpace(value) + ", "
			break
		}
	}
	return fmt.Sprintf("%s%d logical processors, %s/%s", name, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}
