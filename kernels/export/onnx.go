package export

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"litefront/searchcore/graph"
)

// maxONNX is what a protocol buffer message can hold, in bytes.
const maxONNX = math.MaxInt32

// WriteONNX writes g with the given weights as one self-contained ONNX model of
// opset 17, which ONNX Runtime and its browser build run as it is. It is the
// same computation as that of g's module in f32, whatever the precision of g:
//
//	input_ids                 int64 [1, n]     tokens at the positions past to past + n
//	past_key_values.L.key     f32 [1, heads, past, d_head], and .value, for each layer L
//	logits                    f32 [1, vocab]   of the last position
//	present.L.key             f32 [1, heads, past + n, d_head], and .value
//
// The names are those of Hugging Face's Optimum. n and past are free, past may
// be 0; past + n is at most max_sequence_length. A model above 2 GiB is an
// error.
func WriteONNX(w io.Writer, g *graph.Graph, weights Weights) error {
	if err := weights.check(g); err != nil {
		return err
	}
	b := onnxBuilder{g: g, weights: weights, values: map[*graph.Tensor]string{}, constants: map[string]bool{}}
	b.inputs()
	for _, o := range g.Ops {
		if err := b.op(o); err != nil {
			return err
		}
	}
	b.body.value(onnxOutput, "logits", onnxFloat, 1, g.Arch.Vocab)

	var model, opset message
	opset.integer(2, 17) // OperatorSetIdProto.version of the default domain
	model.integer(1, 8)  // ModelProto.ir_version, the one that belongs to opset 17
	model.text(2, "litefront")
	model.nested(8, &opset)
	b.body.proto.text(2, g.Arch.ID()) // GraphProto.name
	model.nested(7, &b.body.proto)
	if model.size > maxONNX {
		return fmt.Errorf("onnx: the model takes %d bytes, the format holds %d", model.size, int64(maxONNX))
	}
	buffered := bufio.NewWriterSize(w, 1<<16)
	if err := model.writeTo(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

// onnxBuilder walks a graph. Where the graph's operations write into tensors, in
// place or into a cache, ONNX has a new value for each result: values holds the
// latest one of each tensor.
type onnxBuilder struct {
	g         *graph.Graph
	weights   Weights
	body      onnxGraph
	values    map[*graph.Tensor]string
	constants map[string]bool
	causal    string // the mask, once an operation needed it
}

func pastName(layer int, what string) string {
	return fmt.Sprintf("past_key_values.%d.%s", layer, what)
}
func presentName(layer int, what string) string { return fmt.Sprintf("present.%d.%s", layer, what) }

// The values that all layers share.
const (
	onnxTokens = "tokens" // [n]
	onnxPast   = "past"   // [1]: how many positions came before
	onnxTotal  = "total"  // [1]: past + n
)

func (b *onnxBuilder) inputs() {
	b.body.value(onnxInput, "input_ids", onnxInt64, 1, "n")
	first := ""
	for _, o := range b.g.Ops {
		if o.Kind != graph.Attention {
			continue
		}
		for _, what := range []string{"key", "value"} {
			b.body.value(onnxInput, pastName(o.Layer, what), onnxFloat, 1, o.Heads, "past", o.Dim)
			b.body.value(onnxOutput, presentName(o.Layer, what), onnxFloat, 1, o.Heads, "total", o.Dim)
		}
		if first == "" {
			first = pastName(o.Layer, "key")
		}
	}
	b.body.named(onnxTokens, "Reshape", []string{"input_ids", b.ints(-1)})
	b.body.named(onnxPast, "Shape", []string{first}, onnxInt("start", 2), onnxInt("end", 3))
	b.body.named(onnxTotal, "Add", []string{onnxPast, b.node("Shape", onnxTokens)})
	b.values[b.g.Tokens] = onnxTokens
}

// node adds a node without attributes.
func (b *onnxBuilder) node(op string, inputs ...string) string { return b.body.node(op, inputs) }

func (b *onnxBuilder) op(o graph.Op) error {
	x := b.values[o.X]
	switch o.Kind {
	case graph.Embed:
		b.values[o.Y] = b.node("Gather", b.matrix(o.W), x)
	case graph.Positions:
		rows := b.node("Slice", b.matrix(o.W), onnxPast, onnxTotal, b.ints(0))
		b.values[o.Y] = b.node("Add", b.values[o.Y], rows)
	case graph.Norm:
		if o.LastRow {
			x = b.node("Slice", x, b.ints(-1), b.ints(math.MaxInt64), b.ints(0))
		}
		b.values[o.Y] = b.body.node("LayerNormalization", []string{x, b.vector(o.W), b.vector(o.B)}, onnxReal("epsilon", 1e-5))
	case graph.Linear:
		b.linear(o, x)
	case graph.Quantize:
		b.values[o.Y] = x // the weights are given as floats, and stay so
	case graph.Transpose:
		b.values[o.Y] = x // the module keeps values transposed; here they are as they come
	case graph.Unproject:
		b.values[o.Y] = b.node("MatMul", x, b.matrix(o.W))
	case graph.Attention:
		b.attention(o, x)
	default:
		return fmt.Errorf("onnx: arch_type %q, or an embedding of several clusters, cannot be exported yet", b.g.Arch.Backbone)
	}
	return nil
}

func (b *onnxBuilder) linear(o graph.Op, x string) {
	inputs := []string{x, b.matrix(o.W)}
	if o.B != nil {
		inputs = append(inputs, b.vector(o.B))
	}
	if o.Y == b.g.Logits {
		b.body.named("logits", "Gemm", inputs, onnxInt("transB", 1))
		return
	}
	y := b.body.node("Gemm", inputs, onnxInt("transB", 1))
	if o.GELU {
		y = b.gelu(y)
	}
	if o.Residual {
		y = b.node("Add", b.values[o.Y], y)
	}
	b.values[o.Y] = y
}

// gelu is the tanh form, ½x·(1 + tanh(√(2/π)·(x + 0.044715x³))), in the shape that
// ONNX Runtime recognises and fuses.
func (b *onnxBuilder) gelu(x string) string {
	cube := b.node("Pow", x, b.float(3))
	inner := b.node("Add", x, b.node("Mul", cube, b.float(0.044715)))
	tanh := b.node("Tanh", b.node("Mul", inner, b.float(math.Sqrt(2/math.Pi))))
	return b.node("Mul", b.node("Mul", x, b.float(0.5)), b.node("Add", tanh, b.float(1)))
}

// attention is softmax(q·kᵀ/√d_head + mask)·v of every head, over the past too.
func (b *onnxBuilder) attention(o graph.Op, q string) {
	// [n, heads·d_head] to [1, heads, n, d_head]
	split := func(x string) string {
		x = b.node("Reshape", x, b.ints(1, -1, int64(o.Heads), int64(o.Dim)))
		return b.body.node("Transpose", []string{x}, onnxInts("perm", 0, 2, 1, 3))
	}
	present := func(what string, t *graph.Tensor) string {
		name := presentName(o.Layer, what)
		b.body.named(name, "Concat", []string{pastName(o.Layer, what), split(b.values[t])}, onnxInt("axis", 2))
		return name
	}
	k, v := present("key", o.Keys), present("value", o.Values)
	kT := b.body.node("Transpose", []string{k}, onnxInts("perm", 0, 1, 3, 2))
	q = b.node("Mul", split(q), b.float(1/math.Sqrt(float64(o.Dim))))
	scores := b.node("Add", b.node("MatMul", q, kT), b.mask())
	p := b.body.node("Softmax", []string{scores}, onnxInt("axis", -1))
	y := b.body.node("Transpose", []string{b.node("MatMul", p, v)}, onnxInts("perm", 0, 2, 1, 3))
	b.values[o.Y] = b.node("Reshape", y, b.ints(-1, int64(o.Heads*o.Dim)))
}

// mask is [n, total]: 0 where a row's position sees a column's, -∞ elsewhere.
func (b *onnxBuilder) mask() string {
	if b.causal == "" {
		past, total := b.node("Squeeze", onnxPast), b.node("Squeeze", onnxTotal)
		zero, one := b.node("Squeeze", b.ints(0)), b.node("Squeeze", b.ints(1))
		rows := b.node("Unsqueeze", b.node("Range", past, total, one), b.ints(1))
		columns := b.node("Range", zero, total, one)
		b.causal = b.node("Where", b.node("LessOrEqual", columns, rows), b.float(0), b.float(math.Inf(-1)))
	}
	return b.causal
}

// matrix is a weight of the model in its logical shape, [rows, cols].
func (b *onnxBuilder) matrix(t *graph.Tensor) string { return b.weight(t, t.Rows.Len, t.Cols.Len) }

// vector is a weight of the model of one row, [cols].
func (b *onnxBuilder) vector(t *graph.Tensor) string { return b.weight(t, t.Cols.Len) }

func (b *onnxBuilder) weight(t *graph.Tensor, shape ...int) string {
	return b.constant(t.Name, func() { b.body.initializer(t.Name, b.weights[t.Name], shape...) })
}

// float is a scalar constant.
func (b *onnxBuilder) float(x float64) string {
	name := fmt.Sprintf("float %v", float32(x))
	return b.constant(name, func() { b.body.initializer(name, []float32{float32(x)}) })
}

// ints is a constant list of integers.
func (b *onnxBuilder) ints(x ...int64) string {
	name := fmt.Sprintf("ints %v", x)
	return b.constant(name, func() { b.body.integers(name, x) })
}

// constant adds what add adds, once.
func (b *onnxBuilder) constant(name string, add func()) string {
	if !b.constants[name] {
		b.constants[name] = true
		add()
	}
	return name
}
