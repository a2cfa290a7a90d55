package ref_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/arch"
)

// attendingXL is one layer of attention over tokens whose embeddings are the rows
// of hadamard; its values are the embeddings, doubled by √d.
func attendingXL(heads, memLen int) (arch.Architecture, weights) {
	a := xl(3, 4, 0, 1, nil, memLen, arch.Layer{Heads: heads, DInner: 1})
	w := neutral(a)
	for i, row := range hadamard {
		for j, v := range row {
			w["wte"][4*i+j] = float32(v)
		}
	}
	w["h.0.attn.v.weight"] = identity(4, 1)
	w["h.0.attn.o.weight"] = identity(4, 1)
	return a, w
}

// shownXL are the logits for what the layer's two norms are given: the second one
// normalises once more what the first one left.
func shownXL(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for i := range x {
		y := normalise(normalise(x[i]...)...)
		for _, row := range hadamard {
			out[i] = append(out[i], dot(y, row))
		}
	}
	return out
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// With equal scores the memory takes its share of the attention, and adds nothing.
func TestMemoryIsZeroStates(t *testing.T) {
	for _, heads := range []int{1, 2, 4} {
		for _, memLen := range []int{0, 1, 5} {
			a, w := attendingXL(heads, memLen)
			var x [][]float64
			sum := make([]float64, 4)
			for i, row := range hadamard {
				y := make([]float64, 4)
				for j, v := range row {
					sum[j] += 2 * v
					y[j] = 2*v + sum[j]/float64(memLen+i+1)
				}
				x = append(x, y)
			}
			if got, want := logits(t, a, w, []int{0, 1, 2}), shownXL(x); distance(got, want) > tolerance {
				t.Errorf("%d heads, %d in memory: logits = %v; want %v", heads, memLen, got, want)
			}
		}
	}
}

// The relative keys of a width of 4 are (sin δ, sin δ/100, cos δ, cos δ/100). A
// position bias of 1000·(sin 1, 0, cos 1, 0) scores 1000·cos(δ-1), so that all
// attention goes to distance 1.
func TestPositionBiasLooksAtADistance(t *testing.T) {
	for _, memLen := range []int{0, 1, 4} {
		a, w := attendingXL(1, memLen)
		w["h.0.attn.r.weight"] = identity(4, 1)
		w["h.0.attn.position.bias"] = []float32{1000 * float32(math.Sin(1)), 0, 1000 * float32(math.Cos(1)), 0}
		var x [][]float64
		for i, row := range hadamard {
			seen := make([]float64, 4) // the memory's values
			switch {
			case i > 0:
				seen = hadamard[i-1]
			case memLen == 0:
				seen = row // the first position sees only itself
			}
			y := make([]float64, 4)
			for j := range y {
				y[j] = 2*row[j] + 2*seen[j]
			}
			x = append(x, y)
		}
		if got, want := logits(t, a, w, []int{0, 1, 2}), shownXL(x); distance(got, want) > tolerance {
			t.Errorf("%d in memory: logits = %v; want %v", memLen, got, want)
		}
	}
}

// A content bias scores keys whatever the query: one along the embedding of token
// 1 sends all attention to it, wherever it stands.
func TestContentBiasLooksAtAKey(t *testing.T) {
	a, w := attendingXL(1, 2)
	w["h.0.attn.k.weight"] = identity(4, 1)
	w["h.0.attn.content.bias"] = []float32{500, -500, 500, -500}
	tokens := []int{1, 0, 2, 0}
	var x [][]float64
	for _, token := range tokens {
		y := make([]float64, 4)
		for j := range y {
			y[j] = 2*hadamard[token][j] + 2*hadamard[1][j]
		}
		x = append(x, y)
	}
	if got, want := logits(t, a, w, tokens), shownXL(x); distance(got, want) > tolerance {
		t.Errorf("logits = %v; want %v", got, want)
	}
}

func TestXLFeedForward(t *testing.T) {
	a := xl(3, 4, 0, 1, nil, 2, arch.Layer{Heads: 1, DInner: 2})
	_, w := attendingXL(1, 2)
	clear(w["h.0.attn.v.weight"])
	w["h.0.mlp.fc.weight"] = make([]float32, 8)
	w["h.0.mlp.fc.bias"] = []float32{3, -2} // ReLU leaves 3 and 0
	w["h.0.mlp.proj.weight"] = []float32{1, 7, 0, 7, 2, 7, 0, 7}
	w["h.0.mlp.proj.bias"] = []float32{0, 0, 0, 5}
	w["out.bias"] = []float32{10, 20, 30}
	y := normalise(2*hadamard[2][0], 2*hadamard[2][1], 2*hadamard[2][2], 2*hadamard[2][3])
	y = normalise(y[0]+3, y[1], y[2]+6, y[3]+5)
	want := [][]float64{{10 + dot(y, hadamard[0]), 20 + dot(y, hadamard[1]), 30 + dot(y, hadamard[2])}}
	if got := logits(t, a, w, []int{2}); distance(got, want) > tolerance {
		t.Errorf("logits = %v; want %v", got, want)
	}
}

// drawClusters is a random model of either backbone with several clusters.
func drawClusters(t *rapid.T) drawn {
	m := draw(t)
	if rapid.Bool().Draw(t, "transformer-xl") {
		m.a.Backbone, m.a.MaxLen = arch.TransformerXL, 0
		m.a.MemLen = rapid.IntRange(0, 3).Draw(t, "mem_len")
		m.a.DModel++ // no multiple of the heads
	}
	m.a.Vocab = rapid.IntRange(3, 12).Draw(t, "clustered vocab")
	m.a.Cutoffs = []int{rapid.IntRange(1, m.a.Vocab-2).Draw(t, "cutoff")}
	if rapid.Bool().Draw(t, "three") {
		m.a.Cutoffs = append(m.a.Cutoffs, m.a.Vocab-1)
	}
	m.a.DivVal = rapid.IntRange(1, 2).Draw(t, "div_val")
	if m.a.Validate() != nil { // a cluster of no width
		m.a.DivVal = 1
	}
	m.w = random(m.a, rapid.Uint64().Draw(t, "clustered seed"))
	m.tokens = rapid.SliceOfN(rapid.IntRange(0, m.a.Vocab-1), 1, 6).Draw(t, "clustered tokens")
	return m
}

func TestLogProbabilities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawClusters(t)
		all := logits(t, m.a, m.w, m.tokens)
		for i, row := range all {
			sum := 0.0
			for _, p := range row {
				sum += math.Exp(p)
			}
			if math.Abs(sum-1) > tolerance {
				t.Fatalf("the probabilities after token %d add up to %g", i, sum)
			}
		}
		n := rapid.IntRange(1, len(m.tokens)).Draw(t, "n")
		if got := logits(t, m.a, m.w, m.tokens[:n]); distance(got, all[:n]) > 0 {
			t.Fatalf("a prefix of %d tokens gives %v; the whole gives %v", n, got, all[:n])
		}
	})
}

// A bias shared by one tail cluster's tokens cancels; one of its entry does not.
func TestTailSoftmaxRemovesAConstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawClusters(t)
		before := logits(t, m.a, m.w, m.tokens)
		name, from := "out.bias", m.a.Cutoffs[len(m.a.Cutoffs)-1]
		if m.a.DivVal > 1 {
			name, from = []string{"out.1.bias", "out.2.bias"}[len(m.a.Cutoffs)-1], 0
		}
		bias := slices.Clone(m.w[name])
		for i := from; i < len(bias); i++ {
			bias[i]++
		}
		m.w[name] = bias
		after := logits(t, m.a, m.w, m.tokens)
		if d := distance(before, after); d > roundedTolerance {
			t.Fatalf("log-probabilities changed by %g", d)
		}
		m.w["clusters.bias"][len(m.a.Cutoffs)-1]++
		if distance(after, logits(t, m.a, m.w, m.tokens)) < roundedTolerance {
			t.Fatal("an entry's bias changes nothing")
		}
	})
}
