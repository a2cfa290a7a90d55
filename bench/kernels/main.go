// Command kernels measures the emitted kernels under wazero, beside gonum's
// Sgemm and the peak of 128-bit arithmetic, all interleaved in one run. It prints
// a table with a verdict per goal and writes bench/results/kernels.json.
package main

import (
	"flag"
	"fmt"
	"log"
	"path/filepath"
	"runtime"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"litefront/bench/contest"
	"litefront/bench/programs"
	engine "litefront/host/runtime"
	"litefront/kernels/ops"
	"litefront/searchcore/trial"
)

// goalOverGonum is how many times gonum's speed the emitted GEMM must reach, in
// the median over the shapes.
const goalOverGonum = 2.8

func main() {
	log.SetFlags(0)
	rounds := flag.Int("rounds", 9, "rounds; each runs everything once")
	out := flag.String("out", filepath.Join("bench", "results", "kernels.json"), "where to write the results")
	flag.Parse()
	runtime.GOMAXPROCS(1) // gonum would use all cores
	if err := run(*rounds, *out); err != nil {
		log.Fatal("bench: ", err)
	}
}

type results struct {
	Code      string           `json:"code"`
	Device    trial.Device     `json:"device"`
	Rounds    int              `json:"rounds"`
	Emitted   []contest.Result `json:"emitted"`
	Gonum     []contest.Result `json:"gonum"`
	Peak      contest.Result   `json:"peak_128_bit"`
	Prefill   contest.Result   `json:"prefill"`
	Decode    contest.Result   `json:"decode"`
	OverGonum []float64        `json:"over_gonum"`    // per shape
	Median    float64          `json:"median_ratio"`  // of OverGonum
	PeakShare float64          `json:"share_of_peak"` // median GEMM over the 128-bit peak
	Goal      float64          `json:"goal"`
	Pass      bool             `json:"pass"`
}

func run(rounds int, out string) error {
	e, err := engine.NewEngine("")
	if err != nil {
		return err
	}
	defer e.Close()
	var all []*contest.Contestant
	enter := func(p programs.Program, err error) (*contest.Contestant, error) {
		if err != nil {
			return nil, err
		}
		c, err := contest.Native(e, p)
		all = append(all, c)
		return c, err
	}
	peak, err := enter(programs.Peak(), nil)
	if err != nil {
		return err
	}
	var emitted, reference []*contest.Contestant
	for _, s := range programs.Shapes() {
		c, err := enter(programs.Gemm(s, e.Features()))
		if err != nil {
			return err
		}
		emitted, reference = append(emitted, c), append(reference, sgemm(s))
		all = append(all, reference[len(reference)-1])
	}
	p, d, err := programs.Model(e.Features())
	if err != nil {
		return err
	}
	prefill, err := enter(p, nil)
	if err != nil {
		return err
	}
	decode, err := enter(d, nil)
	if err != nil {
		return err
	}
	if err := contest.Run(all, rounds); err != nil {
		return err
	}

	r := results{Code: engine.CodeVersion(), Device: e.Device(), Rounds: rounds, Goal: goalOverGonum,
		Peak: peak.Result(), Prefill: prefill.Result(), Decode: decode.Result()}
	var rates []float64
	for i, c := range emitted {
		r.Emitted, r.Gonum = append(r.Emitted, c.Result()), append(r.Gonum, reference[i].Result())
		r.OverGonum = append(r.OverGonum, contest.Ratio(c, reference[i]))
		rates = append(rates, c.Result().GFLOPS)
	}
	r.Median = contest.Median(r.OverGonum)
	r.PeakShare = contest.Median(rates) / r.Peak.GFLOPS
	r.Pass = r.Median >= goalOverGonum
	r.print()
	return contest.Write(out, r)
}

// sgemm is the product by gonum.
func sgemm(s programs.Shape) *contest.Contestant {
	a, b, c := make([]float32, s.M*s.K), make([]float32, s.N*s.K), make([]float32, s.M*s.N)
	for i := range a {
		a[i] = ops.Random(1, i, 1, 0)
	}
	for i := range b {
		b[i] = ops.Random(2, i, 1, 0)
	}
	return &contest.Contestant{Name: s.String(), Work: s.FLOPs(), Run: func(reps int) (int64, error) {
		start := time.Now()
		for range reps {
			gonum.Implementation{}.Sgemm(blas.NoTrans, blas.Trans, s.M, s.N, s.K, 1, a, s.K, b, s.K, 1, c, s.N)
		}
		return int64(time.Since(start)), nil
	}}
}

func (r results) print() {
	fmt.Printf("%s, %s, %d rounds interleaved; medians\n\n", r.Device.CPU, r.Device.Engine, r.Rounds)
	fmt.Printf("%-14s %16s %16s %8s\n", "M×K×N", "emitted GFLOP/s", "gonum GFLOP/s", "ratio")
	for i, c := range r.Emitted {
		fmt.Printf("%-14s %16.1f %16.1f %7.2f×\n", c.Name, c.GFLOPS, r.Gonum[i].GFLOPS, r.OverGonum[i])
	}
	fmt.Println()
	for _, c := range []contest.Result{r.Peak, r.Prefill, r.Decode} {
		fmt.Printf("%-22s %8.2f ms (IQR %.2f)  %6.1f GFLOP/s\n", c.Name, c.MedianMs, c.IQRMs, c.GFLOPS)
	}
	fmt.Println()
	contest.Verdict(r.Pass, "GEMM %.2f× gonum in the median over the shapes (goal %.1f×); %.0f %% of the 128-bit peak",
		r.Median, r.Goal, 100*r.PeakShare)
}
