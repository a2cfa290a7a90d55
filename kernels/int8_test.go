package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

func workload(p trial.Precision) trial.Workload {
	return trial.Workload{PromptLen: 33, Context: 40, Precision: p, Threads: 1}
}

// rounded is what an int8 module makes of the seeded weights w of t, by the words
// of the documentation: matrices, all but the learned positions, become multiples
// of their bound over 127.
func rounded(g *graph.Graph, t *graph.Tensor, w []float32) []float32 {
	if t.Rows.Len == 1 && !t.Packed || t.Name == "wpe" {
		return w
	}
	bound := math.Sqrt(3 / float64(t.Cols.Len))
	switch {
	case strings.HasPrefix(t.Name, "wte"):
		bound = 0.05
	case strings.HasSuffix(t.Name, "attn.o.weight"), strings.HasSuffix(t.Name, "mlp.proj.weight"):
		bound /= math.Sqrt(2 * float64(len(g.Arch.Layers)))
	}
	scale := float32(bound) / 127
	out := make([]float32, len(w))
	for i, x := range w {
		out[i] = float32(math.RoundToEven(float64(x/scale))) * scale
	}
	return out
}

// TestInt8 compares int8 modules with the reference on the rounded weights: what
// is left is the rounding of activations.
func TestInt8(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 7))
	worst := 0.0
	for i := range 30 {
		a := smallArch(r, 40)
		switch i % 3 {
		case 1:
			a = smallXL(r)
		case 2:
			clustered(r, &a)
		}
		t.Run(fmt.Sprintf("%02d %v", i, a), func(t *testing.T) {
			p := compile(t, a, workload(trial.I8))
			tokens := randomTokens(r, 34, a.Vocab)
			p.setTokens(tokens)
			want := p.reference(tokens)
			check := func(what string, n int) {
				t.Helper()
				e := maxError(p.logits(), want[n-1])
				worst = max(worst, e)
				if e > p.tolerance() {
					t.Fatalf("%s of %d: error %.2g of scale", what, n, e)
				}
			}
			for n := 1; n <= 33; n++ {
				p.call("prefill", uint64(n))
				check("prefill", n)
				// Decoding the next token gives what a longer prefill gives.
				p.call("decode", uint64(n))
				check("decode", n+1)
			}
			if size := int64(p.mod.Memory().Size()); size != p.g.Memory.TotalBytes {
				t.Errorf("memory.size is %d after the run, planned were %d", size, p.g.Memory.TotalBytes)
			}
		})
	}
	t.Logf("the largest error is %.2g of scale", worst)
}

// TestInt8Weights reads the weights that init wrote: the rounded ones, zero beyond.
func TestInt8Weights(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 7))
	for i := range 20 {
		a := smallArch(r, 40)
		if i%2 == 1 {
			a = smallXL(r)
		}
		p := compile(t, a, workload(trial.I8))
		for _, x := range p.g.Tensors {
			if x.Kind != graph.Weight || !x.Packed {
				continue
			}
			bytes, _ := p.mod.Memory().Read(uint32(x.Offset), uint32(x.Bytes()))
			bytes = append([]byte(nil), bytes...)
			for i, want := range rounded(p.g, x, kernels.Weights(p.g, x, seed)) {
				row, col := i/x.Cols.Len, i%x.Cols.Len
				scale, _ := p.mod.Memory().ReadFloat32Le(uint32(x.Scales.Offset) + 4*uint32(x.Rows.At(row)))
				at := x.Index(row, col, graph.Panel)
				if got := float32(int8(bytes[at])) * scale; got != want {
					t.Fatalf("%v: %s (%d, %d) is %g, want %g", a, x.Name, row, col, got, want)
				}
				bytes[at] = 0
			}
			for i, b := range bytes {
				if b != 0 {
					t.Fatalf("%v: %s has %d in its padding, at %d", a, x.Name, int8(b), i)
				}
			}
		}
	}
}

// difference is the L2 distance of two lists of logits over the length of the second,
// all less the means of their positions: log-probabilities have large ones, which say
// nothing.
func difference(got, want [][]float32) float64 {
	mean := func(x []float32) (sum float64) {
		for _, v := range x {
			sum += float64(v) / float64(len(x))
		}
		return sum
	}
	var d, length float64
	for pos := range want {
		g, w := mean(got[pos]), mean(want[pos])
		for i := range want[pos] {
			d += math.Pow(float64(got[pos][i])-g-(float64(want[pos][i])-w), 2)
			length += math.Pow(float64(want[pos][i])-w, 2)
		}
	}
	return math.Sqrt(d / length)
}

// TestInt8Accuracy compares logits of both precisions at every position of a prompt,
// on the same seeded weights.
// With LITEFRONT_LONG it does so on architectures of the search spaces.
func TestInt8Accuracy(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 7))
	worst := 0.0
	list := make([]arch.Architecture, 0, 24)
	// Logits of narrow models are sums of so few products that one in a hundred models
	// differs by more; no search space has them.
	wide := func(draw func() arch.Architecture) arch.Architecture {
		for {
			if a := draw(); a.DModel >= 64 {
				return a
			}
		}
	}
	for range 10 {
		list = append(list, wide(func() arch.Architecture { return smallArch(r, 40) }), wide(func() arch.Architecture { return smallXL(r) }))
	}
	if os.Getenv("LITEFRONT_LONG") != "" {
		for _, name := range space.Presets() {
			sp, err := space.Preset(name)
			if err != nil {
				t.Fatal(err)
			}
			a, err := sp.Sample(r)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, a)
		}
	}
	for i, a := range list {
		t.Run(fmt.Sprintf("%02d %v", i, a), func(t *testing.T) {
			tokens := randomTokens(r, 33, a.Vocab)
			var logits [2][][]float32
			for i, p := range trial.Precisions() {
				p := compile(t, a, workload(p))
				p.setTokens(tokens)
				for pos := range tokens {
					p.call("prefill", uint64(pos+1))
					logits[i] = append(logits[i], p.logits())
				}
			}
			d := difference(logits[1], logits[0])
			worst = max(worst, d)
			if d > 0.02 {
				t.Errorf("relative L2 difference %.2f %%", 100*d)
			}
		})
	}
	t.Logf("the largest relative L2 difference is %.2f %%", 100*worst)
}

// TestInt8Memory compares the weights of both precisions: matrices shrink to a
// quarter, and little else is there.
func TestInt8Memory(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 7))
	for _, name := range space.Presets() {
		sp, err := space.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		a, err := sp.Sample(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(a.String(), func(t *testing.T) {
			w := trial.DefaultWorkload()
			f32, err := graph.Build(a, w)
			if err != nil {
				t.Fatal(err)
			}
			w.Precision = trial.I8
			p := compile(t, a, w)
			p.call("prefill", 2)
			p.call("decode", 255)
			if size := int64(p.mod.Memory().Size()); size != p.g.Memory.TotalBytes {
				t.Errorf("memory.size is %d after the run, planned were %d", size, p.g.Memory.TotalBytes)
			}
			if ratio := float64(f32.Memory.WeightBytes) / float64(p.g.Memory.WeightBytes); ratio < 3.5 || ratio > 4 {
				t.Errorf("weights shrink %.2f times: from %d to %d bytes", ratio, f32.Memory.WeightBytes, p.g.Memory.WeightBytes)
			}
		})
	}
}
