package arch

import (
	"fmt"
	"strconv"
	"strings"
)

// String describes the decoder in one short line for people: backbone, depth,
// d_model, d_inner and heads, where per-layer values that are all equal are
// written once: "gpt2 L3 d320 D2176|3072|2496 h2". It does not mention the
// embedding; only [Architecture.ID] tells architectures apart.
func (a Architecture) String() string {
	return fmt.Sprintf("%s L%d d%d D%s h%s", a.Backbone, len(a.Layers), a.DModel,
		join(a.perLayer(dInner)), join(a.perLayer(heads)))
}

func dInner(l Layer) int { return l.DInner }
func heads(l Layer) int  { return l.Heads }

// perLayer lists one dimension of every layer; it is never nil.
func (a Architecture) perLayer(dim func(Layer) int) []int {
	values := make([]int, len(a.Layers))
	for i, l := range a.Layers {
		values[i] = dim(l)
	}
	return values
}

// join writes values separated by '|', or one value that all share once.
func join(values []int) string {
	if allEqual(values) {
		values = values[:min(1, len(values))]
	}
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = strconv.Itoa(v)
	}
	return strings.Join(words, "|")
}

func allEqual(values []int) bool {
	for _, v := range values {
		if v != values[0] {
			return false
		}
	}
	return true
}
