package graph

import (
	"fmt"
	"math"
)

// transformerXL is the post-norm decoder with relative positions:
// x = norm(x + attention(x)); x = norm(x + mlp(x)).
//
// Its segment memory is the first MemLen positions of the key-value cache. They
// are never written: Transformer-XL starts with a memory of zero hidden states,
// whose keys and values are zero, as untouched memory is. So prefill and decode
// run the first segment, with the cost of a full memory: the token at position i
// attends to all MemLen positions of memory and to the positions 0 to i of the
// segment.
func (g *Graph) transformerXL() {
	rows, model := Dense(g.Workload.PromptLen), Padded(g.Arch.DModel)
	g.Tokens = g.tensor("tokens", IO, Dense(1), Dense(g.Workload.Context))

	distances := g.tensor("distances", Activation, Dense(g.Span()), model)
	g.ready(Op{Kind: Sinusoid, Layer: -1, Y: distances,
		X: g.tensor("frequencies", Activation, Dense(1), Padded((g.Arch.DModel+1)/2))})
	relKeys := make([]*Tensor, len(g.Arch.Layers))
	for i := range relKeys {
		relKeys[i] = g.relativeKeys(i, distances)
	}

	x := g.tensor("x", Activation, rows, model)
	tables := g.tables()
	g.embed(tables, x, math.Sqrt(float64(g.Arch.DModel)))
	for i := range g.Arch.Layers {
		g.transformerXLLayer(i, x, relKeys[i])
	}
	g.head(tables, x)
}

// relativeKeys adds what layer i makes of the distances. That depends on weights
// only, so it is computed once, not in every run.
func (g *Graph) relativeKeys(i int, distances *Tensor) *Tensor {
	heads := g.heads(i)
	name := fmt.Sprintf("h.%d.attn.r", i)
	y := g.tensor(name+".keys", Derived, distances.Rows, heads)
	g.ready(Op{Kind: Linear, Layer: i, X: distances, W: g.matrix(name+".weight", heads, distances.Cols), Y: y})
	return y
}

func (g *Graph) transformerXLLayer(i int, x, relKeys *Tensor) {
	l, name := g.Arch.Layers[i], func(s string) string { return fmt.Sprintf("h.%d.%s", i, s) }
	heads, span := g.heads(i), Padded(g.Span())
	project := func(s string, y *Tensor) *Tensor {
		return g.op(Op{Kind: Linear, Layer: i, X: x, W: g.matrix(name(s)+".weight", y.Cols, x.Cols), Y: y})
	}
	shift := func(s string, q, y *Tensor) *Tensor {
		return g.op(Op{Kind: Shift, Layer: i, X: q, B: g.tensor(name(s), Weight, Dense(1), heads), Y: y})
	}

	keys := project("attn.k", g.tensor(name("attn.keys"), Cache, Dense(g.Span()), heads))
	v := project("attn.v", g.tensor(name("attn.v.out"), Activation, x.Rows, heads))
	values := g.op(Op{Kind: Transpose, Layer: i, X: v, Y: g.tensor(name("attn.values"), Cache, heads, span)})
	q := project("attn.q", g.tensor(name("attn.queries"), Activation, x.Rows, heads))
	relQueries := shift("attn.position.bias", q, g.tensor(name("attn.r.queries"), Activation, x.Rows, heads))
	shift("attn.content.bias", q, q)
	o := g.op(Op{Kind: RelativeAttention, Layer: i, X: q, Y: q, Keys: keys, Values: values,
		RelQueries: relQueries, RelKeys: relKeys, Heads: l.Heads, Dim: g.Arch.HeadDim(i),
		Scores: g.tensor(name("attn.scores"), Activation, Dense(g.Workload.Threads*(1+AttentionRows)), span)})
	g.op(Op{Kind: Linear, Layer: i, Residual: true, X: o, W: g.matrix(name("attn.o.weight"), x.Cols, heads), Y: x})
	g.norm(name("ln_1"), i, x, x)

	f := g.linear(name("mlp.fc"), i, x, g.tensor(name("mlp.hidden"), Activation, x.Rows, Padded(l.DInner)))
	g.Ops[len(g.Ops)-1].ReLU = true
	g.residual(name("mlp.proj"), i, f, x)
	g.norm(name("ln_2"), i, x, x)
}
