// Package graph turns an architecture and a workload into the list of
// operations that a forward pass consists of, with shapes, tensors and their
// lifetimes, and plans where each tensor lives. It is the one walk over the
// layers: emitters, cost models and exporters all read it; only the numeric
// reference (kernels/ref) is written apart.
package graph

import (
	"fmt"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/trial"
)

// Panels are how many rows of a packed matrix lie interleaved: for every sixteen
// bytes of columns, those of one row after the other. Inner loops then read one
// stream. How many rows of floats are best depends on the registers that an engine
// has to spare; plans have room for either.
const (
	Panel     = 5
	WidePanel = 6 // of floats only
)

// Lane is the granularity, in floats, of stored dimensions that inner loops run
// over. Padding is always zero, so loops have no remainders.
const Lane = 8

// Pad rounds n up to a multiple of [Lane].
func Pad(n int) int { return (n + Lane - 1) / Lane * Lane }

// Axis is one dimension of a tensor: Len entries, stored in groups of Group that
// start Stride apart. Attention heads are groups; anything else is one group.
type Axis struct {
	Len, Group, Stride int
}

// Dense is an axis of n entries without padding.
func Dense(n int) Axis { return Axis{n, n, n} }

// Padded is an axis of n entries, padded at its end.
func Padded(n int) Axis { return Axis{n, n, Pad(n)} }

// Heads is an axis of heads groups of dim entries, each padded.
func Heads(heads, dim int) Axis { return Axis{heads * dim, dim, Pad(dim)} }

// Size is the number of stored entries, padding included.
func (x Axis) Size() int { return x.Groups() * x.Stride }

// Groups is the number of groups.
func (x Axis) Groups() int { return x.Len / x.Group }

// At is the stored index of entry i.
func (x Axis) At(i int) int { return i/x.Group*x.Stride + i%x.Group }

// Format is how a tensor's entries are stored.
type Format byte

// The formats. Those of integers belong to a quantised tensor, whose entry (r, c)
// has the value of what is stored times that of Scales at the stored row r.
const (
	F32 Format = iota // IEEE single precision; tokens: int32
	I8                // -127 to 127
	I16               // activations: -32767 to 32767
	F16               // IEEE half precision: weights on GPUs
)

// Bytes is the size of an entry.
func (f Format) Bytes() int { return []int{4, 1, 2, 2}[f] }

// Kind says which region of memory a tensor lives in.
type Kind byte

// The regions, in the order of their addresses.
const (
	IO         Kind = iota // tokens, written by the caller; what threads agree by
	Weight                 // constant during a run
	Scale                  // of quantised weights; part of them, not parameters of their own
	Derived                // computed from the weights by Graph.Ready
	Cache                  // keys and values; survive from one run to the next
	Activation             // placed in the arena by lifetime
	Unused                 // no tensor's
)

func (k Kind) String() string {
	return [...]string{"tokens", "weights", "scales", "derived", "cache", "activations", "unused"}[k]
}

// Tensor is a matrix. It is stored row-major with stride Stride(), or packed in
// panels of [Panel] or [WidePanel] rows, the last one filled up.
type Tensor struct {
	Name       string
	Kind       Kind
	Format     Format
	Rows, Cols Axis
	Packed     bool
	Offset     int64 // byte offset in linear memory; a multiple of 64 without a Base
	// First and Last are the indices, in Graph.Ready followed by Graph.Ops,
	// between which an activation must keep its value, both included.
	First, Last int
	// Base is set for a part of another tensor, one of a single row: these are its
	// entries from Start on. Graph.Tensors does not list parts.
	Base  *Tensor
	Start int
	// Scales is set where Format is one of integers: a row of floats, one for each
	// stored row, those that fill up the last panel included.
	Scales *Tensor
}

// Stride is the distance between rows, in entries: Cols.Size(), for integers
// rounded up to a multiple of 16.
func (t *Tensor) Stride() int {
	n := t.Cols.Size()
	if t.Format == F32 || t.Format == F16 {
		return n
	}
	return (n + 2*Lane - 1) / (2 * Lane) * 2 * Lane
}

// storedRows is the number of stored rows, those that fill up the last panel
// included.
func (t *Tensor) storedRows() int {
	rows := t.Rows.Size()
	if !t.Packed {
		return rows
	}
	up := func(panel int) int { return (rows + panel - 1) / panel * panel }
	if t.Format == F32 {
		return max(up(Panel), up(WidePanel))
	}
	return up(Panel)
}

// Bytes is the stored size.
func (t *Tensor) Bytes() int64 {
	return int64(t.Format.Bytes()) * int64(t.storedRows()) * int64(t.Stride())
}

// Index is where entry (row, col) is stored, in entries from Offset, if panels of
// floats have so many rows.
func (t *Tensor) Index(row, col, panel int) int {
	r, c, ld := t.Rows.At(row), t.Cols.At(col), t.Stride()
	if !t.Packed {
		return r*ld + c
	}
	n := 4 // consecutive entries of a row: what fills a vector
	if t.Format == I8 {
		n, panel = 16, Panel
	}
	return r/panel*panel*ld + c/n*n*panel + r%panel*n + c%n
}

// OpKind names an operation.
type OpKind byte

// The operations. X, W, B, Y are the fields of [Op]; rows are those of X. Where X
// and Y are the same tensor, the operation works in place.
const (
	Embed             OpKind = iota // Y[i] = Scale·W[X[i]-Start], zero for tokens that W lacks
	Positions                       // Y[i] += W[position of row i]
	Norm                            // Y = layer norm of X, scaled by W, shifted by B (eps 1e-5)
	Linear                          // Y = X·Wᵀ + B, or Y += with Residual; then GELU or ReLU if set
	Shift                           // Y = X + B
	Transpose                       // Y's columns at the rows' positions = X
	Unproject                       // Y = X·W, one row
	Attention                       // Y = causal attention of queries X over Keys and Values
	RelativeAttention               // the same, each score plus the product of RelQueries and RelKeys
	LogSoftmax                      // Y = log(softmax(Y)), plus X, one entry, if set
	Sinusoid                        // Y[i] = the sinusoids of distance rows-1-i; X is room for their frequencies
	Quantize                        // Y = X as integers, each row with a scale of its own
)

// Op is one operation. Fields that a kind does not name are nil or zero.
type Op struct {
	Kind     OpKind
	Layer    int  // -1 outside the layers
	LastRow  bool // only the last row of X is read, and Y has one row
	Residual bool
	GELU     bool
	ReLU     bool
	X, W, B  *Tensor
	Y        *Tensor

	Start int     // the token whose embedding is W's first row
	Scale float64 // of embeddings

	Heads, Dim   int
	Keys, Values *Tensor // Keys [span × heads], Values [heads × span]; see Graph.Span
	// The query at cached position i takes its product with the key at j from
	// X[i] and Keys[j], that with the distance i-j from RelQueries[i] and
	// RelKeys[span-1-(i-j)]: rows in the order of j.
	RelQueries, RelKeys *Tensor
	// Scores is a scratch of [AttentionRows × span], which in relative attention
	// has a spare row before it, for each thread.
	Scores *Tensor
}

// AttentionRows is how many query rows attention handles at a time: the height
// of its score buffer.
const AttentionRows = 16

// SyncLines is how many cache lines Graph.Sync has.
const SyncLines = 5

// Graph is the forward pass of one architecture under one workload. The same
// operations serve prefill (up to Workload.PromptLen rows) and decoding (one
// row).
type Graph struct {
	Arch     arch.Architecture // canonical
	Workload trial.Workload
	Tensors  []*Tensor
	Ready    []Op // run once, when the weights are there; rows are those of Y
	Ops      []Op
	Tokens   *Tensor // int32, one per position of the context
	// Logits are those of the last row, one per token of the vocabulary, valid
	// until the next run. If the embedding has several clusters, they are
	// log-probabilities: the logarithms of an adaptive softmax.
	Logits *Tensor
	// Sync is where several threads agree on what they do: cache lines of 16
	// integers, all zero at first. It is nil with one thread.
	Sync   *Tensor
	Memory Memory

	parts     []*Tensor // the tensors that have a Base
	quantized []Op      // the Quantize operations whose X has not changed since
}

// Span is how many positions the key-value cache holds: Transformer-XL's memory,
// then the context. The token at position i is at i + Arch.MemLen.
func (g *Graph) Span() int { return g.Arch.MemLen + g.Workload.Context }

// Build lists the operations of a under w and plans their memory. It reports
// invalid input in one line.
func Build(a arch.Architecture, w trial.Workload) (*Graph, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	if err := w.ValidateFor(a); err != nil {
		return nil, err
	}
	g := &Graph{Arch: a.Canonical(), Workload: w}
	if w.Threads > 1 {
		g.Sync = g.tensor("sync", IO, Dense(SyncLines), Dense(align/4))
	}
	switch g.Arch.Backbone {
	case arch.GPT2:
		g.gpt2()
	case arch.TransformerXL:
		g.transformerXL()
	}
	g.plan()
	return g, nil
}

// matrix adds a weight matrix in the workload's precision, packed unless that is a
// GPU's.
func (g *Graph) matrix(name string, rows, cols Axis) *Tensor {
	t := g.tensor(name, Weight, rows, cols)
	switch g.Workload.Precision {
	case trial.F16:
		t.Format = F16
	case trial.I8:
		t.Packed, t.Format = true, I8
		t.Scales = g.tensor(name+".scales", Scale, Dense(1), Padded(t.storedRows()))
	default:
		t.Packed = true
	}
	return t
}

// tensor adds a tensor.
func (g *Graph) tensor(name string, k Kind, rows, cols Axis) *Tensor {
	t := &Tensor{Name: name, Kind: k, Rows: rows, Cols: cols, First: -1, Last: -1}
	g.Tensors = append(g.Tensors, t)
	return t
}

// part names n entries of a tensor of one row, from entry start on.
func (g *Graph) part(t *Tensor, start, n int) *Tensor {
	if n == t.Cols.Len {
		return t
	}
	p := &Tensor{Name: fmt.Sprintf("%s[%d:%d]", t.Name, start, start+n), Kind: t.Kind, Rows: t.Rows, Cols: Dense(n),
		First: -1, Last: -1, Base: t, Start: start}
	g.parts = append(g.parts, p)
	return p
}

// heads is the axis of the heads of layer i.
func (g *Graph) heads(i int) Axis { return Heads(g.Arch.Layers[i].Heads, g.Arch.HeadDim(i)) }

// op adds an operation and extends the lifetimes of the activations it touches.
func (g *Graph) op(o Op) *Tensor { return g.add(&g.Ops, o) }

// ready adds an operation that precedes all of Ops.
func (g *Graph) ready(o Op) { g.add(&g.Ready, o) }

func (g *Graph) add(list *[]Op, o Op) *Tensor {
	if o.Kind == Linear && o.W.Format == I8 {
		o.X = g.quantize(list, o)
	}
	*list = append(*list, o)
	g.quantized = slices.DeleteFunc(g.quantized, func(q Op) bool { return q.X == o.Y })
	return g.live(o)
}

// quantize is what a product with quantised weights reads in place of o.X: its
// rows as integers, which all products that read the same X share.
func (g *Graph) quantize(list *[]Op, o Op) *Tensor {
	for _, q := range g.quantized {
		if q.X == o.X && q.LastRow == o.LastRow {
			return q.Y
		}
	}
	rows := o.X.Rows
	if o.LastRow {
		rows = Dense(1)
	}
	q := Op{Kind: Quantize, Layer: o.Layer, LastRow: o.LastRow, X: o.X, Y: g.tensor(o.W.Name+".input", Activation, rows, o.X.Cols)}
	q.Y.Format = I16
	q.Y.Scales = g.tensor(q.Y.Name+".scales", Activation, Dense(1), Dense(rows.Size()))
	g.add(list, q)
	g.quantized = append(g.quantized, q)
	return q.Y
}

// live extends the lifetimes of what the operation added last touches.
func (g *Graph) live(o Op) *Tensor {
	i := len(g.Ready) + len(g.Ops) - 1
	for _, t := range o.Tensors() {
		if t.Base != nil {
			t = t.Base
		}
		if t.First < 0 {
			t.First = i
		}
		t.Last = i
	}
	return o.Y
}

// Tensors lists the tensors that o reads or writes, their scales among them.
func (o Op) Tensors() []*Tensor {
	var ts []*Tensor
	for _, t := range []*Tensor{o.X, o.W, o.B, o.Y, o.Keys, o.Values, o.Scores, o.RelQueries, o.RelKeys} {
		if t == nil {
			continue
		}
		ts = append(ts, t)
		if t.Scales != nil {
			ts = append(ts, t.Scales)
		}
	}
	return ts
}
