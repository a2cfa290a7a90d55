package cost

import (
	"strings"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// The terms that a pass spends its time on.
const (
	passes          = iota // 1 for each pass
	layers                 // how many
	attentionMACs          // multiply-adds of attention's linears
	feedForwardMACs        // of the feed-forward blocks
	outsideMACs            // of embedding and vocabulary
	scoreMACs              // of attention itself, over keys and values
	elements               // element-wise results
	bytes                  // weights, keys and values that are read
	terms
)

// counts are the amounts of each term.
type counts [terms]int64

func (c *counts) add(d counts) {
	for i, n := range d {
		c[i] += n
	}
}

// pass is one forward pass, taken apart.
type pass struct {
	outside counts
	layers  []counts
}

// total is the whole pass.
func (p pass) total() counts {
	sum := p.outside
	for _, l := range p.layers {
		sum.add(l)
	}
	return sum
}

// A step is one of the two passes that are timed.
type step struct{ pos, rows int }

// steps returns prefill and decode, in this order, as everywhere in this package.
func steps(w trial.Workload) [2]step {
	return [2]step{{0, w.PromptLen}, {w.DecodePos(), 1}}
}

// takeApart returns both passes of a.
func takeApart(a arch.Architecture, w trial.Workload) (both [2]pass, err error) {
	g, err := graph.Build(a, w)
	if err != nil {
		return both, err
	}
	for i, s := range steps(w) {
		both[i].outside, both[i].layers = s.count(g)
	}
	return both, nil
}

// count returns what the operations of g come to, outside the layers and in each.
func (s step) count(g *graph.Graph) (outside counts, perLayer []counts) {
	outside[passes] = 1
	perLayer = make([]counts, len(g.Arch.Layers))
	for i := range perLayer {
		perLayer[i][layers] = 1
	}
	for _, o := range g.Ops {
		c := &outside
		if o.Layer >= 0 {
			c = &perLayer[o.Layer]
		}
		w := g.Work(o, s.pos, s.rows)
		c[macs(o)] += w.MACs
		c[elements] += w.Elements
		c[bytes] += w.Bytes
	}
	return outside, perLayer
}

// macs is the term of o's multiply-adds.
func macs(o graph.Op) int {
	switch {
	case o.Kind == graph.Attention || o.Kind == graph.RelativeAttention:
		return scoreMACs
	case o.Layer < 0:
		return outsideMACs
	case o.W != nil && strings.Contains(o.W.Name, ".mlp."):
		return feedForwardMACs
	}
	return attentionMACs
}
