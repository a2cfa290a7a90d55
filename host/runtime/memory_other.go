//go:build !linux

package runtime

// Only Linux tells a process its resident set in a file; elsewhere it is
// unknown, and the exact linear memory stands alone.

func residentBytes() int64     { return 0 }
func peakResidentBytes() int64 { return 0 }
func resetPeakResident()       {}
func cpuModel() string         { return "" }
