package ref

import (
	"fmt"

	"litefront/searchcore/arch"
)

// embedding maps tokens to d_model values and back, cluster by cluster. Weights
// are tied (Press and Wolf 2017): the output embedding is the input embedding, its
// projection included.
type embedding struct {
	clusters []cluster
	entries  linear // the clusters but the first, as entries of the first's softmax
}

// cluster is a run of tokens.
type cluster struct {
	start int
	table *matrix   // one row per token
	proj  *matrix   // [d_model][width], or nil
	bias  []float32 // of the tokens' logits, or nil
}

func (r *reader) embedding(a arch.Architecture) embedding {
	clusters := a.Clusters()
	n := len(clusters)
	biased := a.Backbone == arch.TransformerXL || n > 1

	var e embedding
	load := func(suffix string, start, end, width int) cluster {
		c := cluster{start: start, table: r.matrix("wte"+suffix, end-start, width)}
		if a.Projected() {
			c.proj = r.matrix("emb_proj"+suffix, a.DModel, width)
		}
		if biased {
			c.bias = r.tensor("out"+suffix+".bias", end-start)
		}
		return c
	}
	if n > 1 && a.DivVal > 1 {
		for i, c := range clusters {
			e.clusters = append(e.clusters, load(fmt.Sprintf(".%d", i), c.Start, c.End, c.Width))
		}
	} else {
		// One table, of which each cluster has its rows.
		all := load("", 0, a.Vocab, clusters[0].Width)
		for _, c := range clusters {
			part := all
			part.start = c.Start
			if r.err == nil {
				part.table = &matrix{c.End - c.Start, all.table.cols, all.table.data[c.Start*all.table.cols : c.End*all.table.cols]}
				if biased {
					part.bias = all.bias[c.Start:c.End]
				}
			}
			e.clusters = append(e.clusters, part)
		}
	}
	if n > 1 {
		e.entries = r.linear("clusters", n-1, clusters[0].Width)
	}
	return e
}

func (e *embedding) embed(token int) []float64 {
	i := len(e.clusters) - 1
	for token < e.clusters[i].start {
		i--
	}
	c := e.clusters[i]
	x := widen(c.table.row(token - c.start))
	if c.proj != nil {
		x = c.proj.mul(x)
	}
	return x
}

// logits returns the logits of one row; with several clusters the log-probability
// of each token: in the first cluster that of its own in a softmax over tokens and
// entries, in another that of the cluster's entry plus its own within the cluster.
func (e *embedding) logits(x []float64) []float64 {
	if len(e.clusters) == 1 {
		return e.clusters[0].logits(x)
	}
	first := e.clusters[0]
	head := append(first.logits(x), e.entries.apply(first.narrow(x))...)
	logSoftmax(head)
	n := first.table.rows
	out, entries := head[:n:n], head[n:]
	for i, c := range e.clusters[1:] {
		tail := c.logits(x)
		logSoftmax(tail)
		for _, p := range tail {
			out = append(out, entries[i]+p)
		}
	}
	return out
}

// narrow maps a row to the width of the cluster's table.
func (c *cluster) narrow(x []float64) []float64 {
	if c.proj == nil {
		return x
	}
	return c.proj.mulTransposed(x)
}

func (c *cluster) logits(x []float64) []float64 {
	y := c.table.mul(c.narrow(x))
	if c.bias != nil {
		add(y, widen(c.bias))
	}
	return y
}
