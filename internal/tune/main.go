package main

import (
	"fmt"
	"os"

	engine "litefront/host/runtime"
	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/ops"
	"litefront/kernels/wasmasm"
)

func i32(x int) wasmasm.I32 { return wasmasm.ConstI32(int32(x)) }

func min(e *engine.Engine, m *kernels.Module, n int) float64 {
	p, err := e.Prepare(m)
	if err != nil {
		panic(err)
	}
	defer p.Close()
	p.Run(measure.Call{Export: "init", Arg: 1})
	best := int64(1 << 62)
	for range n {
		ns, err := p.Run(measure.Call{Export: "loop", Reps: 1})
		if err != nil {
			panic(err)
		}
		if ns < best {
			best = ns
		}
	}
	return float64(best)
}

func main() {
	e, _ := engine.NewEngine("")
	peak := kernels.ComputeSentinelFLOPs / min(e, kernels.ComputeSentinel(), 100)
	fmt.Printf("peak %.1f\n", peak)
	fmt.Printf("stream %.1f GB/s\n", kernels.StreamSentinelBytes/min(e, kernels.StreamSentinel(), 30))
	for _, s := range [][3]int{{128, 512, 512}, {128, 512, 2048}, {128, 2048, 512}, {128, 768, 3072}, {512, 768, 3072}, {1, 512, 2048}, {1, 2048, 512}, {1, 512, 50000}} {
		m, k, n := s[0], s[1], s[2]
		a := 64
		np := (n + 4) / 5 * 5
		ldx := k
		if len(os.Args) > 1 {
			ldx = k + 16
		}
		b := a + 4*m*ldx
		c := b + 4*np*k
		mod := wasmasm.NewModule()
		pg := uint32(c+4*m*n)/65536 + 1
		mod.Memory(pg, pg)
		lib := ops.New(mod)
		linear, fill := lib.Linear(), lib.Fill()
		init := mod.Func("init")
		init.Call(fill, i32(a), i32((c-a)/16), init.ParamI32(), wasmasm.ConstF32(1), wasmasm.ConstF32(0))
		loop := mod.Func("loop")
		loop.ParamI32()
		reps := loop.ParamI32()
		loop.While(reps.I32, func() {
			loop.Call(linear, i32(a), i32(b), i32(c), i32(m), i32(n), i32(k/8), i32(4*ldx), i32(4*n))
			reps.Set(reps.Sub(i32(1)))
		})
		bytes, err := mod.Bytes()
		if err != nil {
			panic(err)
		}
		reps1 := 100
		if m*n*k > 1e8 {
			reps1 = 30
		}
		ns := min(e, &kernels.Module{Bytes: bytes}, reps1)
		g := 2 * float64(m) * float64(n) * float64(k) / ns
		fmt.Printf("%v %.1f GFLOP/s %.0f%% of peak, %.1f GB/s weights; module %d B\n", s, g, 100*g/peak, float64(4*n*k)/ns, len(bytes))
	}
	_ = os.Args
}
