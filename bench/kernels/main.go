// Command kernels measures the emitted kernels under wazero, in f32 and int8, beside
// gonum's Sgemm, the peak of 128-bit arithmetic and what memory gives, all
// interleaved in one run. It prints
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
	Code        string            `json:"code"`
	Device      trial.Device      `json:"device"`
	Rounds      int               `json:"rounds"`
	Emitted     []contest.Result  `json:"emitted"`
	Int8        []contest.Result  `json:"emitted_int8"`
	Gonum       []contest.Result  `json:"gonum"`
	Peak        contest.Result    `json:"peak_128_bit"`
	Bandwidth   contest.Bandwidth `json:"bandwidth"`
	Prefill     contest.Result    `json:"prefill"`
	Decode      contest.Result    `json:"decode"`
	Int8OverF32 float64           `json:"int8_over_f32"` // median over the shapes
	OverGonum   []float64         `json:"over_gonum"`    // per shape
	Median      float64           `json:"median_ratio"`  // of OverGonum
	PeakShare   float64           `json:"share_of_peak"` // median GEMM over the 128-bit peak
	Goal        float64           `json:"goal"`
	Pass        bool              `json:"pass"`
}

func run(rounds int, out string) error {
	e, err := engine.NewEngine("")
	if err != nil {
		return err
	}
	defer e.Close()
	var all []*contest.Contestant
	enter := func(ps ...programs.Program) ([]*contest.Contestant, error) {
		cs, err := contest.Native(e, ps...)
		all = append(all, cs...)
		return cs, err
	}
	peak, err := enter(programs.Peak())
	if err != nil {
		return err
	}
	var emitted, int8, reference []*contest.Contestant
	for _, s := range programs.Shapes() {
		for _, x := range []struct {
			precision trial.Precision
			to        *[]*contest.Contestant
		}{{trial.F32, &emitted}, {trial.I8, &int8}} {
			p, err := programs.Gemm(s, x.precision, e.Features())
			if err != nil {
				return err
			}
			cs, err := enter(p)
			if err != nil {
				return err
			}
			*x.to = append(*x.to, cs...)
		}
		reference = append(reference, sgemm(s))
		all = append(all, reference[len(reference)-1])
	}
	reading, err := programs.Bandwidth(e.Features())
	if err != nil {
		return err
	}
	var bandwidth []*contest.Contestant
	for _, p := range reading {
		cs, err := enter(p)
		if err != nil {
			return err
		}
		bandwidth = append(bandwidth, cs...)
	}
	prefill, decode, err := programs.Model(e.Features())
	if err != nil {
		return err
	}
	model, err := enter(prefill, decode)
	if err != nil {
		return err
	}
	if err := contest.Run(all, rounds); err != nil {
		return err
	}

	r := results{Code: engine.CodeVersion(), Device: e.Device(), Rounds: rounds, Goal: goalOverGonum,
		Peak: peak[0].Result(), Prefill: model[0].Result(), Decode: model[1].Result(), Bandwidth: contest.BandwidthOf(bandwidth)}
	var rates, over []float64
	for i, c := range emitted {
		r.Int8 = append(r.Int8, int8[i].Result())
		over = append(over, contest.Ratio(int8[i], c))
		r.Emitted, r.Gonum = append(r.Emitted, c.Result()), append(r.Gonum, reference[i].Result())
		r.OverGonum = append(r.OverGonum, contest.Ratio(c, reference[i]))
		rates = append(rates, c.Result().GFLOPS)
	}
	r.Median = contest.Median(r.OverGonum)
	r.Int8OverF32 = contest.Median(over)
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
	fmt.Printf("%-14s %16s %16s %8s %16s\n", "M×K×N", "emitted GFLOP/s", "gonum GFLOP/s", "ratio", "int8, the same")
	for i, c := range r.Emitted {
		fmt.Printf("%-14s %16.1f %16.1f %7.2f× %16.1f\n", c.Name, c.GFLOPS, r.Gonum[i].GFLOPS, r.OverGonum[i], r.Int8[i].GFLOPS)
	}
	fmt.Printf("int8 is %.2f× f32 in the median over the shapes\n\n", r.Int8OverF32)
	contest.BandwidthHeader()
	r.Bandwidth.Print("wazero")
	fmt.Println()
	for _, c := range []contest.Result{r.Peak, r.Prefill, r.Decode} {
		fmt.Printf("%-22s %8.2f ms (IQR %.2f)  %6.1f GFLOP/s\n", c.Name, c.MedianMs, c.IQRMs, c.GFLOPS)
	}
	fmt.Println()
	contest.Verdict(r.Pass, "GEMM %.2f× gonum in the median over the shapes (goal %.1f×); %.0f %% of the 128-bit peak",
		r.Median, r.Goal, 100*r.PeakShare)
}
