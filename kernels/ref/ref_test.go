package ref_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"litefront/kernels/ref"
	"litefront/searchcore/arch"
)

// gpt2 is an architecture with one embedding cluster; dEmbed 0 is d.
func gpt2(vocab, d, dEmbed, maxLen int, layers ...arch.Layer) arch.Architecture {
	return arch.Architecture{Backbone: arch.GPT2, Vocab: vocab, DModel: d, DEmbed: dEmbed, MaxLen: maxLen, Layers: layers}
}

// weights holds a model's tensors by name.
type weights map[string][]float32

func (w weights) get(name string) []float32 { return w[name] }

// xl is a Transformer-XL whose clusters begin at the cutoffs; dEmbed 0 is d.
func xl(vocab, d, dEmbed, divVal int, cutoffs []int, memLen int, layers ...arch.Layer) arch.Architecture {
	return arch.Architecture{Backbone: arch.TransformerXL, Vocab: vocab, DModel: d, DEmbed: dEmbed, DivVal: divVal,
		Cutoffs: cutoffs, MemLen: memLen, Layers: layers}
}

// neutral gives a the weights with which every layer adds nothing to the
// residual stream: all zero but the gains of the norms, which are one.
func neutral(a arch.Architecture) weights {
	w := weights{}
	for name, size := range sizes(a) {
		w[name] = make([]float32, size)
		if strings.HasSuffix(name, "ln_1.weight") || strings.HasSuffix(name, "ln_2.weight") || name == "ln_f.weight" {
			for i := range w[name] {
				w[name][i] = 1
			}
		}
	}
	return w
}

// random gives a normally distributed weights.
func random(a arch.Architecture, seed uint64) weights {
	r := rand.New(rand.NewPCG(seed, 0))
	size := sizes(a)
	names := make([]string, 0, len(size))
	for name := range size {
		names = append(names, name)
	}
	slices.Sort(names)
	w := weights{}
	for _, name := range names {
		w[name] = make([]float32, size[name])
		for i := range w[name] {
			w[name][i] = float32(r.NormFloat64())
		}
	}
	return w
}

// sizes lists the tensors of a as the documentation of ref.Weights does.
func sizes(a arch.Architecture) map[string]int {
	d, e := a.DModel, a.DEmbed
	if e == 0 {
		e = d
	}
	s := map[string]int{}
	for i, c := range tables(a) {
		suffix := ""
		if len(tables(a)) > 1 {
			suffix = fmt.Sprintf(".%d", i)
		}
		s["wte"+suffix] = (c.End - c.Start) * c.Width
		if e != d || a.DivVal > 1 {
			s["emb_proj"+suffix] = d * c.Width
		}
		if a.Backbone == arch.TransformerXL || len(a.Cutoffs) > 0 {
			s["out"+suffix+".bias"] = c.End - c.Start
		}
	}
	if n := len(a.Cutoffs); n > 0 {
		s["clusters.weight"], s["clusters.bias"] = n*e, n
	}
	if a.Backbone == arch.GPT2 {
		s["wpe"], s["ln_f.weight"], s["ln_f.bias"] = a.MaxLen*d, d, d
	}
	for l, layer := range a.Layers {
		width := layer.Heads * (d / layer.Heads)
		sizes := map[string]int{
			"ln_1.weight": d, "ln_1.bias": d, "ln_2.weight": d, "ln_2.bias": d,
			"attn.q.weight": d * width, "attn.k.weight": d * width, "attn.v.weight": d * width, "attn.o.weight": d * width,
			"mlp.fc.weight": layer.DInner * d, "mlp.fc.bias": layer.DInner,
			"mlp.proj.weight": layer.DInner * d, "mlp.proj.bias": d,
		}
		if a.Backbone == arch.GPT2 {
			sizes["attn.q.bias"], sizes["attn.k.bias"], sizes["attn.v.bias"], sizes["attn.o.bias"] = d, d, d, d
		} else {
			sizes["attn.r.weight"], sizes["attn.content.bias"], sizes["attn.position.bias"] = d*width, width, width
		}
		for name, size := range sizes {
			s[fmt.Sprintf("h.%d.%s", l, name)] = size
		}
	}
	return s
}

// tables are the clusters that have an embedding matrix of their own.
func tables(a arch.Architecture) []arch.Cluster {
	if clusters := a.Clusters(); a.DivVal > 1 {
		return clusters
	}
	return []arch.Cluster{{End: a.Vocab, Width: a.Clusters()[0].Width}}
}

// failer is what testing and rapid have in common here.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func logits(t failer, a arch.Architecture, w weights, tokens []int) [][]float64 {
	t.Helper()
	got, err := ref.Logits(a, w.get, tokens)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// distance is the largest difference between two tables, infinite when their
// shapes differ or a value is not finite.
func distance(a, b [][]float64) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range a {
		if len(a[i]) != len(b[i]) {
			return math.Inf(1)
		}
		for j := range a[i] {
			diff := math.Abs(a[i][j] - b[i][j])
			if math.IsNaN(diff) {
				return math.Inf(1)
			}
			worst = max(worst, diff)
		}
	}
	return worst
}

const (
	tolerance = 1e-9
	// Shifted weights are rounded to float32, and a norm of nearly equal values
	// magnifies that.
	roundedTolerance = 1e-4
)

// normalise is layer normalisation without gain and bias.
func normalise(x ...float64) []float64 {
	n, sum, squares := float64(len(x)), 0.0, 0.0
	for _, v := range x {
		sum += v
		squares += v * v
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = (v - sum/n) / math.Sqrt(squares/n-sum*sum/(n*n)+1e-5)
	}
	return y
}

// probe makes a model show the normalised residual stream: token 0 has no
// embedding, and the logits of tokens 1 to d are the d components.
func probe(a arch.Architecture, w weights) {
	for i := range a.DModel {
		w["wte"][(i+1)*a.DModel+i] = 1
	}
}

func identity(d int, scale float32) []float32 {
	m := make([]float32, d*d)
	for i := range d {
		m[i*d+i] = scale
	}
	return m
}

func TestEmbeddingsOnly(t *testing.T) {
	a := gpt2(3, 2, 0, 2, arch.Layer{Heads: 1, DInner: 3}, arch.Layer{Heads: 2, DInner: 1})
	w := neutral(a)
	w["wte"] = []float32{1, 2, 3, 5, -4, 7}
	w["wpe"] = []float32{0, 0, 10, -1}
	w["ln_f.weight"] = []float32{2, 3}
	w["ln_f.bias"] = []float32{1, -1}

	// Two values a < b normalise to ∓s with s = h/√(h² + ε), h = (b-a)/2.
	s := func(h float64) float64 { return h / math.Sqrt(h*h+1e-5) }
	y0 := []float64{1 - 2*s(0.5), -1 + 3*s(0.5)} // token 0 at position 0: (1, 2)
	y1 := []float64{1 + 2*s(0), -1 - 3*s(0)}     // token 2 at position 1: (6, 6)
	want := [][]float64{
		{y0[0] + 2*y0[1], 3*y0[0] + 5*y0[1], -4*y0[0] + 7*y0[1]},
		{y1[0] + 2*y1[1], 3*y1[0] + 5*y1[1], -4*y1[0] + 7*y1[1]},
	}
	if got := logits(t, a, w, []int{0, 2}); distance(got, want) > tolerance {
		t.Errorf("logits = %v; want %v", got, want)
	}
}

func TestProjection(t *testing.T) {
	tests := []struct {
		name   string
		dEmbed int
		divVal int
		wte    []float32
		proj   []float32 // [2][dEmbed]
		x      []float64 // the embedding of token 1
		want   func(y []float64) []float64
	}{
		{"narrower", 1, 1, []float32{3, -2}, []float32{5, 7}, []float64{-10, -14},
			func(y []float64) []float64 {
				e := 5*y[0] + 7*y[1]
				return []float64{3 * e, -2 * e}
			}},
		{"square by div_val", 2, 4, []float32{1, 0, 0, 1}, []float32{1, 2, 3, 4}, []float64{2, 4},
			func(y []float64) []float64 { return []float64{y[0] + 3*y[1], 2*y[0] + 4*y[1]} }},
		{"wider", 3, 1, []float32{0, 1, 0, 1, 0, 2}, []float32{1, 2, 3, 4, 5, 6}, []float64{7, 16},
			func(y []float64) []float64 {
				return []float64{2*y[0] + 5*y[1], 1*y[0] + 4*y[1] + 2*(3*y[0]+6*y[1])}
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := gpt2(2, 2, tt.dEmbed, 1, arch.Layer{Heads: 1, DInner: 1})
			a.DivVal = tt.divVal
			w := neutral(a)
			w["wte"], w["emb_proj"] = tt.wte, tt.proj
			want := [][]float64{tt.want(normalise(tt.x...))}
			if got := logits(t, a, w, []int{1}); distance(got, want) > tolerance {
				t.Errorf("logits = %v; want %v", got, want)
			}
		})
	}
}

// Three positions whose embeddings are orthogonal and already normalised up to
// ε, so that attention can be told exactly where to look.
var hadamard = [][]float64{{1, 1, -1, -1}, {1, -1, 1, -1}, {1, -1, -1, 1}}

func attending(t *testing.T, heads int) (arch.Architecture, weights) {
	t.Helper()
	a := gpt2(5, 4, 0, 3, arch.Layer{Heads: heads, DInner: 1})
	w := neutral(a)
	probe(a, w)
	for i, row := range hadamard {
		for j, v := range row {
			w["wpe"][i*4+j] = float32(v)
		}
	}
	w["h.0.attn.o.weight"] = identity(4, 1)
	return a, w
}

// shown is what a probed model shows for residual streams x: the logit of token
// 0 is 0, the others are the normalised components.
func shown(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for i := range x {
		out[i] = append([]float64{0}, normalise(x[i]...)...)
	}
	return out
}

func TestUniformAttentionIsTheRunningMean(t *testing.T) {
	for _, heads := range []int{1, 2, 4} {
		a, w := attending(t, heads) // q = k = 0: every score is equal
		w["h.0.attn.v.weight"] = identity(4, 3)
		w["h.0.attn.v.bias"] = []float32{0, 1, 2, 3}

		x := make([][]float64, 3)
		sum := make([]float64, 4)
		for i, row := range hadamard {
			x[i] = slices.Clone(row)
			for j, v := range normalise(row...) {
				sum[j] += 3*v + float64(j)
				x[i][j] += sum[j] / float64(i+1)
			}
		}
		if got, want := logits(t, a, w, []int{0, 0, 0}), shown(x); distance(got, want) > tolerance {
			t.Errorf("%d heads: logits = %v; want %v", heads, got, want)
		}
	}
}

func TestAttentionLooksAtThePreviousPosition(t *testing.T) {
	// q maps the embedding of position i to that of i-1 (of 0 to 0), k is the
	// identity: scores are 2000 where j = i-1 and 0 elsewhere, which overflows a
	// softmax that does not subtract the maximum.
	a, w := attending(t, 1)
	q := make([]float32, 16)
	for i, row := range hadamard {
		for out, to := range hadamard[max(i-1, 0)] {
			for in, from := range row {
				q[out*4+in] += float32(1000 * to * from / 4)
			}
		}
	}
	w["h.0.attn.q.weight"] = q
	w["h.0.attn.k.weight"] = identity(4, 1)
	w["h.0.attn.v.weight"] = []float32{0, 5, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 3, 0, 0, 0} // out-major

	x := make([][]float64, 3)
	for i, row := range hadamard {
		v := normalise(hadamard[max(i-1, 0)]...)
		x[i] = []float64{row[0] + 5*v[1], row[1] + v[2], row[2] + 2*v[3], row[3] + 3*v[0]}
	}
	if got, want := logits(t, a, w, []int{0, 0, 0}), shown(x); distance(got, want) > tolerance {
		t.Errorf("logits = %v; want %v", got, want)
	}
}

func TestScoresAreScaledByTheHeadWidth(t *testing.T) {
	for _, heads := range []int{1, 2, 4} {
		a, w := attending(t, heads)
		// Constant queries and keys: at position 1 the scores of a head are its
		// d_head products of 1·k[j], that is d_head·k[j]/√d_head.
		w["h.0.attn.q.bias"] = []float32{1, 1, 1, 1}
		w["h.0.attn.k.weight"] = slices.Repeat([]float32{0, 1, 0, 0}, 4) // component 1: +1 at position 0, -1 at 1
		w["h.0.attn.v.weight"] = slices.Repeat([]float32{0, 1, 0, 0}, 4)
		w["h.0.attn.o.weight"] = []float32{1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4}

		dHead := float64(4 / heads)
		n0, n1 := normalise(hadamard[0]...)[1], normalise(hadamard[1]...)[1]
		p := 1 / (1 + math.Exp(math.Sqrt(dHead)*(n1-n0))) // weight of position 0
		v := p*n0 + (1-p)*n1
		first := []float64{1 + n0, 1 + 2*n0, -1 + 3*n0, -1 + 4*n0}
		second := []float64{1 + v, -1 + 2*v, 1 + 3*v, -1 + 4*v}
		if got, want := logits(t, a, w, []int{0, 0}), shown([][]float64{first, second}); distance(got, want) > tolerance {
			t.Errorf("%d heads: logits = %v; want %v", heads, got, want)
		}
	}
}

func TestFeedForward(t *testing.T) {
	a := gpt2(4, 3, 0, 1, arch.Layer{Heads: 1, DInner: 2})
	w := neutral(a)
	probe(a, w)
	w["wpe"] = []float32{1, 2, 6}
	// fc ignores its input, so that GELU sees 1 and -2.
	w["h.0.mlp.fc.bias"] = []float32{1, -2}
	w["h.0.mlp.proj.weight"] = []float32{1, 0, 0, 1, 2, 3} // out-major [3][2]
	w["h.0.mlp.proj.bias"] = []float32{0, 0, 10}

	const plus, minus = 0.8411919906082768, -0.0454023059122249 // gelu_new(1), gelu_new(-2)
	want := shown([][]float64{{1 + plus, 2 + minus, 6 + 2*plus + 3*minus + 10}})
	if got := logits(t, a, w, []int{0}); distance(got, want) > tolerance {
		t.Errorf("logits = %v; want %v", got, want)
	}
}

// The golden logits come from testdata/gpt2.py and transfoxl.py, which share
// nothing with this package but the names of the tensors.
func TestSecondImplementation(t *testing.T) {
	golden := map[string][][]float64{}
	for _, name := range []string{"gpt2", "transfoxl"} {
		data, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &golden); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		a      arch.Architecture
		tokens []int
	}{
		{"one cluster", xl(7, 6, 0, 1, nil, 3, arch.Layer{Heads: 2, DInner: 8}, arch.Layer{Heads: 4, DInner: 5}), []int{3, 0, 6, 6, 1}},
		{"several", xl(11, 8, 0, 2, []int{4, 7}, 2, arch.Layer{Heads: 3, DInner: 5}, arch.Layer{Heads: 2, DInner: 7}, arch.Layer{Heads: 8, DInner: 3}),
			[]int{10, 4, 0, 3, 6, 7, 5}},
		{"shared", xl(9, 6, 5, 1, []int{3, 4}, 0, arch.Layer{Heads: 3, DInner: 4}), []int{8, 3, 0, 2}},
		{"plain", gpt2(7, 6, 0, 5, arch.Layer{Heads: 2, DInner: 8}, arch.Layer{Heads: 3, DInner: 5}), []int{3, 0, 6, 6, 1}},
		{"projected", gpt2(5, 4, 3, 6, arch.Layer{Heads: 4, DInner: 3}, arch.Layer{Heads: 1, DInner: 7}, arch.Layer{Heads: 2, DInner: 4}), []int{4, 2, 0, 2, 1, 3}},
	}
	for _, tt := range tests {
		w := weights{}
		for name, size := range sizes(tt.a) {
			w[name] = tensor(name, size)
		}
		if got := logits(t, tt.a, w, tt.tokens); distance(got, golden[tt.name]) > tolerance {
			t.Errorf("%s: logits = %v; want %v", tt.name, got, golden[tt.name])
		}
	}
}

// tensor is the function of that name in testdata/gpt2.py.
func tensor(name string, size int) []float32 {
	seed := 0
	for _, c := range []byte(name) {
		seed = (seed*31 + int(c)) % 65537
	}
	t := make([]float32, size)
	for i := range t {
		t[i] = float32((seed+i)*(seed+7919*i)%257-128) / 128
	}
	return t
}

func TestErrors(t *testing.T) {
	small := gpt2(3, 4, 0, 2, arch.Layer{Heads: 2, DInner: 5})
	with := func(change func(*arch.Architecture)) arch.Architecture {
		a := small
		change(&a)
		return a
	}
	tests := []struct {
		name   string
		a      arch.Architecture
		drop   string // a tensor made one value shorter
		tokens []int
		want   []string // what the message names
	}{
		{"no tokens", small, "", nil, []string{"0 tokens", "1 to max_sequence_length 2"}},
		{"too many tokens", small, "", []int{0, 0, 0}, []string{"3 tokens", "max_sequence_length 2"}},
		{"token too large", small, "", []int{0, 3}, []string{"token 3", "position 1", "0 to 2"}},
		{"negative token", small, "", []int{-1}, []string{"token -1", "position 0", "0 to 2"}},
		{"short weight", small, "h.0.mlp.fc.weight", []int{0}, []string{`"h.0.mlp.fc.weight"`, "19", "20"}},
		{"short embedding", small, "wte", []int{0}, []string{`"wte"`, "11", "12"}},
		{"short projection", with(func(a *arch.Architecture) { a.DEmbed = 2 }), "emb_proj", []int{0}, []string{`"emb_proj"`, "7", "8"}},
		{"clusters", with(func(a *arch.Architecture) { a.Cutoffs = []int{2, 1} }), "", []int{0}, []string{"cutoffs[1] 1"}},
		{"short table", with(func(a *arch.Architecture) { a.Cutoffs, a.DivVal = []int{1}, 2 }), "wte.1", []int{0}, []string{`"wte.1"`, "3", "4"}},
		{"short shared table", with(func(a *arch.Architecture) { a.Cutoffs = []int{1} }), "wte", []int{0}, []string{`"wte"`, "11", "12"}},
		{"heads", with(func(a *arch.Architecture) { a.Layers = []arch.Layer{{Heads: 3, DInner: 5}} }), "", []int{0}, []string{"3", "4"}},
		{"backbone", with(func(a *arch.Architecture) { a.Backbone = "rnn" }), "", []int{0}, []string{"rnn"}},
		{"no segment", xl(3, 4, 0, 1, nil, 5, arch.Layer{Heads: 2, DInner: 5}), "", nil, []string{"0 tokens", "at least 1"}},
		{"short relative keys", xl(3, 4, 0, 1, nil, 5, arch.Layer{Heads: 3, DInner: 5}), "h.0.attn.r.weight", []int{0}, []string{`"h.0.attn.r.weight"`, "11", "12"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := random(tt.a, 1)
			if tt.drop != "" {
				w[tt.drop] = w[tt.drop][1:]
			}
			_, err := ref.Logits(tt.a, w.get, tt.tokens)
			_, lastErr := ref.LastLogits(tt.a, w.get, tt.tokens)
			if err == nil || lastErr == nil || err.Error() != lastErr.Error() {
				t.Fatalf("Logits: %v; LastLogits: %v; want the same error", err, lastErr)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q is longer than one line", err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not name %q", err, part)
				}
			}
		})
	}
}

// drawn is a random model with random tokens for it.
type drawn struct {
	a      arch.Architecture
	w      weights
	tokens []int
}

func draw(t *rapid.T) drawn {
	dHead := rapid.IntRange(1, 3).Draw(t, "d_head")
	d := 4 * dHead
	layers := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) arch.Layer {
		return arch.Layer{
			Heads:  rapid.SampledFrom([]int{1, 2, 4}).Draw(t, "heads"),
			DInner: rapid.IntRange(1, 9).Draw(t, "d_inner"),
		}
	}), 1, 3).Draw(t, "layers")
	a := gpt2(rapid.IntRange(2, 9).Draw(t, "vocab"), d, rapid.SampledFrom([]int{0, 1, d + 1}).Draw(t, "d_embed"), 6, layers...)
	return drawn{
		a:      a,
		w:      random(a, rapid.Uint64().Draw(t, "seed")),
		tokens: rapid.SliceOfN(rapid.IntRange(0, a.Vocab-1), 1, a.MaxLen).Draw(t, "tokens"),
	}
}

func TestLastLogits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t)
		all := logits(t, m.a, m.w, m.tokens)
		last, err := ref.LastLogits(m.a, m.w.get, m.tokens)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(last, all[len(all)-1]) {
			t.Fatalf("LastLogits = %v; want the last of %v", last, all)
		}
	})
}

// Prefixes and later tokens: what follows a position does not change it.
func TestCausality(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t)
		all := logits(t, m.a, m.w, m.tokens)
		n := rapid.IntRange(1, len(m.tokens)).Draw(t, "n")
		if got := logits(t, m.a, m.w, m.tokens[:n]); distance(got, all[:n]) > 0 {
			t.Fatalf("a prefix of %d tokens gives %v; the whole gives %v", n, got, all[:n])
		}
		changed := slices.Clone(m.tokens)
		for i := n; i < len(changed); i++ {
			changed[i] = (changed[i] + 1) % m.a.Vocab
		}
		got := logits(t, m.a, m.w, changed)
		if distance(got[:n], all[:n]) > 0 {
			t.Fatalf("changing tokens from position %d on changed earlier logits", n)
		}
		if n < len(changed) && distance(got[n:], all[n:]) == 0 {
			t.Fatalf("changing tokens from position %d on changed nothing", n)
		}
	})
}

// invariant checks that a change of the weights leaves the logits as they are,
// up to relative times the largest of them.
func invariant(t *testing.T, relative float64, change func(*rapid.T, arch.Architecture, weights)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t)
		before := logits(t, m.a, m.w, m.tokens)
		change(t, m.a, m.w)
		after := logits(t, m.a, m.w, m.tokens)
		if distance(before, after) > relative*(1+largest(before)) {
			t.Fatalf("logits %v became %v", before, after)
		}
	})
}

func largest(m [][]float64) float64 {
	top := 0.0
	for _, row := range m {
		for _, v := range row {
			top = max(top, math.Abs(v))
		}
	}
	return top
}

// permuteRows moves row perm[i] of m, [len(perm)][cols], to row i.
func permuteRows(m []float32, perm []int) []float32 {
	cols := len(m) / len(perm)
	out := make([]float32, 0, len(m))
	for _, p := range perm {
		out = append(out, m[p*cols:(p+1)*cols]...)
	}
	return out
}

// permuteCols does the same to the columns of m, [rows][len(perm)].
func permuteCols(m []float32, perm []int) []float32 {
	out := make([]float32, len(m))
	for i := range m {
		row, col := i/len(perm), i%len(perm)
		out[i] = m[row*len(perm)+perm[col]]
	}
	return out
}

func permutation(t *rapid.T, n int) []int {
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
	return rapid.Permutation(perm).Draw(t, "permutation")
}

func TestHeadsCanBePermuted(t *testing.T) {
	invariant(t, tolerance, func(t *rapid.T, a arch.Architecture, w weights) {
		for l, layer := range a.Layers {
			dHead := a.DModel / layer.Heads
			var perm []int // of the components, head by head
			for _, h := range permutation(t, layer.Heads) {
				for c := range dHead {
					perm = append(perm, h*dHead+c)
				}
			}
			h := fmt.Sprintf("h.%d.attn.", l)
			for _, p := range []string{"q", "k", "v"} {
				w[h+p+".weight"] = permuteRows(w[h+p+".weight"], perm)
				w[h+p+".bias"] = permuteRows(w[h+p+".bias"], perm)
			}
			w[h+"o.weight"] = permuteCols(w[h+"o.weight"], perm)
		}
	})
}

func TestHiddenUnitsCanBePermuted(t *testing.T) {
	invariant(t, tolerance, func(t *rapid.T, a arch.Architecture, w weights) {
		for l, layer := range a.Layers {
			perm := permutation(t, layer.DInner)
			h := fmt.Sprintf("h.%d.mlp.", l)
			w[h+"fc.weight"] = permuteRows(w[h+"fc.weight"], perm)
			w[h+"fc.bias"] = permuteRows(w[h+"fc.bias"], perm)
			w[h+"proj.weight"] = permuteCols(w[h+"proj.weight"], perm)
		}
	})
}

func TestVocabularyCanBePermuted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t)
		before := logits(t, m.a, m.w, m.tokens)
		perm := permutation(t, m.a.Vocab)
		m.w["wte"] = permuteRows(m.w["wte"], perm)
		for i, token := range m.tokens {
			m.tokens[i] = slices.Index(perm, token)
		}
		after := logits(t, m.a, m.w, m.tokens)
		for i := range after {
			for j := range after[i] {
				if after[i][j] != before[i][perm[j]] {
					t.Fatalf("position %d: logits %v became %v under %v", i, before[i], after[i], perm)
				}
			}
		}
	})
}

// A norm removes what all components share, so a constant added to the
// positions is never seen.
func TestNormsRemoveAConstant(t *testing.T) {
	invariant(t, roundedTolerance, func(t *rapid.T, a arch.Architecture, w weights) {
		for i := range w["wpe"] {
			w["wpe"][i] += 2
		}
	})
}

// A bias of the keys adds the same to every score of a query, which the softmax
// removes.
func TestSoftmaxRemovesAConstant(t *testing.T) {
	invariant(t, roundedTolerance, func(t *rapid.T, a arch.Architecture, w weights) {
		for l := range a.Layers {
			for i := range w[fmt.Sprintf("h.%d.attn.k.bias", l)] {
				w[fmt.Sprintf("h.%d.attn.k.bias", l)][i] += float32(i) - 1.5
			}
		}
	})
}

// Attention weights sum to one, so a bias of the values reaches the output as
// it is, through o.
func TestAttentionWeightsSumToOne(t *testing.T) {
	invariant(t, roundedTolerance, func(t *rapid.T, a arch.Architecture, w weights) {
		for l := range a.Layers {
			h := fmt.Sprintf("h.%d.attn.", l)
			d := a.DModel
			for out := range d {
				moved := float64(w[h+"o.bias"][out])
				for in := range d {
					moved += float64(w[h+"o.weight"][out*d+in]) * float64(w[h+"v.bias"][in])
				}
				w[h+"o.bias"][out] = float32(moved)
			}
			clear(w[h+"v.bias"])
		}
	})
}
