package cost

import (
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// The terms that a pass spends its time on, told apart where profiles (litefront
// measure --profile) show times per unit that differ several times over.
const (
	passes       = iota // 1 for each pass
	layers              // how many
	linearMACs          // multiply-adds of matrices, all at about the same rate
	headMACs            // of those that only the last row goes through, and wait for memory
	scoreMACs           // of attention itself, over keys and values
	exponentials        // results of GELU and softmax
	elements            // other element-wise results
	bytes               // weights, keys and values that are read
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
		e := exponentialsOf(o, w, s.rows)
		c[exponentials] += e
		c[elements] += w.Elements - e
		c[bytes] += w.Bytes
	}
	return outside, perLayer
}

// macs is the term of o's multiply-adds.
func macs(o graph.Op) int {
	switch {
	case o.Kind == graph.Attention || o.Kind == graph.RelativeAttention:
		return scoreMACs
	case o.LastRow || o.Kind == graph.Unproject:
		return headMACs
	}
	return linearMACs
}

// exponentialsOf is how many of the elements of w, the work of o on so many rows,
// take an exponential.
func exponentialsOf(o graph.Op, w graph.Work, rows int) int64 {
	switch {
	case o.Kind == graph.Attention || o.Kind == graph.RelativeAttention || o.Kind == graph.LogSoftmax:
		return w.Elements
	case o.GELU:
		return int64(rows) * int64(o.Y.Cols.Len)
	}
	return 0
}
