package graph_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

func build(t *testing.T, a arch.Architecture, w trial.Workload) *graph.Graph {
	t.Helper()
	g, err := graph.Build(a, w)
	if err != nil {
		t.Fatalf("%v: %v", a, err)
	}
	return g
}

func workload(prompt, context int) trial.Workload {
	return trial.Workload{PromptLen: prompt, Context: context, Precision: trial.F32, Threads: 1}
}

// in is w in a precision.
func in(p trial.Precision, w trial.Workload) trial.Workload {
	w.Precision = p
	return w
}

// architectures are n random ones of the presets.
func architectures(t *testing.T, n int) (list []arch.Architecture) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		sp, err := space.Preset(space.Presets()[i%len(space.Presets())])
		if err != nil {
			t.Fatal(err)
		}
		a, err := sp.Sample(r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, a)
	}
	return list
}

// odd are n random ones with dimensions that need padding.
func odd(n int) (list []arch.Architecture) {
	r := rand.New(rand.NewPCG(3, 4))
	for range n {
		list = append(list, oddArch(r))
	}
	return list
}

func oddArch(r *rand.Rand) arch.Architecture {
	heads := 1 + r.IntN(7)
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 1 + r.IntN(1000), DModel: heads * (1 + r.IntN(60)), MaxLen: 300}
	if r.IntN(2) == 0 {
		a.Backbone, a.MaxLen, a.MemLen = arch.TransformerXL, 0, r.IntN(30)
		a.DModel += r.IntN(heads)
	}
	if r.IntN(2) == 0 {
		a.DEmbed = 1 + r.IntN(100)
	}
	if r.IntN(2) == 0 {
		for cut := 1 + r.IntN(300); cut < 1000; cut += 1 + r.IntN(300) {
			a.Cutoffs = append(a.Cutoffs, cut)
		}
		a.DivVal = 1 + r.IntN(4)
	}
	for range 1 + r.IntN(6) {
		a.Layers = append(a.Layers, arch.Layer{Heads: heads, DInner: 1 + r.IntN(500)})
	}
	if a.Validate() != nil { // a cluster of no width
		a.DivVal = 1
	}
	return a
}

// lifetime is what this test finds out about a tensor by reading the operations,
// whatever the graph says.
type lifetime struct{ first, last int }

func lifetimes(g *graph.Graph) map[*graph.Tensor]lifetime {
	life := map[*graph.Tensor]lifetime{}
	for i, o := range slices.Concat(g.Ready, g.Ops) {
		tensors := []*graph.Tensor{o.X, o.W, o.B, o.Y, o.Keys, o.Values, o.Scores, o.RelQueries, o.RelKeys}
		for _, t := range tensors {
			if t != nil && t.Scales != nil {
				tensors = append(tensors, t.Scales)
			}
		}
		for _, t := range tensors {
			if t == nil {
				continue
			}
			if t.Base != nil {
				t = t.Base
			}
			l, seen := life[t]
			if !seen {
				l.first = i
			}
			l.last = i
			life[t] = l
		}
	}
	return life
}

// TestMemoryBound compares the plan with what no plan could go below: weights,
// cache and relative keys by the architecture's own arithmetic, and the largest
// set of activations that are needed at once.
func TestMemoryBound(t *testing.T) {
	const pad = 128 << 10
	for _, a := range architectures(t, 50) {
		w := trial.DefaultWorkload()
		g := build(t, a, w)
		perLayer, slack := int64(2), int64(pad) // keys and values
		if a.Backbone == arch.TransformerXL {
			perLayer = 3 // and relative keys
			// Tail clusters are narrow, and padded.
			for _, c := range a.Clusters() {
				slack += 4 * int64((c.End-c.Start)*(graph.Pad(c.Width)-c.Width))
			}
		}
		bound := 4*a.TotalParams() + perLayer*4*int64(len(a.Layers)*(a.MemLen+w.Context)*a.DModel) + peakActivations(g)
		if limit := bound*105/100 + slack; g.Memory.TotalBytes > limit || g.Memory.TotalBytes < bound {
			t.Errorf("%v: %d bytes are planned; the bound is %d", a, g.Memory.TotalBytes, bound)
		}
	}
}

// peakActivations is the most bytes of activations alive at one operation,
// without padding.
func peakActivations(g *graph.Graph) (peak int64) {
	life := lifetimes(g)
	for i := range len(g.Ready) + len(g.Ops) {
		var live int64
		for t, l := range life {
			if t.Kind == graph.Activation && l.first <= i && i <= l.last {
				live += 4 * int64(t.Rows.Len) * int64(t.Cols.Len)
			}
		}
		peak = max(peak, live)
	}
	return peak
}

// TestPlan checks that tensors alive together never share memory, and that the
// account adds up.
func TestPlan(t *testing.T) {
	for i, a := range slices.Concat(architectures(t, 50), odd(50)) {
		w := in(trial.Precisions()[i%2], workload(33, 100))
		w.Threads = 1 + i%3
		g := build(t, a, w)
		life := lifetimes(g)
		var end int64
		for i, x := range g.Tensors {
			if x.Offset < 64 || x.Offset%64 != 0 || x.Offset+x.Bytes() > g.Memory.TotalBytes {
				t.Fatalf("%v: %s lies at %d", a, x.Name, x.Offset)
			}
			end = max(end, x.Offset+x.Bytes())
			for _, y := range g.Tensors[:i] {
				apart := x.Offset+x.Bytes() <= y.Offset || y.Offset+y.Bytes() <= x.Offset
				both := x.Kind == graph.Activation && y.Kind == graph.Activation
				if both && (life[x].last < life[y].first || life[y].last < life[x].first) {
					continue
				}
				if !apart {
					t.Fatalf("%v: %s and %s overlap", a, x.Name, y.Name)
				}
			}
			if x.Kind == graph.Activation && (x.First != life[x].first || x.Last != life[x].last) {
				t.Errorf("%v: %s lives from %d to %d, want %+v", a, x.Name, x.First, x.Last, life[x])
			}
		}
		m := g.Memory
		if sum := m.IOBytes + m.WeightBytes + m.DerivedBytes + m.KVBytes + m.ArenaBytes; sum < end || sum > m.TotalBytes || m.TotalBytes-sum >= graph.PageBytes {
			t.Errorf("%v: %+v does not add up to %d bytes in use", a, m, end)
		}
	}
}

// TestWeights compares the weight tensors with the architecture's own count.
func TestWeights(t *testing.T) {
	for i, a := range slices.Concat(architectures(t, 50), odd(50)) {
		g := build(t, a, in(trial.Precisions()[i%2], workload(8, 16)))
		var params int64
		names := map[string]bool{}
		for _, x := range g.Tensors {
			if x.Kind == graph.Weight {
				params += int64(x.Rows.Len) * int64(x.Cols.Len)
			}
			if names[x.Name] {
				t.Errorf("%v: two tensors are called %s", a, x.Name)
			}
			names[x.Name] = true
		}
		if params != a.TotalParams() {
			t.Errorf("%v: the weights hold %d parameters, want %d", a, params, a.TotalParams())
		}
	}
}

// TestRegions checks what lives in which region: keys and values for memory and
// context, relative keys for as many distances, and logits for the vocabulary
// within the tensor that they are a part of.
func TestRegions(t *testing.T) {
	for _, a := range slices.Concat(architectures(t, 25), odd(25)) {
		const context = 40
		g := build(t, a, workload(17, context))
		span := a.MemLen + context
		if g.Span() != span {
			t.Errorf("%v: the span is %d, want %d", a, g.Span(), span)
		}
		var cache, derived, want int64
		for _, x := range g.Tensors {
			switch n := int64(x.Rows.Len) * int64(x.Cols.Len); x.Kind {
			case graph.Cache:
				cache += n
			case graph.Derived:
				derived += n
			}
		}
		for i, l := range a.Layers {
			want += int64(span * l.Heads * a.HeadDim(i))
		}
		if cache != 2*want {
			t.Errorf("%v: the cache holds %d floats, want %d", a, cache, 2*want)
		}
		if xl := a.Backbone == arch.TransformerXL; xl && derived != want || !xl && (derived != 0 || g.Memory.DerivedBytes != 0) {
			t.Errorf("%v: %d floats derive from the weights, want %d", a, derived, want)
		}
		tails := len(a.Clusters()) - 1
		l, base := g.Logits, g.Logits
		if l.Base != nil {
			base = l.Base
		}
		if l.Cols.Len != a.Vocab || l.Offset != base.Offset+4*int64(tails) || l.Offset+l.Bytes() > base.Offset+base.Bytes() {
			t.Errorf("%v: logits %+v in %+v", a, l, base)
		}
	}
}

// TestQuantize reads the operations of int8 graphs: every product with a matrix
// has one of int8 and reads integers, made by one Quantize for all that read the
// same tensor before it changes; nothing else reads integers.
func TestQuantize(t *testing.T) {
	for _, a := range slices.Concat(architectures(t, 25), odd(25)) {
		g := build(t, a, in(trial.I8, workload(17, 40)))
		f32 := build(t, a, workload(17, 40))
		source := map[*graph.Tensor]*graph.Tensor{} // of integers that are up to date
		var plain []graph.Op
		for _, o := range slices.Concat(g.Ready, g.Ops) {
			switch {
			case o.Kind == graph.Quantize:
				for q, x := range source {
					if x == o.X && q.Rows == o.Y.Rows {
						t.Fatalf("%v: %s is quantised twice", a, x.Name)
					}
				}
				if o.Y.Format != graph.I16 || o.Y.Scales.Cols.Len != o.Y.Rows.Len || o.X.Format != graph.F32 ||
					o.Y.Cols != o.X.Cols || o.Y.Rows != o.X.Rows && !o.LastRow {
					t.Fatalf("%v: %s becomes %+v", a, o.X.Name, o.Y)
				}
				source[o.Y] = o.X
				continue
			case o.Kind == graph.Linear:
				if o.W.Format != graph.I8 || source[o.X] == nil {
					t.Fatalf("%v: %s is %+v, and reads %+v", a, o.W.Name, o.W, o.X)
				}
				o.X = source[o.X]
			case o.X != nil && o.X.Format != graph.F32:
				t.Fatalf("%v: operation %d reads integers", a, o.Kind)
			}
			for q, x := range source {
				if x == o.Y {
					delete(source, q)
				}
			}
			plain = append(plain, o)
		}
		// Without them, the operations are those of the f32 graph.
		want := slices.Concat(f32.Ready, f32.Ops)
		if len(plain) != len(want) {
			t.Fatalf("%v: %d operations, want %d", a, len(plain), len(want))
		}
		for i, o := range plain {
			w := want[i]
			if o.Kind != w.Kind || o.Layer != w.Layer || o.LastRow != w.LastRow || o.Residual != w.Residual ||
				o.X != nil && o.X.Name != w.X.Name || o.Y.Name != w.Y.Name {
				t.Fatalf("%v: operation %d is %+v, want %+v", a, i, o, w)
			}
		}
	}
}

// TestIndex stores every entry in a place of its own, within the tensor: panels of
// five or six rows hold four floats, or of five rows sixteen int8, of each in turn.
func TestIndex(t *testing.T) {
	for _, x := range []graph.Tensor{
		{Rows: graph.Heads(3, 5), Cols: graph.Heads(2, 11)},
		{Rows: graph.Heads(3, 5), Cols: graph.Heads(2, 11), Packed: true},
		{Rows: graph.Heads(3, 5), Cols: graph.Heads(3, 3), Packed: true, Format: graph.I8},
		{Rows: graph.Dense(1), Cols: graph.Padded(1), Packed: true, Format: graph.I8},
		{Rows: graph.Dense(7), Cols: graph.Heads(3, 3), Format: graph.I16},
	} {
		for _, panel := range []int{graph.Panel, graph.WidePanel} {
			seen := map[int]bool{}
			for r := range x.Rows.Len {
				for c := range x.Cols.Len {
					i := x.Index(r, c, panel)
					if i < 0 || (i+1)*x.Format.Bytes() > int(x.Bytes()) || seen[i] {
						t.Fatalf("%+v: (%d, %d) lies at %d", x, r, c, i)
					}
					seen[i] = true
				}
			}
		}
	}
	x := graph.Tensor{Rows: graph.Dense(12), Cols: graph.Padded(40), Packed: true, Format: graph.I8} // stored are 15 × 48
	for _, c := range [][3]int{{0, 15, 15}, {1, 0, 16}, {4, 3, 67}, {0, 16, 80}, {2, 39, 80*2 + 2*16 + 7}, {5, 0, 240}, {11, 17, 480 + 80 + 16 + 1}} {
		if i := x.Index(c[0], c[1], graph.WidePanel); i != c[2] {
			t.Errorf("(%d, %d) lies at %d, want %d", c[0], c[1], i, c[2])
		}
	}
	if x.Bytes() != 15*48 || x.Stride() != 48 {
		t.Errorf("%d bytes, stride %d", x.Bytes(), x.Stride())
	}
	// Of these as floats, 12 × 40 are stored in two panels of six rows, and the plan has room for three of five.
	x = graph.Tensor{Rows: graph.Dense(12), Cols: graph.Padded(40), Packed: true}
	for _, c := range [][4]int{{0, 3, 6, 3}, {1, 0, 6, 4}, {5, 3, 6, 23}, {0, 4, 6, 24}, {6, 0, 6, 240}, {11, 39, 6, 479}, {5, 3, 5, 203}, {0, 4, 5, 20}} {
		if i := x.Index(c[0], c[1], c[2]); i != c[3] {
			t.Errorf("floats: (%d, %d) lies at %d in panels of %d, want %d", c[0], c[1], i, c[2], c[3])
		}
	}
	if x.Bytes() != 4*15*40 {
		t.Errorf("floats take %d bytes", x.Bytes())
	}
}

// TestThreadsMemory checks what each thread costs: lines to agree by, once, and a
// scratch of scores for each.
func TestThreadsMemory(t *testing.T) {
	for _, a := range slices.Concat(architectures(t, 10), odd(10)) {
		w := workload(17, 40)
		one := build(t, a, w)
		w.Threads = 3
		g := build(t, a, w)
		if one.Sync != nil || g.Sync == nil || g.Sync.Kind != graph.IO || g.Sync.Bytes() != 64*graph.SyncLines {
			t.Errorf("%v: threads agree in %+v; one alone in %+v", a, g.Sync, one.Sync)
		}
		if more := g.Memory.IOBytes - one.Memory.IOBytes; more != 64*graph.SyncLines {
			t.Errorf("%v: %d bytes more of input and output", a, more)
		}
		for i, o := range g.Ops {
			if o.Scores != nil && o.Scores.Rows.Len != 3*one.Ops[i].Scores.Rows.Len {
				t.Errorf("%v: three threads have %d rows of scores, one has %d", a, o.Scores.Rows.Len, one.Ops[i].Scores.Rows.Len)
			}
		}
	}
}

func TestAxis(t *testing.T) {
	x := graph.Heads(3, 5)
	if x.Size() != 24 || x.Groups() != 3 || x.At(0) != 0 || x.At(4) != 4 || x.At(5) != 8 || x.At(14) != 20 {
		t.Errorf("three heads of five: %+v", x)
	}
	if d := graph.Dense(13); d.Size() != 13 || d.At(12) != 12 {
		t.Errorf("dense: %+v", d)
	}
	if p := graph.Padded(13); p.Size() != 16 || p.At(12) != 12 {
		t.Errorf("padded: %+v", p)
	}
}

// In f16 the matrices of weights take half the memory, in rows, and all else stays as it
// is.
func TestHalfPrecision(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 100, DModel: 60, MaxLen: 128, Layers: []arch.Layer{{Heads: 2, DInner: 70}}}
	single, half := build(t, a, workload(16, 32)), build(t, a, in(trial.F16, workload(16, 32)))
	if len(single.Tensors) != len(half.Tensors) || len(single.Ops) != len(half.Ops) {
		t.Fatalf("%d tensors and %d operations, in f32 %d and %d", len(half.Tensors), len(half.Ops), len(single.Tensors), len(single.Ops))
	}
	for i, x := range half.Tensors {
		y := single.Tensors[i]
		if !y.Packed {
			if x.Format != graph.F32 || x.Bytes() != y.Bytes() {
				t.Errorf("%s: %d bytes in format %d, in f32 %d", x.Name, x.Bytes(), x.Format, y.Bytes())
			}
			continue
		}
		rows, cols := x.Rows.Size(), x.Cols.Size()
		if x.Packed || x.Format != graph.F16 || x.Bytes() != int64(2*rows*cols) || x.Index(1, 2, graph.Panel) != cols+2 {
			t.Errorf("%s: %d bytes in format %d, packed %v, of %d × %d", x.Name, x.Bytes(), x.Format, x.Packed, rows, cols)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	ok := arch.Architecture{Backbone: arch.GPT2, Vocab: 100, DModel: 64, MaxLen: 128, Layers: []arch.Layer{{Heads: 2, DInner: 64}}}
	for _, c := range []struct {
		name string
		edit func(*arch.Architecture, *trial.Workload)
		want string
	}{
		{"invalid", func(a *arch.Architecture, _ *trial.Workload) { a.Layers[0].Heads = 3 }, "n_head"},
		{"precision", func(_ *arch.Architecture, w *trial.Workload) { w.Precision = "int4" }, `"int4" must be one of ["f32" "int8" "f16"]`},
		{"no threads", func(_ *arch.Architecture, w *trial.Workload) { w.Threads = 0 }, "threads 0 must be between 1 and 64"},
		{"too many threads", func(_ *arch.Architecture, w *trial.Workload) { w.Threads = 65 }, "threads 65"},
		{"no prompt", func(_ *arch.Architecture, w *trial.Workload) { w.PromptLen = 0 }, "prompt_len"},
		{"too long", func(_ *arch.Architecture, w *trial.Workload) { w.Context = 129 }, "max_sequence_length"},
		{"backbone", func(a *arch.Architecture, _ *trial.Workload) { a.Backbone = "rnn" }, "transformer-xl"},
		{"clusters", func(a *arch.Architecture, _ *trial.Workload) { a.Cutoffs = []int{50, 50} }, "cutoffs"},
	} {
		a, w := ok, workload(16, 32)
		a.Layers = append([]arch.Layer(nil), ok.Layers...)
		c.edit(&a, &w)
		if _, err := graph.Build(a, w); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %q does not mention %s", c.name, err, c.want)
		}
	}
}
