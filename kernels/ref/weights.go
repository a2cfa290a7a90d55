package ref

import (
	"fmt"

	"litefront/searchcore/arch"
)

// Weights returns the tensor of the given name, row-major in its shape. A name
// it does not know gives nil. For d = d_model, D = d_inner of the layer, and l
// counting layers from 0, the tensors are:
//
//	wte                        [vocab][d_embed]
//	emb_proj                   [d][d_embed], only if d_embed ≠ d or div_val > 1
//	wpe                        [max_sequence_length][d]
//	h.{l}.ln_1.{weight,bias}   [d]
//	h.{l}.attn.{q,k,v}.weight  [d][d], out-major; head i is rows i·d_head and on
//	h.{l}.attn.{q,k,v}.bias    [d]
//	h.{l}.attn.o.weight        [d][d], out-major
//	h.{l}.attn.o.bias          [d]
//	h.{l}.ln_2.{weight,bias}   [d]
//	h.{l}.mlp.fc.weight        [D][d], out-major
//	h.{l}.mlp.fc.bias          [D]
//	h.{l}.mlp.proj.weight      [d][D], out-major
//	h.{l}.mlp.proj.bias        [d]
//	ln_f.{weight,bias}         [d]
//
// The names are those of Hugging Face's GPT-2 with c_attn split in q, k and v
// and "c_" dropped; its matrices are transposed (in-major).
type Weights func(name string) []float32

// model is an architecture with its tensors, all of the right length.
type model struct {
	wte, wpe *matrix
	embProj  *matrix // nil without a projection
	layers   []layer
	lnF      norm
}

type layer struct {
	heads      int
	ln1, ln2   norm
	q, k, v, o linear
	fc, proj   linear
}

func load(a arch.Architecture, w Weights) (*model, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	if a.Backbone != arch.GPT2 {
		return nil, fmt.Errorf("ref: arch_type %q is not computed; only %q is", a.Backbone, arch.GPT2)
	}
	if n := len(a.Clusters()); n != 1 {
		return nil, fmt.Errorf("ref: %d embedding clusters (cutoffs %v below vocab_size %d) are not computed; only 1 is", n, a.Cutoffs, a.Vocab)
	}
	dEmbed := a.Clusters()[0].Width

	r := reader{w: w}
	m := &model{
		wte: r.matrix("wte", a.Vocab, dEmbed),
		wpe: r.matrix("wpe", a.MaxLen, a.DModel),
		lnF: r.norm("ln_f", a.DModel),
	}
	if a.Projected() {
		m.embProj = r.matrix("emb_proj", a.DModel, dEmbed)
	}
	for i, l := range a.Layers {
		name, d := fmt.Sprintf("h.%d.", i), a.DModel
		m.layers = append(m.layers, layer{
			heads: l.Heads,
			ln1:   r.norm(name+"ln_1", d),
			q:     r.linear(name+"attn.q", d, d),
			k:     r.linear(name+"attn.k", d, d),
			v:     r.linear(name+"attn.v", d, d),
			o:     r.linear(name+"attn.o", d, d),
			ln2:   r.norm(name+"ln_2", d),
			fc:    r.linear(name+"mlp.fc", l.DInner, d),
			proj:  r.linear(name+"mlp.proj", d, l.DInner),
		})
	}
	return m, r.err
}

// reader asks for tensors and keeps the first complaint.
type reader struct {
	w   Weights
	err error
}

func (r *reader) tensor(name string, size int) []float32 {
	t := r.w(name)
	if len(t) != size && r.err == nil {
		r.err = fmt.Errorf("ref: weight %q has %d values; needed are %d", name, len(t), size)
	}
	return t
}

func (r *reader) matrix(name string, rows, cols int) *matrix {
	return &matrix{rows, cols, r.tensor(name, rows*cols)}
}

func (r *reader) linear(name string, out, in int) linear {
	return linear{r.matrix(name+".weight", out, in), r.tensor(name+".bias", out)}
}

func (r *reader) norm(name string, d int) norm {
	return norm{r.tensor(name+".weight", d), r.tensor(name+".bias", d)}
}
