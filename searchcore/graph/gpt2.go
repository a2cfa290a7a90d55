package graph

import (
	"errors"
	"fmt"

	"litefront/searchcore/arch"
)

// build lists the operations of g.Arch.
func (g *Graph) build() error {
	switch {
	case g.Arch.Backbone != arch.GPT2:
		return fmt.Errorf("arch_type %q cannot be compiled yet; %q can", g.Arch.Backbone, arch.GPT2)
	case len(g.Arch.Clusters()) > 1:
		return errors.New("cutoffs: an embedding of several clusters cannot be compiled yet")
	}
	g.gpt2()
	return nil
}

// gpt2 is the pre-norm decoder: x += attention(norm(x)); x += mlp(norm(x)).
func (g *Graph) gpt2() {
	a, rows := g.Arch, Dense(g.Workload.PromptLen)
	model, embed := Padded(a.DModel), Padded(a.Clusters()[0].Width)

	g.Tokens = g.tensor("tokens", IO, Dense(1), Dense(g.Workload.Context))
	wte := g.matrix("wte", Dense(a.Vocab), embed)
	x := g.tensor("x", Activation, rows, model)
	var proj *Tensor
	if a.Projected() {
		proj = g.matrix("emb_proj", model, embed)
		e := g.tensor("e", Activation, rows, embed)
		g.op(Op{Kind: Embed, Layer: -1, X: g.Tokens, W: wte, Y: e})
		g.op(Op{Kind: Linear, Layer: -1, X: e, W: proj, Y: x})
	} else {
		g.op(Op{Kind: Embed, Layer: -1, X: g.Tokens, W: wte, Y: x})
	}
	g.op(Op{Kind: Positions, Layer: -1, W: g.tensor("wpe", Weight, Dense(a.MaxLen), model), Y: x})

	for i := range a.Layers {
		g.gpt2Layer(i, x)
	}

	y := g.norm("ln_f", -1, x, Dense(1))
	if proj != nil {
		y = g.op(Op{Kind: Unproject, Layer: -1, LastRow: true, X: y, W: proj,
			Y: g.tensor("ln_f.e", Activation, Dense(1), embed)})
	}
	g.Logits = g.tensor("logits", Activation, Dense(1), Dense(a.Vocab))
	g.op(Op{Kind: Linear, Layer: -1, LastRow: true, X: y, W: wte, Y: g.Logits})
}

func (g *Graph) gpt2Layer(i int, x *Tensor) {
	l, name := g.Arch.Layers[i], func(s string) string { return fmt.Sprintf("h.%d.%s", i, s) }
	rows := x.Rows
	dim := g.Arch.HeadDim(i)
	heads, context := Heads(l.Heads, dim), Padded(g.Workload.Context)

	h := g.norm(name("ln_1"), i, x, rows)
	keys := g.tensor(name("attn.keys"), Cache, Dense(g.Workload.Context), heads)
	values := g.tensor(name("attn.values"), Cache, heads, context)
	g.linear(name("attn.k"), i, h, keys)
	v := g.linear(name("attn.v"), i, h, g.tensor(name("attn.v.out"), Activation, rows, heads))
	g.op(Op{Kind: Transpose, Layer: i, X: v, Y: values})
	q := g.linear(name("attn.q"), i, h, g.tensor(name("attn.queries"), Activation, rows, heads))
	o := g.op(Op{Kind: Attention, Layer: i, X: q, Keys: keys, Values: values, Heads: l.Heads, Dim: dim,
		Scores: g.tensor(name("attn.scores"), Activation, Dense(AttentionRows), context),
		Y:      g.tensor(name("attn.out"), Activation, rows, heads)})
	g.residual(name("attn.o"), i, o, x)

	h = g.norm(name("ln_2"), i, x, rows)
	f := g.linear(name("mlp.fc"), i, h, g.tensor(name("mlp.hidden"), Activation, rows, Padded(l.DInner)))
	g.Ops[len(g.Ops)-1].GELU = true
	g.residual(name("mlp.proj"), i, f, x)
}

// norm adds a layer norm of x; one output row means that of the last row.
func (g *Graph) norm(name string, layer int, x *Tensor, rows Axis) *Tensor {
	return g.op(Op{Kind: Norm, Layer: layer, X: x, LastRow: rows.Len == 1 && layer < 0,
		W: g.tensor(name+".weight", Weight, Dense(1), x.Cols),
		B: g.tensor(name+".bias", Weight, Dense(1), x.Cols),
		Y: g.tensor(name+".out", Activation, rows, x.Cols)})
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
