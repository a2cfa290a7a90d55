package graph

import (
	"fmt"

	"litefront/searchcore/arch"
)

// table is the embedding of a run of tokens. Weights are tied: it serves input
// and output alike.
type table struct {
	arch.Cluster
	weight *Tensor // [tokens × width], packed
	proj   *Tensor // [model × width], packed; nil without a projection
	suffix string  // of names, where there are several tables
}

// tables adds the embedding: a table for each cluster, or one for all of them if
// they have the same width.
func (g *Graph) tables() (list []table) {
	a := g.Arch
	clusters := a.Clusters()
	if a.DivVal == 1 {
		clusters = []arch.Cluster{{End: a.Vocab, Width: a.DEmbed}}
	}
	for i, c := range clusters {
		t := table{Cluster: c}
		if len(clusters) > 1 {
			t.suffix = fmt.Sprintf(".%d", i)
		}
		t.weight = g.matrix("wte"+t.suffix, Dense(c.End-c.Start), Padded(c.Width))
		if a.Projected() {
			t.proj = g.matrix("emb_proj"+t.suffix, Padded(a.DModel), t.weight.Cols)
		}
		list = append(list, t)
	}
	return list
}

// embed adds x = scale · the embedding of each row's token. A token has a zero
// row in all tables but its own, so that the sum of the projections is that of
// its own; how long it takes does not depend on the tokens.
func (g *Graph) embed(tables []table, x *Tensor, scale float64) {
	for i, t := range tables {
		e := x
		if t.proj != nil {
			e = g.tensor("e"+t.suffix, Activation, x.Rows, t.weight.Cols)
		}
		g.op(Op{Kind: Embed, Layer: -1, X: g.Tokens, W: t.weight, Start: t.Start, Scale: scale, Y: e})
		if t.proj != nil {
			g.op(Op{Kind: Linear, Layer: -1, Residual: i > 0, X: e, W: t.proj, Y: x})
		}
	}
}

// head adds the logits of the last row of x. Those of an adaptive softmax (Grave
// et al. 2017), which several clusters make, become log-probabilities: the first
// cluster's tokens share a softmax with one entry for every other cluster; such a
// cluster's tokens have a softmax of their own, times the cluster's entry.
//
// The clusters' entries lie before the logit of token 0, so that every softmax
// runs over consecutive entries.
func (g *Graph) head(tables []table, x *Tensor) {
	clusters := g.Arch.Clusters()
	tails := len(clusters) - 1
	all := g.tensor("logits", Activation, Dense(1), Dense(tails+g.Arch.Vocab))
	g.Logits = g.part(all, tails, g.Arch.Vocab)

	logits := func(e, w *Tensor, bias string, y *Tensor) {
		var b *Tensor
		if tails > 0 || g.Arch.Backbone == arch.TransformerXL {
			b = g.tensor(bias, Weight, Dense(1), Padded(y.Cols.Len))
		}
		g.op(Op{Kind: Linear, Layer: -1, LastRow: true, X: e, W: w, B: b, Y: y})
	}
	for i, t := range tables {
		e := x
		if t.proj != nil {
			e = g.op(Op{Kind: Unproject, Layer: -1, LastRow: true, X: x, W: t.proj,
				Y: g.tensor("out.e"+t.suffix, Activation, Dense(1), t.weight.Cols)})
		}
		if i == 0 && tails > 0 {
			logits(e, g.matrix("clusters.weight", Dense(tails), t.weight.Cols), "clusters.bias", g.part(all, 0, tails))
		}
		logits(e, t.weight, "out"+t.suffix+".bias", g.part(all, tails+t.Start, t.End-t.Start))
	}
	if tails == 0 {
		return
	}
	g.op(Op{Kind: LogSoftmax, Layer: -1, LastRow: true, Y: g.part(all, 0, tails+clusters[0].End)})
	for i, c := range clusters[1:] {
		g.op(Op{Kind: LogSoftmax, Layer: -1, LastRow: true, X: g.part(all, i, 1), Y: g.part(all, tails+c.Start, c.End-c.Start)})
	}
}
