package kernels_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// FuzzForward takes any small architecture of both backbones, under any workload,
// from graph to logits. Those of one thread are judged by the reference, those of
// several must be the same to the bit. `make test-long` runs it for LONGFUZZTIME;
// what fails is kept in testdata/fuzz.
func FuzzForward(f *testing.F) {
	f.Add([]byte{})
	r := rand.New(rand.NewPCG(41, 41))
	for range 12 {
		data := make([]byte, 64)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := rand.New(&choices{data, rand.NewPCG(42, 42)})
		prompt := 1 + r.IntN(40)
		w := trial.Workload{PromptLen: prompt, Context: prompt + r.IntN(9), Precision: trial.Precisions()[r.IntN(2)], Threads: 1}
		threads := 1 + r.IntN(3)
		var a arch.Architecture
		if r.IntN(2) == 0 {
			a = smallXL(r)
		} else if a = smallArch(r, w.Context+r.IntN(3)); r.IntN(2) == 0 {
			clustered(r, &a)
		}
		one := compile(t, a, w)
		programs := []*program{one}
		if threads == 1 {
			programs = append(programs, compileFor(t, a, w, kernels.Features{}))
		} else {
			w.Threads = threads
			programs = append(programs, compileThreads(t, a, w).program)
		}
		tokens := randomTokens(r, w.Context, a.Vocab)
		for _, p := range programs {
			p.setTokens(tokens)
		}
		want := one.reference(tokens)
		check := func(call string, arg, seen int) {
			t.Helper()
			what := fmt.Sprintf("%v, %+v: %s(%d)", a, w, call, arg)
			for _, p := range programs {
				p.call(call, uint64(arg))
				sameLogits(t, what, p, one)
			}
			if e := maxError(one.logits(), want[seen-1]); !(e <= one.tolerance()) {
				t.Fatalf("%s: error %.2g of scale", what, e)
			}
		}
		for _, n := range []int{prompt, 1 + r.IntN(prompt), 1 + r.IntN(prompt), prompt} {
			check("prefill", n, n)
			for pos := n; pos < w.Context && pos < n+3; pos++ {
				check("decode", pos, pos+1)
			}
		}
		for pos := prompt; pos < w.Context; pos++ {
			check("decode", pos, pos+1)
		}
		for _, p := range programs {
			if size := int64(p.mod.Memory().Size()); size != p.g.Memory.TotalBytes {
				t.Fatalf("%v, %+v: memory.size is %d after the run, planned were %d", a, p.g.Workload, size, p.g.Memory.TotalBytes)
			}
		}
	})
}

// choices is a source of the fuzzer's choices, two bytes each, and after their end
// of a generator's.
type choices struct {
	data []byte
	rest rand.Source
}

func (c *choices) Uint64() uint64 {
	if len(c.data) < 2 {
		return c.rest.Uint64()
	}
	x := uint64(c.data[0])<<8 | uint64(c.data[1])
	c.data = c.data[2:]
	return x<<48 | x // rand.Rand takes high bits, or low ones where these do
}
