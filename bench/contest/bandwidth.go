package contest

import (
	"fmt"

	"litefront/bench/programs"
)

// Bandwidth is the results of programs.Bandwidth on one engine.
type Bandwidth struct {
	Stream Result   `json:"stream"`
	F32    []Result `json:"gemv_f32"` // by programs.MatrixBytes
	I8     []Result `json:"gemv_int8"`
}

// BandwidthOf summarises contestants in the order of programs.Bandwidth.
func BandwidthOf(all []*Contestant) (b Bandwidth) {
	sizes := len(programs.MatrixBytes())
	b.Stream = all[0].Result()
	for i, c := range all[1:] {
		if i < sizes {
			b.F32 = append(b.F32, c.Result())
		} else {
			b.I8 = append(b.I8, c.Result())
		}
	}
	return b
}

// BandwidthHeader prints what the columns of Print are.
func BandwidthHeader() {
	fmt.Printf("%-28s", "one row, GB/s of weights")
	for _, precision := range []string{"f32", "int8"} {
		for _, bytes := range programs.MatrixBytes() {
			fmt.Printf(" %13s", fmt.Sprintf("%s %g MiB", precision, float64(bytes)/(1<<20)))
		}
	}
	fmt.Printf(" %8s\n", "stream")
}

// Print prints a line of b: GB/s, and in brackets the share of what the stream reads.
func (b Bandwidth) Print(name string) {
	fmt.Printf("%-28s", name)
	for _, results := range [][]Result{b.F32, b.I8} {
		for _, r := range results {
			fmt.Printf(" %13s", fmt.Sprintf("%.1f (%.0f %%)", r.GBPerS, 100*r.GBPerS/b.Stream.GBPerS))
		}
	}
	fmt.Printf(" %8.1f\n", b.Stream.GBPerS)
}
