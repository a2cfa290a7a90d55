package cost

import (
	"math"

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

// work is what a pass consists of.
type work struct {
	counts
	footprint int64 // in bytes; see pass.footprint
}

// pass is one forward pass, taken apart.
type pass struct {
	outside counts
	layers  []counts
	params  int64

	// What the footprint grows by with layers and decoder parameters, in bytes.
	base, perLayer, perParam float64
}

// total is the whole pass.
func (p pass) total() work {
	w := work{p.outside, p.footprint(len(p.layers), p.params)}
	for _, l := range p.layers {
		w.add(l)
	}
	return w
}

// footprint is how many bytes a pass of so many layers and decoder parameters reads,
// but for what the padding of its layers adds.
func (p pass) footprint(layers int, params int64) int64 {
	return int64(math.Round(p.base + p.perLayer*float64(layers) + p.perParam*float64(params)))
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
	// Two layers without padding tell what a layer reads whatever is in it.
	var probes [2]*graph.Graph
	for i := range probes {
		b := g.Arch
		b.Layers = []arch.Layer{{Heads: 1, DInner: (i + 1) * graph.Panel * graph.Lane}}
		if probes[i], err = graph.Build(b, w); err != nil {
			return both, err
		}
	}
	for i, s := range steps(w) {
		p := &both[i]
		p.outside, p.layers = s.count(g)
		p.params = g.Arch.DecoderParams()

		outside, small := s.count(probes[0])
		_, large := s.count(probes[1])
		params, more := probes[0].Arch.DecoderParams(), probes[1].Arch.DecoderParams()
		p.perParam = float64(large[0][bytes]-small[0][bytes]) / float64(more-params)
		two := probes[0].Arch
		two.Layers = append(two.Layers, two.Layers[0])
		layerParams := two.DecoderParams() - params
		p.perLayer = float64(small[0][bytes]) - p.perParam*float64(layerParams)
		p.base = float64(outside[bytes]) - p.perParam*float64(params-layerParams)
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
