// Command kernels measures the emitted kernels under wazero, beside gonum's
// Sgemm and the peak of 128-bit arithmetic, all interleaved in one run. It prints
// a table with a verdict per goal and writes bench/results/kernels.json.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gonum.org/v1/gonum/stat"

	engine "litefront/host/runtime"
	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/ops"
	"litefront/kernels/wasmasm"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
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

// contestant is something timed once a round.
type contestant struct {
	name string
	work float64 // floating-point operations of one run; 0 for a time alone
	run  func(reps int) (ns int64, err error)
	reps int
	ms   []float64 // per run, one sample a round
}

// result is a contestant's numbers.
type result struct {
	Name     string  `json:"name"`
	MedianMs float64 `json:"median_ms"`
	MinMs    float64 `json:"min_ms"`
	IQRMs    float64 `json:"iqr_ms"`
	GFLOPS   float64 `json:"gflops,omitempty"` // at the median
}

type results struct {
	Code      string       `json:"code"`
	Device    trial.Device `json:"device"`
	Rounds    int          `json:"rounds"`
	Results   []result     `json:"results"`
	OverGonum []float64    `json:"over_gonum"`    // emitted over gonum, per shape: the median of each round's ratio
	Median    float64      `json:"median_ratio"`  // of OverGonum
	PeakShare float64      `json:"share_of_peak"` // median GEMM over the 128-bit peak
	Goal      float64      `json:"goal"`
	Pass      bool         `json:"pass"`
}

func run(rounds int, out string) error {
	e, err := engine.NewEngine("")
	if err != nil {
		return err
	}
	defer e.Close()
	peak, err := program(e, "128-bit peak", kernels.ComputeSentinel(), kernels.ComputeSentinelFLOPs, "loop", 0)
	if err != nil {
		return err
	}
	all := []*contestant{peak}
	var emitted, reference []*contestant
	for _, m := range []int{16, 128, 512} {
		for _, kn := range [][2]int{{512, 512}, {512, 2048}, {2048, 512}, {768, 3072}} {
			a, err := gemm(e, m, kn[0], kn[1])
			if err != nil {
				return err
			}
			b := sgemm(m, kn[0], kn[1])
			emitted, reference = append(emitted, a), append(reference, b)
			all = append(all, a, b)
		}
	}
	prefill, decode, err := model(e)
	if err != nil {
		return err
	}
	all = append(all, prefill, decode)

	if err := measureAll(all, rounds); err != nil {
		return err
	}
	r := results{Code: engine.CodeVersion(), Device: e.Device(), Rounds: rounds, Goal: goalOverGonum}
	for _, c := range all {
		r.Results = append(r.Results, c.result())
	}
	var rates []float64
	for i, a := range emitted {
		ratios := make([]float64, rounds)
		for k := range ratios {
			ratios[k] = reference[i].ms[k] / a.ms[k]
		}
		r.OverGonum = append(r.OverGonum, median(ratios))
		rates = append(rates, a.result().GFLOPS)
	}
	r.Median = median(r.OverGonum)
	r.PeakShare = median(rates) / peak.result().GFLOPS
	r.Pass = r.Median >= goalOverGonum
	return r.write(out, emitted, reference)
}

// measureAll times every contestant once a round, in turn, so that a disturbance
// hits all alike. Each sample lasts at least 20 ms.
func measureAll(all []*contestant, rounds int) error {
	for _, c := range all {
		ns, err := c.run(1)
		if err == nil {
			ns, err = c.run(1) // the first pays for cold caches
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		c.reps = 1 + int(20e6/float64(max(ns, 1)))
	}
	for range rounds {
		for _, c := range all {
			ns, err := c.run(c.reps)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.ms = append(c.ms, float64(ns)/1e6/float64(c.reps))
		}
	}
	return nil
}

func (c *contestant) result() result {
	sorted := slices.Sorted(slices.Values(c.ms))
	q := func(p float64) float64 { return stat.Quantile(p, stat.LinInterp, sorted, nil) }
	r := result{Name: c.name, MedianMs: median(c.ms), MinMs: sorted[0], IQRMs: q(0.75) - q(0.25)}
	if c.work > 0 {
		r.GFLOPS = c.work / r.MedianMs / 1e6
	}
	return r
}

func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// program is a module's loop export as a contestant.
func program(e *engine.Engine, name string, m *kernels.Module, work float64, export string, arg int) (*contestant, error) {
	p, err := e.Prepare(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if _, err := p.Run(measure.Call{Export: "init", Arg: 1}); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &contestant{name: name, work: work, run: func(reps int) (int64, error) {
		return p.Run(measure.Call{Export: export, Arg: uint32(arg), Reps: uint32(reps)})
	}}, nil
}

// gemm is the emitted C[m×n] += A[m×k]·B[n×k]ᵀ.
func gemm(e *engine.Engine, m, k, n int) (*contestant, error) {
	i32 := func(x int) wasmasm.I32 { return wasmasm.ConstI32(int32(x)) }
	const a = 64
	ldx := graph.Padded(k).Size()
	b := a + 4*m*ldx
	c := b + 4*(n+graph.Panel-1)/graph.Panel*graph.Panel*k
	pages := uint32(c+4*m*n)/graph.PageBytes + 1
	mod := wasmasm.NewModule()
	mod.Memory(pages, pages)
	lib := ops.New(mod, false)
	linear, fill := lib.Linear(), lib.Fill()
	init := mod.Func("init")
	init.Call(fill, i32(a), i32((c-a)/16), init.ParamI32(), wasmasm.ConstF32(1), wasmasm.ConstF32(0))
	loop := mod.Func("loop")
	loop.ParamI32()
	reps := loop.ParamI32()
	loop.While(reps.I32, func() {
		loop.Call(linear, i32(a), i32(b), i32(c), i32(m), i32(n), i32(k/graph.Lane), i32(4*ldx), i32(4*n))
		reps.Set(reps.Sub(i32(1)))
	})
	bytes, err := mod.Bytes()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("emitted %d×%d×%d", m, k, n)
	return program(e, name, &kernels.Module{Bytes: bytes}, 2*float64(m)*float64(k)*float64(n), "loop", 0)
}

// sgemm is the same by gonum.
func sgemm(m, k, n int) *contestant {
	a, b, c := make([]float32, m*k), make([]float32, n*k), make([]float32, m*n)
	for i := range a {
		a[i] = ops.Random(1, i, 1, 0)
	}
	for i := range b {
		b[i] = ops.Random(2, i, 1, 0)
	}
	return &contestant{
		name: fmt.Sprintf("gonum %d×%d×%d", m, k, n),
		work: 2 * float64(m) * float64(k) * float64(n),
		run: func(reps int) (int64, error) {
			start := time.Now()
			for range reps {
				gonum.Implementation{}.Sgemm(blas.NoTrans, blas.Trans, m, n, k, 1, a, k, b, k, 1, c, n)
			}
			return int64(time.Since(start)), nil
		},
	}
}

// model is a whole decoder: 6 layers, d_model 512, d_inner 2048, 8 heads, 128
// tokens; its vocabulary is so small that the head does not count.
func model(e *engine.Engine) (prefill, decode *contestant, err error) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 8, DModel: 512, MaxLen: 256}
	for range 6 {
		a.Layers = append(a.Layers, arch.Layer{Heads: 8, DInner: 2048})
	}
	w := trial.Workload{PromptLen: 128, Context: 256, Precision: trial.F32, Threads: 1}
	g, err := graph.Build(a, w)
	if err != nil {
		return nil, nil, err
	}
	m, err := kernels.Compile(g, e.Features())
	if err != nil {
		return nil, nil, err
	}
	multiplyAdds := float64(6 * (4*512*512 + 2*512*2048))
	if prefill, err = program(e, "prefill 128 tokens", m, 2*128*multiplyAdds, "prefill_loop", 128); err != nil {
		return nil, nil, err
	}
	decode, err = program(e, "decode one token", m, 2*multiplyAdds, "decode_loop", 128)
	return prefill, decode, err
}

func (r results) write(out string, emitted, reference []*contestant) error {
	fmt.Printf("%s, %s, %d rounds interleaved; medians\n\n", r.Device.CPU, r.Device.Engine, r.Rounds)
	fmt.Printf("%-22s %10s %10s %8s\n", "M×K×N", "emitted", "gonum", "ratio")
	for i := range emitted {
		fmt.Printf("%-22s %10.1f %10.1f %7.2f×\n", emitted[i].name[len("emitted "):], emitted[i].result().GFLOPS, reference[i].result().GFLOPS, r.OverGonum[i])
	}
	fmt.Println("                        GFLOP/s    GFLOP/s")
	fmt.Println()
	for _, x := range r.Results {
		if x.Name == "128-bit peak" || x.Name[:2] == "pr" || x.Name[:2] == "de" {
			fmt.Printf("%-22s %8.2f ms ± %.2f (IQR)  %6.1f GFLOP/s\n", x.Name, x.MedianMs, x.IQRMs, x.GFLOPS)
		}
	}
	verdict := "PASS"
	if !r.Pass {
		verdict = "MISS"
	}
	fmt.Printf("\n%s  GEMM %.2f× gonum in the median over the shapes (goal %.1f×); %.0f %% of the 128-bit peak\n",
		verdict, r.Median, r.Goal, 100*r.PeakShare)
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, append(data, '\n'), 0o644)
}
