package graph

// Work is what one execution of an operation comes to, whatever engine does it:
// what cost models are fitted on and profiles are read against. Padding does not
// count.
type Work struct {
	MACs     int64 // multiply-adds of matrix products and attention
	Elements int64 // results of element-wise arithmetic: norms, activations, softmax, sums
	Bytes    int64 // weights and cached keys and values that are read, each once, as stored
}

// FLOPs counts two for a multiply-add and one for an element.
func (w Work) FLOPs() int64 { return 2*w.MACs + w.Elements }

// Add is the sum of w and v.
func (w Work) Add(v Work) Work {
	return Work{w.MACs + v.MACs, w.Elements + v.Elements, w.Bytes + v.Bytes}
}

// Work is what o takes for rows tokens from position pos of the context on:
// rows = Workload.PromptLen at 0 is a prefill, one row a decoding step. An
// operation of Graph.Ready takes what it takes, whatever pos and rows are.
func (g *Graph) Work(o Op, pos, rows int) Work {
	m := int64(rows)
	if o.LastRow {
		m = 1
	}
	switch o.Kind {
	case Embed:
		return Work{Elements: m * int64(o.Y.Cols.Len), Bytes: m * rowBytes(o.W)}
	case Positions:
		return Work{Elements: m * int64(o.Y.Cols.Len), Bytes: m * rowBytes(o.W)}
	case Norm:
		return Work{Elements: m * int64(o.Y.Cols.Len), Bytes: o.W.Bytes() + o.B.Bytes()}
	case Linear:
		if o.Y.Kind == Derived {
			m = int64(o.Y.Rows.Len) // all of it, once
		}
		return g.linearWork(o, m)
	case Shift, Transpose:
		return Work{Elements: m * int64(o.X.Cols.Len)}
	case Unproject:
		return Work{MACs: int64(o.W.Rows.Len) * int64(o.W.Cols.Len), Bytes: storedBytes(o.W)}
	case Attention, RelativeAttention:
		return g.attentionWork(o, int64(pos), m)
	case LogSoftmax:
		return Work{Elements: int64(o.Y.Cols.Len)}
	case Quantize:
		if o.Y.Last < len(g.Ready) {
			m = int64(o.Y.Rows.Len) // all of it, once
		}
		return Work{Elements: m * int64(o.Y.Cols.Len)}
	case Sinusoid:
		return Work{Elements: int64(o.Y.Rows.Len) * int64(o.Y.Cols.Len)}
	}
	return Work{}
}

func (g *Graph) linearWork(o Op, m int64) Work {
	out := int64(o.Y.Cols.Len)
	w := Work{MACs: m * out * int64(o.X.Cols.Len), Bytes: storedBytes(o.W)}
	if o.B != nil {
		w.Elements += m * out
		w.Bytes += o.B.Bytes()
	}
	if o.Residual {
		w.Elements += m * out
	}
	if o.GELU || o.ReLU {
		w.Elements += m * out
	}
	return w
}

// attentionWork counts the positions that each row sees: the memory, those before
// pos, and the rows up to its own.
func (g *Graph) attentionWork(o Op, pos, m int64) Work {
	seen := m*(int64(g.Arch.MemLen)+pos) + m*(m+1)/2
	products, span := int64(2), int64(g.Arch.MemLen)+pos+m
	bytes := span * (rowBytes(o.Keys) + 4*int64(o.Values.Rows.Size()))
	if o.Kind == RelativeAttention {
		products = 3
		bytes += span * rowBytes(o.RelKeys)
	}
	heads, dim := int64(o.Heads), int64(o.Dim)
	return Work{MACs: products * heads * dim * seen, Elements: heads * seen, Bytes: bytes}
}

// rowBytes is the stored size of one row of t, a packed one's filling shared out.
func rowBytes(t *Tensor) int64 { return storedBytes(t) / int64(t.Rows.Size()) }

// storedBytes is the stored size of t and its scales.
func storedBytes(t *Tensor) int64 {
	if t.Scales == nil {
		return t.Bytes()
	}
	return t.Bytes() + t.Scales.Bytes()
}

// ResponseWork is what one response takes: reading the prompt, then decoding
// token by token until the context is full. Graph.Ready does not count, since it
// runs once, when the weights are there.
func (g *Graph) ResponseWork() Work {
	prompt, steps := g.Workload.PromptLen, int64(g.Workload.Context-g.Workload.PromptLen)
	var sum Work
	for _, o := range g.Ops {
		sum = sum.Add(g.Work(o, 0, prompt))
		if steps > 0 {
			// Decoding grows linearly with the position: the sum is that of an
			// arithmetic series.
			ends := g.Work(o, prompt, 1).Add(g.Work(o, g.Workload.Context-1, 1))
			sum = sum.Add(Work{ends.MACs * steps / 2, ends.Elements * steps / 2, ends.Bytes * steps / 2})
		}
	}
	return sum
}
