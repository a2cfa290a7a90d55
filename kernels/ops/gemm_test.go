package ops

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"litefront/kernels/wasmasm"
	"litefront/searchcore/graph"
)

// gemm is the loop of Gemm's comment in float64.
func gemm(a, b []float32, c []float64, m, n, k, ld, ldc int) {
	for i := range m {
		for j := range n {
			for x := range k {
				c[i*ldc+j] += float64(a[i*ld+x]) * float64(b[j*ld+x])
			}
		}
	}
}

func widen(v []float32) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

func TestGemm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const ld, ldc, rows = 24, 40, 37
	mc := newMachine(t, 2, func(m *wasmasm.Module, l *Lib) { export(m, "gemm", l.Gemm(ld), 7) })
	a, b := random(r, rows*ld), random(r, rows*ld)
	pa, pb, pc := mc.put(a), mc.put(b), mc.put(make([]float32, rows*ldc))
	for m := 1; m <= rows; m += 1 + m/5 {
		for n := 1; n <= rows; n++ {
			for k8 := 1; k8 <= ld/8; k8++ {
				c := random(r, rows*ldc)
				mc.top = pc
				mc.put(c)
				want := widen(c)
				gemm(a, b, want, m, n, 8*k8, ld, ldc)
				mc.call("gemm", uint64(pa), uint64(pb), uint64(pc), uint64(m), uint64(n), uint64(k8), ldc)
				near(t, fmt.Sprintf("m %d n %d k %d: C", m, n, 8*k8), mc.get(pc, len(c)), want, 1e-5)
			}
		}
	}
}

func TestGemv(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	const ld, rows = 24, 35
	mc := newMachine(t, 1, func(m *wasmasm.Module, l *Lib) { export(m, "gemv", l.Gemv(ld), 6) })
	x, w := random(r, ld), random(r, rows*ld)
	px, pw, py := mc.put(x), mc.put(w), mc.put(make([]float32, 3*rows))
	for _, step := range []int{1, 3} {
		for n := 0; n <= rows; n++ {
			y := random(r, 3*rows)
			mc.top = py
			mc.put(y)
			want := widen(y)
			gemm(w, x, want, n, 1, ld, ld, step)
			mc.call("gemv", uint64(px), uint64(pw), uint64(py), uint64(n), ld/8, uint64(4*step))
			near(t, fmt.Sprintf("n %d step %d: y", n, step), mc.get(py, len(y)), want, 1e-5)
		}
	}
}

// BenchmarkLinear times twelve products of a Transformer's layers beside gonum's;
// `make bench-kernels` does so interleaved and judges.
func BenchmarkLinear(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 1))
	for _, m := range []int{16, 128, 512} {
		for _, kn := range [][2]int{{512, 512}, {512, 2048}, {2048, 512}, {768, 3072}} {
			k, n := kn[0], kn[1]
			flops := 2 * float64(m) * float64(k) * float64(n)
			x, w := random(r, m*k), random(r, (n+graph.WidePanel)*k)
			b.Run(fmt.Sprintf("wazero/%dx%dx%d", m, k, n), func(b *testing.B) {
				mc := newMachineFor(b, Features{WidePanels: true}, 512, func(m *wasmasm.Module, l *Lib) { export(m, "linear", l.Linear(), 8) })
				px, pw, py := mc.put(x), mc.put(w), mc.put(make([]float32, m*n))
				f := mc.mod.ExportedFunction("linear")
				for b.Loop() {
					if _, err := f.Call(context.Background(), uint64(px), uint64(pw), uint64(py), uint64(m), uint64(n),
						uint64(k/graph.Lane), uint64(4*k), uint64(4*n)); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
			b.Run(fmt.Sprintf("gonum/%dx%dx%d", m, k, n), func(b *testing.B) {
				y := make([]float32, m*n)
				for b.Loop() {
					gonum.Implementation{}.Sgemm(blas.NoTrans, blas.Trans, m, n, k, 1, x, k, w, k, 0, y, n)
				}
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
