package runtime

import (
	"os"
	"strconv"
	"strings"
)

// residentBytes is the resident set of this process; 0 if unknown.
func residentBytes() int64 { return statusBytes("VmRSS:") }

// peakResidentBytes is the largest resident set since resetPeakResident.
func peakResidentBytes() int64 { return statusBytes("VmHWM:") }

// resetPeakResident makes the peak start again at the present resident set.
// Where the kernel refuses, the peak is that of the process's life.
func resetPeakResident() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// statusBytes reads a line such as "VmRSS:	  1234 kB".
func statusBytes(key string) int64 { return 1024 * procValue("/proc/self/status", key) }

func procValue(file, key string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSuffix(procLine(file, key), " kB"), 10, 64)
	return n
}

// procLine is what follows key in the first line that begins with it.
func procLine(file, key string) string {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// cpuModel names the processor.
func cpuModel() string {
	if model := procLine("/proc/cpuinfo", "model name"); model != "" {
		return strings.TrimSpace(strings.TrimPrefix(model, ":"))
	}
	return procModel()
}

// procModel is the board's name, which is what ARM kernels tell.
func procModel() string {
	data, _ := os.ReadFile("/proc/device-tree/model")
	return strings.TrimRight(string(data), "\x00\n")
}
