package wgsl

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

//go:embed shaders/*.wgsl
var files embed.FS

// text is a shader's file without comments and indentation: a program is hashed, and
// crosses boundaries.
func text(name string) string {
	data, err := files.ReadFile("shaders/" + name + ".wgsl")
	if err != nil {
		panic(err) // a name that this package does not embed
	}
	var b strings.Builder
	for line := range strings.SplitSeq(string(data), "\n") {
		line, _, _ = strings.Cut(line, "//")
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// constants are what a shader is specialised by: int (an u32), float64, bool, or
// []int32.
type constants map[string]any

func (c constants) text() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c)) {
		b.WriteString("const " + name + " = " + literal(c[name]) + ";\n")
	}
	return b.String()
}

func literal(value any) string {
	switch v := value.(type) {
	case int:
		return strconv.Itoa(v) + "u"
	case float64:
		text := strconv.FormatFloat(float64(float32(v)), 'g', 9, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return text
	case []int32:
		texts := make([]string, len(v))
		for i, x := range v {
			texts[i] = fmt.Sprintf("i32(%d)", x)
		}
		return fmt.Sprintf("array<i32, %d>(%s)", len(v), strings.Join(texts, ","))
	}
	return fmt.Sprint(value)
}

// weighted are the shaders that read matrices, in the graph's precision.
var weighted = []string{"embed", "matmul", "matvec", "unproject"}

// reducing are the shaders in which invocations reduce what each has to one value: GATHER
// of them at once, and the rest through their workgroup's memory.
var reducing = []string{"attention", "logsoftmax", "matvec", "norm"}

// gather is how many of so many invocations the adapter reduces at once.
func (e *emitter) gather(invocations int) int {
	n := 1
	for 2*n <= invocations && 2*n <= int(min(e.adapter.Subgroup, 64)) {
		n *= 2
	}
	return n
}

// shader is the pipeline of a file with its constants.
func (e *emitter) shader(name string, c constants) Pipeline {
	format := "f32"
	if e.g.Workload.Precision == trial.F16 && slices.Contains(weighted, name) {
		format = "f16"
	}
	source := c.text() + text(format) + text("common")
	if slices.Contains(reducing, name) {
		if n, ok := c["GATHER"].(int); ok && n > 1 {
			source = "enable subgroups;\n" + source + text("together")
		} else {
			source += text("alone")
		}
	}
	if name == "matmul" || name == "matvec" {
		source += text("finish")
	}
	return Pipeline{Source: source + text(name)}
}

// fill is the pipeline that fills tensors of a format.
func fill(f graph.Format) Pipeline {
	source := "alias Quad = vec4<f32>;\nfn store(v: vec4<f32>) -> Quad { return v; }\n"
	if f == graph.F16 {
		source = "alias Quad = vec2<u32>;\nfn store(v: vec4<f32>) -> Quad { return vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw)); }\n"
	}
	return Pipeline{Source: source + text("fill"), Fill: true}
}
