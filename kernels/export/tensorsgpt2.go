package export

import (
	"fmt"

	"litefront/searchcore/arch"
)

// gpt2 lists what GPT2LMHeadModel has, and what a has beyond it: for a projected
// embedding "transformer.emb_proj.weight", [d_model][d_embed]; for one of several
// clusters what Transformer-XL has.
func (l *tensorList) gpt2(a arch.Architecture) {
	conv1D := func(name string, in, out int, parts ...string) {
		l.add(name+".weight", []int{in, out}, suffixed(parts, ".weight")...).conv1D = true
		l.add(name+".bias", []int{out}, suffixed(parts, ".bias")...)
	}
	d := a.DModel
	if clusters := a.Clusters(); len(clusters) > 1 {
		l.adaptiveEmbedding(a)
	} else {
		l.add(prefix+"wte.weight", []int{a.Vocab, clusters[0].Width}, "wte").copies = []string{"lm_head.weight"}
		if a.Projected() {
			l.add(prefix+"emb_proj.weight", []int{d, clusters[0].Width}, "emb_proj")
		}
	}
	l.add(prefix+"wpe.weight", []int{a.MaxLen, d}, "wpe")
	for i, layer := range a.Layers {
		of := fmt.Sprintf("h.%d.", i)
		name := prefix + of
		l.norm(name+"ln_1", of+"ln_1", d)
		conv1D(name+"attn.c_attn", d, 3*d, of+"attn.q", of+"attn.k", of+"attn.v")
		conv1D(name+"attn.c_proj", d, d, of+"attn.o")
		l.norm(name+"ln_2", of+"ln_2", d)
		conv1D(name+"mlp.c_fc", d, layer.DInner, of+"mlp.fc")
		conv1D(name+"mlp.c_proj", layer.DInner, d, of+"mlp.proj")
	}
	l.norm(prefix+"ln_f", "ln_f", d)
	if len(a.Clusters()) > 1 {
		l.adaptiveSoftmax(a)
	}
}
