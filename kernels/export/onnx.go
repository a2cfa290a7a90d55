package export

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"

	"litefront/searchcore/graph"
)

// MaxONNX is what an ONNX file, a protocol buffer message, can hold, in bytes.
const MaxONNX = math.MaxInt32

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
// be 0; past + n is at most max_sequence_length, for Transformer-XL the workload's
// context. Transformer-XL's memory is part of the model and not of the past. With
// several clusters the logits are log-probabilities, as the module's are. A model
// above 2 GiB is an error.
func WriteONNX(w io.Writer, g *graph.Graph, weights Source) error {
	if err := check(weights, g); err != nil {
		return err
	}
	model, err := onnxModel(g, weights)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(w, 1<<16)
	if err := model.writeTo(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

// onnxSize is how many bytes [WriteONNX] writes.
func onnxSize(g *graph.Graph) (int64, error) {
	model, err := onnxModel(g, nil) // which asks for weights only when it is written
	if err != nil {
		return 0, err
	}
	return model.size, nil
}

func onnxModel(g *graph.Graph, weights Source) (*message, error) {
	b := onnxBuilder{g: g, weights: weights, values: map[*graph.Tensor]string{}, pieces: map[*graph.Tensor][]onnxPiece{},
		shared: map[string]string{}, constants: map[string]bool{}}
	b.inputs()
	// ONNX Runtime computes what depends on constants only when it loads a model.
	for _, o := range slices.Concat(g.Ready, g.Ops) {
		if err := b.op(o); err != nil {
			return nil, err
		}
	}
	b.body.named("logits", "Identity", []string{b.get(g.Logits)})
	b.body.value(onnxOutput, "logits", onnxFloat, 1, g.Arch.Vocab)

	model, opset := &message{}, message{}
	opset.integer(2, 17) // OperatorSetIdProto.version of the default domain
	model.integer(1, 8)  // ModelProto.ir_version, the one that belongs to opset 17
	model.text(2, "litefront")
	model.nested(8, &opset)
	b.body.proto.text(2, g.Arch.ID()) // GraphProto.name
	model.nested(7, &b.body.proto)
	if model.size > MaxONNX {
		return nil, fmt.Errorf("onnx: the model takes %d bytes, the format holds %d", model.size, int64(MaxONNX))
	}
	return model, nil
}

// onnxBuilder walks a graph. Where the graph's operations write into tensors, in
// place or into a cache, ONNX has a new value for each result: values holds the
// latest one of each tensor.
type onnxBuilder struct {
	g         *graph.Graph
	weights   Source
	body      onnxGraph
	values    map[*graph.Tensor]string
	pieces    map[*graph.Tensor][]onnxPiece // of tensors that are written in parts
	shared    map[string]string             // values that several operations need
	constants map[string]bool
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
		if o.Kind != graph.Attention && o.Kind != graph.RelativeAttention {
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

// once returns the value of that name, which compute makes when it is first needed.
func (b *onnxBuilder) once(name string, compute func() string) string {
	if b.shared[name] == "" {
		b.shared[name] = compute()
	}
	return b.shared[name]
}

func (b *onnxBuilder) op(o graph.Op) error {
	x := ""
	if o.X != nil {
		x = b.get(o.X)
	}
	if o.LastRow && o.Kind != graph.LogSoftmax {
		x = b.lastRow(x)
	}
	var y string
	switch o.Kind {
	case graph.Embed:
		y = b.embed(o, x)
	case graph.Positions:
		y = b.node("Add", b.get(o.Y), b.node("Slice", b.matrix(o.W), onnxPast, onnxTotal, b.ints(0)))
	case graph.Norm:
		y = b.body.node("LayerNormalization", []string{x, b.vector(o.W), b.vector(o.B)}, onnxReal("epsilon", 1e-5))
	case graph.Linear:
		y = b.linear(o, x)
	case graph.Shift:
		y = b.node("Add", x, b.vector(o.B))
	case graph.Quantize:
		y = x // the weights are given as floats, and stay so
	case graph.Transpose:
		y = x // the module keeps values transposed; here they are as they come
	case graph.Unproject:
		y = b.node("MatMul", x, b.matrix(o.W))
	case graph.Attention, graph.RelativeAttention:
		y = b.attention(o, x)
	case graph.LogSoftmax:
		y = b.body.node("LogSoftmax", []string{b.get(o.Y)}, onnxInt("axis", -1))
		if o.X != nil {
			y = b.node("Add", y, x)
		}
	case graph.Sinusoid:
		y = b.sinusoid(o.Y.Rows.Len, o.Y.Cols.Len)
	default:
		return fmt.Errorf("onnx: operation %d cannot be exported", o.Kind)
	}
	b.set(o.Y, y)
	if o.LastRow {
		b.shared["last row of "+y] = y
	}
	return nil
}

// lastRow is the last row of x; that of a single row is x.
func (b *onnxBuilder) lastRow(x string) string {
	return b.once("last row of "+x, func() string { return b.slice(x, 0, -1, math.MaxInt64) })
}

func (b *onnxBuilder) slice(x string, axis, start, end int64) string {
	return b.node("Slice", x, b.ints(start), b.ints(end), b.ints(axis))
}

// embed looks tokens up in one of several tables, zero where they are in another.
func (b *onnxBuilder) embed(o graph.Op, tokens string) string {
	y := ""
	if o.W.Rows.Len == b.g.Arch.Vocab {
		y = b.node("Gather", b.matrix(o.W), tokens)
	} else {
		index := b.node("Sub", tokens, b.ints(int64(o.Start)))
		inside := b.node("And", b.node("GreaterOrEqual", index, b.ints(0)), b.node("Less", index, b.ints(int64(o.W.Rows.Len))))
		y = b.node("Gather", b.matrix(o.W), b.node("Where", inside, index, b.ints(0)))
		y = b.node("Where", b.node("Unsqueeze", inside, b.ints(1)), y, b.float(0))
	}
	if o.Scale != 1 {
		y = b.node("Mul", y, b.float(o.Scale))
	}
	return y
}

func (b *onnxBuilder) linear(o graph.Op, x string) string {
	inputs := []string{x, b.matrix(o.W)}
	if o.B != nil {
		inputs = append(inputs, b.vector(o.B))
	}
	y := b.body.node("Gemm", inputs, onnxInt("transB", 1))
	if o.GELU {
		y = b.gelu(y)
	}
	if o.ReLU {
		y = b.node("Relu", y)
	}
	if o.Residual {
		y = b.node("Add", b.get(o.Y), y)
	}
	return y
}

// gelu is the tanh form, ½x·(1 + tanh(√(2/π)·(x + 0.044715x³))), in the shape that
// ONNX Runtime recognises and fuses.
func (b *onnxBuilder) gelu(x string) string {
	cube := b.node("Pow", x, b.float(3))
	inner := b.node("Add", x, b.node("Mul", cube, b.float(0.044715)))
	tanh := b.node("Tanh", b.node("Mul", inner, b.float(math.Sqrt(2/math.Pi))))
	return b.node("Mul", b.node("Mul", x, b.float(0.5)), b.node("Add", tanh, b.float(1)))
}

// matrix is a weight of the model in its logical shape, [rows, cols].
func (b *onnxBuilder) matrix(t *graph.Tensor) string { return b.weight(t, t.Rows.Len, t.Cols.Len) }

// vector is a weight of the model of one row, [cols].
func (b *onnxBuilder) vector(t *graph.Tensor) string { return b.weight(t, t.Cols.Len) }

func (b *onnxBuilder) weight(t *graph.Tensor, shape ...int) string {
	return b.constant(t.Name, func() {
		b.body.initializer(t.Name, func() ([]float32, error) { return whole(b.weights, t.Name) }, shape...)
	})
}

// float is a scalar constant.
func (b *onnxBuilder) float(x float64) string {
	name := fmt.Sprintf("float %v", float32(x))
	return b.constant(name, func() { b.body.initializer(name, func() ([]float32, error) { return []float32{float32(x)}, nil }) })
}

// doubles is a constant list of numbers in double precision.
func (b *onnxBuilder) doubles(name string, x []float64) string {
	return b.constant(name, func() { b.body.doubles(name, x) })
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
