package wgsl

import (
	"math"

	"litefront/searchcore/graph"
)

// quads is how many vectors of four floats a row of t has.
func quads(t *graph.Tensor) int { return t.Stride() / 4 }

func ceil(a, b int) uint32 { return uint32((a + b - 1) / b) }

// row gives the parameters of an operation's input: where it is the last row of
// several, the distance of rows too.
func (e *emitter) row(o graph.Op) (p params) {
	p.x = e.at(o.X)
	if o.LastRow && o.X.Rows.Len > 1 {
		p.last = uint32(o.X.Stride())
	}
	return p
}

// op adds the dispatch of o; with one, of a single row.
func (e *emitter) op(o graph.Op, one bool) {
	var p params
	c4 := quads(o.Y)
	// byRow has an invocation for every vector of every row.
	byRow := Dispatch{X: ceil(c4, 64), Z: 1, Rows: 1}
	switch o.Kind {
	case graph.Embed:
		p.at[0] = [4]uint32{e.at(o.W), uint32(c4), e.at(o.Y), math.Float32bits(float32(o.Scale))}
		p.n, p.extra = uint32(o.W.Rows.Len), uint32(o.Start)
		byRow.Matrix = e.places[o.W].buffer
		e.add(e.shader("embed", nil), p.words(), byRow)
	case graph.Positions:
		p.at[0], p.n = [4]uint32{0, e.at(o.W), e.at(o.Y)}, uint32(c4)
		e.add(e.shader("positions", nil), p.words(), byRow)
	case graph.Shift:
		p.x, p.at[0], p.n = e.at(o.X), [4]uint32{0, e.at(o.B), e.at(o.Y)}, uint32(c4)
		e.add(e.shader("shift", nil), p.words(), byRow)
	case graph.Norm:
		p = e.row(o)
		p.at[0] = [4]uint32{e.at(o.W), e.at(o.B), e.at(o.Y)}
		d := Dispatch{X: 1, Z: 1, Rows: 1}
		if o.LastRow {
			d = Dispatch{X: 1, Y: 1, Z: 1}
		}
		p.n, p.extra = uint32(c4), uint32(o.X.Cols.Len)
		e.add(e.shader("norm", constants{"GATHER": e.gather(64)}), p.words(), d)
	case graph.Linear:
		e.linear([]graph.Op{o}, one)
	case graph.Transpose:
		p.x, p.at[0] = e.at(o.X), [4]uint32{uint32(e.g.Arch.MemLen), 0, e.at(o.Y)}
		n := o.X.Stride()
		p.n, p.extra = uint32(n), uint32(quads(o.Y))
		e.add(e.shader("transpose", nil), p.words(),
			Dispatch{X: ceil(n, 64), Y: 1, Z: 1, Rows: 4})
	case graph.Unproject:
		p = e.row(o)
		p.at[0] = [4]uint32{e.at(o.W), 0, e.at(o.Y)}
		p.n, p.extra = uint32(o.W.Rows.Len), uint32(c4)
		e.add(e.shader("unproject", nil), p.words(), Dispatch{Matrix: e.places[o.W].buffer, X: ceil(c4, 16), Y: 1, Z: 1})
	case graph.Attention, graph.RelativeAttention:
		e.attention(o, one)
	case graph.LogSoftmax:
		p.x, p.at[0], p.n = e.at(o.X), [4]uint32{0, 0, e.at(o.Y)}, uint32(o.Y.Cols.Len)
		e.add(e.shader("logsoftmax", constants{"SHIFTED": o.X != nil, "GATHER": e.gather(256)}), p.words(), Dispatch{X: 1, Y: 1, Z: 1})
	case graph.Sinusoid:
		p.at[0] = [4]uint32{0, 0, e.at(o.Y)}
		d := o.Y.Cols.Len
		e.add(e.shader("sinusoid", constants{"C4": c4, "WIDTH": d, "HALF": (d + 1) / 2, "TURNS": turns(d)}), p.words(), byRow)
	}
}

// linear adds up to three products of one input.
func (e *emitter) linear(ops []graph.Op, one bool) {
	o := ops[0]
	n, k4 := o.W.Rows.Size(), quads(o.W)
	p := e.row(o)
	for i, o := range ops {
		p.at[i] = [4]uint32{e.at(o.W), e.at(o.B), e.at(o.Y)}
		if o.Y.Kind == graph.Cache {
			p.at[i][2] += uint32(e.g.Arch.MemLen * o.Y.Stride())
			p.at[i][3] = uint32(o.Y.Stride())
		}
	}
	p.n, p.extra = uint32(n), uint32(k4)
	c := constants{"BIAS": o.B != nil, "RESIDUAL": o.Residual, "GELU": o.GELU, "RELU": o.ReLU}
	d := Dispatch{Matrix: e.places[o.W].buffer, Z: uint32(len(ops))}
	if one || o.LastRow {
		// As many invocations share a result as leave each a few steps.
		lanes := 8
		for lanes < 64 && k4 > 4*lanes {
			lanes *= 2
		}
		if e.adapter.Software {
			// They wait long for one another, unless a subgroup is all of them.
			if lanes = 8; e.gather(lanes) == 4 {
				lanes = 4
			}
		}
		c["LANES"], c["GATHER"] = lanes, e.gather(lanes)
		d.X, d.Y = ceil(n/4+2, 64/lanes), 1 // results may begin within a vector
		e.add(e.shader("matvec", c), p.words(), d)
		return
	}
	rows := e.g.Workload.PromptLen
	if o.Y.Kind == graph.Derived {
		rows = o.Y.Rows.Len
	}
	// Large tiles read less, small ones keep more of a large GPU busy.
	tx, ty := 16, 16
	if int(ceil(n, 64)*ceil(rows, 64))*len(ops) < 128 {
		tx, ty = 8, 8
	}
	if rows <= 16 {
		ty = 4
	}
	c["TX"], c["TY"] = tx, ty
	d.X, d.Rows = ceil(n, 4*tx), uint32(4*ty)
	e.add(e.shader("matmul", c), p.words(), d)
}

// attention adds attention, relative or not.
func (e *emitter) attention(o graph.Op, one bool) {
	p := params{x: e.at(o.X)}
	d4 := quads(o.X) / o.Heads
	p.at[0] = [4]uint32{e.at(o.Keys), e.at(o.Values), e.at(o.Y), math.Float32bits(float32(1 / math.Sqrt(float64(o.Dim))))}
	p.at[1] = [4]uint32{e.at(o.RelQueries), e.at(o.RelKeys), uint32(quads(o.Values)), uint32(e.g.Arch.MemLen)}
	p.at[2][0] = uint32(d4)
	p.n, p.extra = uint32(quads(o.X)), uint32(e.g.Span())
	// Rows in a workgroup, so that its invocations keep few results each.
	rows := 16
	if d4 > 64 {
		rows = 4
	}
	if one {
		rows = 1
	}
	mine := 1 // a power of two, so that few pipelines serve all widths
	for mine*128 < rows*d4 {
		mine *= 2
	}
	e.add(e.shader("attention", constants{"R": rows, "MINE": mine, "GATHER": e.gather(128 / rows), "RELATIVE": o.Kind == graph.RelativeAttention}),
		p.words(), Dispatch{X: uint32(o.Heads), Z: 1, Rows: uint32(rows)})
}

// turns are the angles between two neighbouring distances in each column of an encoding
// d wide, in 2^-32 turns (Dai et al. 2019, as ops.Sinusoid).
func turns(d int) []int32 {
	list := make([]int32, (d+1)/2)
	for c := range list {
		list[c] = int32(int64(math.RoundToEven(math.Pow(10000, -2*float64(c)/float64(d)) / (2 * math.Pi) * (1 << 32))))
	}
	return list
}
