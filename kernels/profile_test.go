package kernels_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// TestProfile repeats every group of a profile many times, prefill- and
// decode-shaped: memory stays free of infinities, of what is no number, and of
// denormals, which would slow what is timed; and the passes of the module give what
// the model's own module gives, before and after.
func TestProfile(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 17))
	var list []arch.Architecture
	for range 6 {
		a := smallArch(r, 40)
		clustered(r, &a)
		list = append(list, a, smallXL(r))
	}
	for i, a := range list {
		w := trial.Workload{PromptLen: 17, Context: 24, Precision: trial.F32, Threads: 1}
		if i%3 == 2 {
			w.Precision = trial.I8
		}
		t.Run(fmt.Sprint(a, w.Precision), func(t *testing.T) {
			plain := compile(t, a, w)
			m, err := kernels.CompileProfile(plain.g, plain.g.Groups(), native)
			if err != nil {
				t.Fatal(err)
			}
			validate(t, m.Bytes)
			p := instantiate(t, plain.g, m)
			if size := int64(p.mod.Memory().Size()); size != m.Memory.TotalBytes || size <= plain.g.Memory.TotalBytes {
				t.Errorf("memory of %d bytes, declared %d, the model's %d", size, m.Memory.TotalBytes, plain.g.Memory.TotalBytes)
			}
			tokens := randomTokens(r, 17, a.Vocab)
			plain.setTokens(tokens)
			p.setTokens(tokens)
			same := func(when string) {
				t.Helper()
				for _, p := range []*program{plain, p} {
					p.call("prefill", 16)
					p.call("decode", 16)
				}
				if !slices.Equal(plain.logits(), p.logits()) {
					t.Fatalf("%s: the passes of the profile differ from the model's", when)
				}
			}
			same("before")
			for i, group := range plain.g.Groups() {
				prefill, decode := kernels.ProfileExports(i)
				p.call(prefill, 17, 100)
				p.call(decode, 23, 2000)
				if bad := p.unusual(); bad >= 0 {
					t.Fatalf("%s leaves %g at %d", group.Name, math.Float32frombits(p.word(bad)), bad)
				}
			}
			same("after")
		})
	}
}

// TestProfileReadsOn looks at what a profiled operation computes of the same input:
// each run has other weights.
func TestProfileReadsOn(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 64, DModel: 40, MaxLen: 16, Layers: layers(3, 2, 80)}
	w := trial.Workload{PromptLen: 4, Context: 8, Precision: trial.F32, Threads: 1}
	g, err := graph.Build(a, w)
	if err != nil {
		t.Fatal(err)
	}
	m, err := kernels.CompileProfile(g, g.Groups(), native)
	if err != nil {
		t.Fatal(err)
	}
	p := instantiate(t, g, m)
	i := slices.IndexFunc(g.Groups(), func(g graph.Group) bool { return g.Name == "attn.q" })
	_, decode := kernels.ProfileExports(i)
	last := g.Groups()[i].Ops[2].Y
	results := map[float32]bool{}
	for range 4 {
		p.call(decode, 5, 1)
		y, _ := p.mod.Memory().ReadFloat32Le(uint32(last.Offset))
		results[y] = true
	}
	if len(results) != 4 {
		t.Errorf("four runs read %d different weights", len(results))
	}
}

func (p *program) word(at int64) uint32 {
	x, _ := p.mod.Memory().ReadUint32Le(uint32(at))
	return x
}

// unusual is the address of a float that is infinite, not a number or denormal, or
// -1. Where an int8 module has integers at times, it is not looked at.
func (p *program) unusual() int64 {
	span := func(start, end int64) int64 {
		bytes, _ := p.mod.Memory().Read(uint32(start), uint32(end-start))
		for i := 0; i < len(bytes); i += 4 {
			exponent := binary.LittleEndian.Uint32(bytes[i:]) >> 23 & 0xff
			if mantissa := binary.LittleEndian.Uint32(bytes[i:]) << 9; exponent == 0xff || exponent == 0 && mantissa != 0 {
				return start + int64(i)
			}
		}
		return -1
	}
	if p.g.Workload.Precision == trial.F32 {
		return span(p.g.Memory.IOBytes, p.g.Memory.TotalBytes)
	}
	for _, t := range p.g.Tensors {
		if t.Format == graph.F32 && t.Kind != graph.IO && t.Kind != graph.Activation {
			if at := span(t.Offset, t.Offset+t.Bytes()); at >= 0 {
				return at
			}
		}
	}
	return -1
}
