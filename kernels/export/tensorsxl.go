package export

import (
	"fmt"

	"litefront/searchcore/arch"
)

// transformerXL lists what TransfoXLLMHeadModel has with untied biases.
func (l *tensorList) transformerXL(a arch.Architecture) {
	linear := func(name string, in, out int, of string) {
		l.add(name+".weight", []int{out, in}, of+".weight")
		l.add(name+".bias", []int{out}, of+".bias")
	}
	l.adaptiveEmbedding(a)
	d := a.DModel
	for i, layer := range a.Layers {
		of, name := fmt.Sprintf("h.%d.", i), fmt.Sprintf("%slayers.%d.", prefix, i)
		heads, dim := layer.Heads, a.HeadDim(i)
		l.add(name+"dec_attn.r_w_bias", []int{heads, dim}, of+"attn.content.bias")
		l.add(name+"dec_attn.r_r_bias", []int{heads, dim}, of+"attn.position.bias")
		l.add(name+"dec_attn.qkv_net.weight", []int{3 * heads * dim, d}, of+"attn.q.weight", of+"attn.k.weight", of+"attn.v.weight")
		l.add(name+"dec_attn.r_net.weight", []int{heads * dim, d}, of+"attn.r.weight")
		l.add(name+"dec_attn.o_net.weight", []int{d, heads * dim}, of+"attn.o.weight")
		l.norm(name+"dec_attn.layer_norm", of+"ln_1", d)
		linear(name+"pos_ff.CoreNet.0", d, layer.DInner, of+"mlp.fc")
		linear(name+"pos_ff.CoreNet.3", layer.DInner, d, of+"mlp.proj")
		l.norm(name+"pos_ff.layer_norm", of+"ln_2", d)
	}
	l.adaptiveSoftmax(a)
}

// tables are the embeddings that a's clusters have: one each, or one for all if
// they have the same width. suffix is that of names, where there are several.
func tables(a arch.Architecture) (list []arch.Cluster, suffix func(i int) string) {
	list = a.Clusters()
	if a.DivVal == 1 {
		list = []arch.Cluster{{End: a.Vocab, Width: a.DEmbed}}
	}
	if len(list) == 1 {
		return list, func(int) string { return "" }
	}
	return list, func(i int) string { return fmt.Sprintf(".%d", i) }
}

func (l *tensorList) adaptiveEmbedding(a arch.Architecture) {
	list, suffix := tables(a)
	for i, t := range list {
		l.add(fmt.Sprintf("%sword_emb.emb_layers.%d.weight", prefix, i), []int{t.End - t.Start, t.Width}, "wte"+suffix(i)).
			copies = []string{fmt.Sprintf("%sout_layers.%d.weight", softmax, i)}
	}
	if !a.Projected() {
		return
	}
	for i, t := range list {
		s := l.add(fmt.Sprintf("%sword_emb.emb_projs.%d", prefix, i), []int{a.DModel, t.Width}, "emb_proj"+suffix(i))
		s.copies = []string{fmt.Sprintf("%sout_projs.%d", softmax, i)}
		if len(list) == 1 { // which all clusters share
			for c := 1; c < len(a.Clusters()); c++ {
				s.copies = append(s.copies, fmt.Sprintf("%sout_projs.%d", softmax, c))
			}
		}
	}
}

func (l *tensorList) adaptiveSoftmax(a arch.Architecture) {
	if tails := len(a.Clusters()) - 1; tails > 0 {
		l.add(softmax+"cluster_weight", []int{tails, a.DEmbed}, "clusters.weight")
		l.add(softmax+"cluster_bias", []int{tails}, "clusters.bias")
	}
	list, suffix := tables(a)
	for i, t := range list {
		l.add(fmt.Sprintf("%sout_layers.%d.bias", softmax, i), []int{t.End - t.Start}, "out"+suffix(i)+".bias")
	}
}
