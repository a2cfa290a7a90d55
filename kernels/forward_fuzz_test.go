package kernels_test

import (
	"math/rand/v2"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// FuzzForward takes any small architecture of both backbones, under any workload,
// from graph to logits, and judges them by the reference. `make test-long` runs it
// for LONGFUZZTIME; what fails is kept in testdata/fuzz.
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
		w := trial.Workload{PromptLen: prompt, Context: prompt + r.IntN(9), Precision: trial.F32, Threads: 1}
		var a arch.Architecture
		if r.IntN(2) == 0 {
			a = smallXL(r)
		} else if a = smallArch(r, w.Context+r.IntN(3)); r.IntN(2) == 0 {
			clustered(r, &a)
		}
		p := compile(t, a, w)
		tokens := randomTokens(r, w.Context, a.Vocab)
		p.setTokens(tokens)
		check := func(call string, arg, seen int) {
			t.Helper()
			p.call(call, uint64(arg))
			if e := maxError(p.logits(), p.reference(tokens[:seen])); !(e <= 1e-4) {
				t.Fatalf("%v, %+v: %s(%d): error %.2g of scale", a, w, call, arg, e)
			}
		}
		n := 1 + r.IntN(prompt)
		check("prefill", n, n)
		if n < w.Context {
			check("decode", n, n+1)
		}
		check("prefill", prompt, prompt)
		for pos := prompt; pos < w.Context; pos++ {
			check("decode", pos, pos+1)
		}
		if size := int64(p.mod.Memory().Size()); size != p.g.Memory.TotalBytes {
			t.Fatalf("%v, %+v: memory.size is %d after the run, planned were %d", a, w, size, p.g.Memory.TotalBytes)
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
