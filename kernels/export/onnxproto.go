package export

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Values of TensorProto.DataType.
const (
	onnxFloat  = 1
	onnxInt64  = 7
	onnxDouble = 11
)

// Fields of GraphProto.
const (
	onnxInput  = 11
	onnxOutput = 12
)

// onnxGraph is a GraphProto in the making, by the field numbers of onnx.proto.
type onnxGraph struct {
	proto message
	nodes int
}

// value declares an input or output. Dimensions are integers, or names for those
// that are free.
func (g *onnxGraph) value(field protowire.Number, name string, dtype int64, dims ...any) {
	var shape, tensor, typ, info message
	for _, d := range dims {
		var dim message
		switch d := d.(type) {
		case int:
			dim.integer(1, int64(d)) // dim_value
		case string:
			dim.text(2, d) // dim_param
		}
		shape.nested(1, &dim)
	}
	tensor.integer(1, dtype)
	tensor.nested(2, &shape)
	typ.nested(1, &tensor)
	info.text(1, name)
	info.nested(2, &typ)
	g.proto.nested(field, &info)
}

// node adds a node with one output and returns the name of that.
func (g *onnxGraph) node(op string, inputs []string, attributes ...message) string {
	g.nodes++
	name := fmt.Sprintf("%s_%d", op, g.nodes)
	g.named(name, op, inputs, attributes...)
	return name
}

// named is node with a chosen name.
func (g *onnxGraph) named(name, op string, inputs []string, attributes ...message) {
	var node message
	for _, input := range inputs {
		node.text(1, input)
	}
	node.text(2, name)
	node.text(3, name)
	node.text(4, op)
	for _, a := range attributes {
		node.nested(5, &a)
	}
	g.proto.nested(1, &node)
}

// initializer adds a constant, whose values are asked for when the model is written;
// no shape is a scalar.
func (g *onnxGraph) initializer(name string, x func() ([]float32, error), shape ...int) {
	var t message
	n := int64(1)
	for _, d := range shape {
		t.integer(1, int64(d))
		n *= int64(d)
	}
	t.integer(2, onnxFloat)
	t.text(8, name)
	t.floats(9, n, x) // raw_data
	g.proto.nested(5, &t)
}

func (g *onnxGraph) integers(name string, x []int64) {
	var t message
	t.integer(1, int64(len(x)))
	t.integer(2, onnxInt64)
	for _, v := range x {
		t.integer(7, v) // int64_data
	}
	t.text(8, name)
	g.proto.nested(5, &t)
}

func (g *onnxGraph) doubles(name string, x []float64) {
	var t message
	t.integer(1, int64(len(x)))
	t.integer(2, onnxDouble)
	t.text(8, name)
	t.doubles(10, x) // double_data
	g.proto.nested(5, &t)
}

// Attributes, with the values of AttributeProto.AttributeType.

func onnxReal(name string, x float32) (a message) {
	a.text(1, name)
	a.float(2, x)
	a.integer(20, 1)
	return a
}

func onnxInt(name string, x int64) (a message) {
	a.text(1, name)
	a.integer(3, x)
	a.integer(20, 2)
	return a
}

func onnxInts(name string, xs ...int64) (a message) {
	a.text(1, name)
	for _, x := range xs {
		a.integer(8, x)
	}
	a.integer(20, 7)
	return a
}
