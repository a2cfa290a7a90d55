package graph

import "fmt"

// gpt2 is the pre-norm decoder: x += attention(norm(x)); x += mlp(norm(x)).
func (g *Graph) gpt2() {
	a, model := g.Arch, Padded(g.Arch.DModel)
	g.Tokens = g.tensor("tokens", IO, Dense(1), Dense(g.Workload.Context))
	x := g.tensor("x", Activation, Dense(g.Workload.PromptLen), model)
	tables := g.tables()
	g.embed(tables, x, 1)
	g.op(Op{Kind: Positions, Layer: -1, W: g.tensor("wpe", Weight, Dense(a.MaxLen), model), Y: x})
	for i := range a.Layers {
		g.gpt2Layer(i, x)
	}
	g.head(tables, g.norm("ln_f", -1, x, g.tensor("ln_f.out", Activation, Dense(1), model)))
}

func (g *Graph) gpt2Layer(i int, x *Tensor) {
	l, name := g.Arch.Layers[i], func(s string) string { return fmt.Sprintf("h.%d.%s", i, s) }
	rows, heads, span := x.Rows, g.heads(i), Padded(g.Span())

	h := g.norm(name("ln_1"), i, x, g.tensor(name("ln_1.out"), Activation, rows, x.Cols))
	keys := g.tensor(name("attn.keys"), Cache, Dense(g.Span()), heads)
	values := g.tensor(name("attn.values"), Cache, heads, span)
	g.linear(name("attn.k"), i, h, keys)
	v := g.linear(name("attn.v"), i, h, g.tensor(name("attn.v.out"), Activation, rows, heads))
	g.op(Op{Kind: Transpose, Layer: i, X: v, Y: values})
	q := g.linear(name("attn.q"), i, h, g.tensor(name("attn.queries"), Activation, rows, heads))
	o := g.op(Op{Kind: Attention, Layer: i, X: q, Keys: keys, Values: values,
		Heads: l.Heads, Dim: g.Arch.HeadDim(i),
		Scores: g.tensor(name("attn.scores"), Activation, Dense(g.Workload.Threads*AttentionRows), span),
		Y:      g.tensor(name("attn.out"), Activation, rows, heads)})
	g.residual(name("attn.o"), i, o, x)

	h = g.norm(name("ln_2"), i, x, g.tensor(name("ln_2.out"), Activation, rows, x.Cols))
	f := g.linear(name("mlp.fc"), i, h, g.tensor(name("mlp.hidden"), Activation, rows, Padded(l.DInner)))
	g.Ops[len(g.Ops)-1].GELU = true
	g.residual(name("mlp.proj"), i, f, x)
}

// norm adds y = the layer norm of x; outside the layers that of the last row.
func (g *Graph) norm(name string, layer int, x, y *Tensor) *Tensor {
	return g.op(Op{Kind: Norm, Layer: layer, LastRow: layer < 0, X: x, Y: y,
		W: g.tensor(name+".weight", Weight, Dense(1), x.Cols),
		B: g.tensor(name+".bias", Weight, Dense(1), x.Cols)})
}

// linear adds y = x·Wᵀ + b.
func (g *Graph) linear(name string, layer int, x, y *Tensor) *Tensor {
	return g.op(Op{Kind: Linear, Layer: layer, X: x, Y: y,
		W: g.matrix(name+".weight", y.Cols, x.Cols),
		B: g.tensor(name+".bias", Weight, Dense(1), y.Cols)})
}

// residual adds y += x·Wᵀ + b.
func (g *Graph) residual(name string, layer int, x, y *Tensor) {
	g.linear(name, layer, x, y)
	g.Ops[len(g.Ops)-1].Residual = true
}
