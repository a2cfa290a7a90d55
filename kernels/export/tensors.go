package export

import (
	"fmt"
	"slices"

	"litefront/searchcore/arch"
)

// stored is a tensor of a safetensors file: parts of [Weights], which Hugging
// Face's classes keep in other shapes.
type stored struct {
	name  string
	shape []int
	// parts are the tensors it is made of, equally large and side by side along
	// the last dimension. conv1D says that matrices are in-major, as in
	// transformers' Conv1D: part i is the transpose of its columns.
	parts  []string
	conv1D bool
}

func (s stored) size() int {
	n := 1
	for _, d := range s.shape {
		n *= d
	}
	return n
}

// join makes the stored tensor from its parts.
func (s stored) join(w Weights) ([]float32, error) {
	size := s.size() / len(s.parts)
	for _, part := range s.parts {
		if err := w.checkLen(part, size); err != nil {
			return nil, err
		}
	}
	joined := slices.Concat(s.tensors(w)...)
	if s.conv1D {
		joined = transpose(joined, s.shape[1], s.shape[0])
	}
	return joined, nil
}

// split gives w the parts of the stored tensor x.
func (s stored) split(x []float32, w Weights) {
	if s.conv1D {
		x = transpose(x, s.shape[0], s.shape[1])
	}
	size := len(x) / len(s.parts)
	for i, part := range s.parts {
		w[part] = x[i*size : (i+1)*size : (i+1)*size]
	}
}

func (s stored) tensors(w Weights) (parts [][]float32) {
	for _, part := range s.parts {
		parts = append(parts, w[part])
	}
	return parts
}

// prefix is where GPT2LMHeadModel keeps what GPT2Model has at its top.
const prefix = "transformer."

// storedTensors lists the tensors of a's file, in their order there: those of
// transformers' GPT2LMHeadModel, whose output layer is the embedding and not
// stored again, and for a projected embedding "transformer.emb_proj.weight",
// [d_model][d_embed], which that class does not have.
func storedTensors(a arch.Architecture) ([]stored, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	clusters := a.Clusters()
	switch {
	case a.Backbone != arch.GPT2:
		return nil, fmt.Errorf("arch_type %q has no names for its tensors in safetensors yet; %q has", a.Backbone, arch.GPT2)
	case len(clusters) > 1:
		return nil, fmt.Errorf("an embedding of %d clusters has no names for its tensors in safetensors yet", len(clusters))
	}
	var list []stored
	matrix := func(name string, rows, cols int, part string) {
		list = append(list, stored{name: prefix + name, shape: []int{rows, cols}, parts: []string{part}})
	}
	vector := func(name string, size int, parts ...string) {
		list = append(list, stored{name: prefix + name, shape: []int{size}, parts: parts})
	}
	norm := func(name string) {
		vector(name+".weight", a.DModel, name+".weight")
		vector(name+".bias", a.DModel, name+".bias")
	}
	conv1D := func(name string, in, out int, parts ...string) {
		list = append(list, stored{name: prefix + name + ".weight", shape: []int{in, out}, parts: suffixed(parts, ".weight"), conv1D: true})
		vector(name+".bias", out, suffixed(parts, ".bias")...)
	}

	d := a.DModel
	matrix("wte.weight", a.Vocab, clusters[0].Width, "wte")
	if a.Projected() {
		matrix("emb_proj.weight", d, clusters[0].Width, "emb_proj")
	}
	matrix("wpe.weight", a.MaxLen, d, "wpe")
	for i, l := range a.Layers {
		h := fmt.Sprintf("h.%d.", i)
		norm(h + "ln_1")
		conv1D(h+"attn.c_attn", d, 3*d, h+"attn.q", h+"attn.k", h+"attn.v")
		conv1D(h+"attn.c_proj", d, d, h+"attn.o")
		norm(h + "ln_2")
		conv1D(h+"mlp.c_fc", d, l.DInner, h+"mlp.fc")
		conv1D(h+"mlp.c_proj", l.DInner, d, h+"mlp.proj")
	}
	norm("ln_f")
	return list, nil
}

func suffixed(names []string, suffix string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = name + suffix
	}
	return out
}
