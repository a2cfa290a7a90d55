package ref

import (
	"fmt"

	"litefront/searchcore/arch"
)

// Weights returns the tensor of the given name, row-major in its shape. A name
// it does not know gives nil. For d = d_model, D = d_inner of the layer, s = heads
// · d_head of the layer, and l counting layers from 0, the tensors are, out-major:
//
//	wte                          [vocab][d_embed]
//	emb_proj                     [d][d_embed], only if d_embed ≠ d or div_val > 1
//	wpe                          [max_sequence_length][d], GPT-2
//	h.{l}.ln_{1,2}.{weight,bias} [d]
//	h.{l}.attn.{q,k,v}.weight    [s][d]; head i is rows i·d_head and on
//	h.{l}.attn.{q,k,v}.bias      [s], GPT-2
//	h.{l}.attn.r.weight          [s][d], Transformer-XL
//	h.{l}.attn.content.bias      [s], Transformer-XL
//	h.{l}.attn.position.bias     [s], Transformer-XL
//	h.{l}.attn.o.weight          [d][s]
//	h.{l}.attn.o.bias            [d], GPT-2
//	h.{l}.mlp.fc.weight          [D][d]
//	h.{l}.mlp.fc.bias            [D]
//	h.{l}.mlp.proj.weight        [d][D]
//	h.{l}.mlp.proj.bias          [d]
//	ln_f.{weight,bias}           [d], GPT-2
//	out.bias                     [vocab], Transformer-XL or several clusters
//	clusters.weight              [clusters-1][d_embed], several clusters
//	clusters.bias                [clusters-1], several clusters
//
// With several clusters and div_val > 1, each cluster c has its own wte.{c},
// emb_proj.{c} and out.{c}.bias, with its tokens and its width in place of vocab
// and d_embed.
//
// GPT-2's names are those of Hugging Face with c_attn split in q, k and v and "c_"
// dropped; its matrices are transposed (in-major). Of Transformer-XL, Hugging Face
// calls attn.{q,k,v} qkv_net, attn.r r_net, attn.o o_net, content.bias r_w_bias,
// position.bias r_r_bias, mlp.fc and mlp.proj CoreNet.0 and CoreNet.3.
type Weights func(name string) []float32

func load(a arch.Architecture, w Weights) (model, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	r := reader{w: w}
	var m model
	switch a.Backbone {
	case arch.GPT2:
		m = loadGPT2(a, &r)
	case arch.TransformerXL:
		m = loadTransformerXL(a, &r)
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
