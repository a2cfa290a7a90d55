package graph_test

import (
	"slices"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
)

// TestGroups checks that groups hold every operation once, in order, under the
// names that a reader knows.
func TestGroups(t *testing.T) {
	for _, a := range slices.Concat(architectures(t, 10), odd(20)) {
		g := build(t, a, workload(8, 16))
		groups := g.Groups()
		seen := map[string]bool{}
		var ops int
		var prefill graph.Work
		for _, group := range groups {
			if seen[group.Name] || group.Name == "" || len(group.Ops) == 0 {
				t.Errorf("%v: group %q of %d operations", a, group.Name, len(group.Ops))
			}
			seen[group.Name] = true
			ops += len(group.Ops)
			prefill = prefill.Add(g.GroupWork(group, 0, 8))
			next := 0 // of g.Ops, for this group's order
			for _, o := range group.Ops {
				if o.Kind != group.Ops[0].Kind || o.LastRow != group.Ops[0].LastRow {
					t.Errorf("%v: group %q has operations of kinds %d and %d", a, group.Name, group.Ops[0].Kind, o.Kind)
				}
				i := slices.IndexFunc(g.Ops[next:], func(p graph.Op) bool { return p == o })
				if i < 0 {
					t.Fatalf("%v: group %q is out of order", a, group.Name)
				}
				next += i + 1
			}
		}
		var whole graph.Work
		for _, o := range g.Ops {
			whole = whole.Add(g.Work(o, 0, 8))
		}
		if ops != len(g.Ops) || prefill != whole {
			t.Errorf("%v: groups hold %d of %d operations, %+v of %+v", a, ops, len(g.Ops), prefill, whole)
		}
	}
	layers := []arch.Layer{{Heads: 2, DInner: 40}, {Heads: 2, DInner: 40}}
	for _, c := range []struct {
		arch arch.Architecture
		want []string
	}{
		{arch.Architecture{Backbone: arch.GPT2, Vocab: 90, DModel: 24, DEmbed: 16, MaxLen: 64, Layers: layers},
			[]string{"embed", "emb_proj", "wpe", "ln_1", "attn.k", "attn.v", "attn.values", "attn.q", "attention", "attn.o", "ln_2",
				"mlp.fc", "mlp.proj", "ln_f", "head.proj", "head"}},
		{arch.Architecture{Backbone: arch.TransformerXL, Vocab: 90, DModel: 24, MemLen: 8, DivVal: 2, Cutoffs: []int{30, 60}, Layers: layers},
			[]string{"embed", "emb_proj", "attn.k", "attn.v", "attn.values", "attn.q", "attn.position", "attn.content", "attention", "attn.o",
				"ln_1", "mlp.fc", "mlp.proj", "ln_2", "head.proj", "head", "log_softmax"}},
	} {
		var names []string
		for _, group := range build(t, c.arch, workload(8, 16)).Groups() {
			names = append(names, group.Name)
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%v: groups %q, want %q", c.arch, names, c.want)
		}
	}
}

// TestUsage compares the parts of each region with the plan's account of it, and
// the arena's with what lies at each address.
func TestUsage(t *testing.T) {
	for _, a := range slices.Concat(architectures(t, 10), odd(20)) {
		g := build(t, a, workload(9, 20))
		sums := map[graph.Kind]int64{}
		var tensors int
		var total int64
		parts := g.Usage()
		for i, p := range parts {
			sums[p.Kind] += p.Bytes
			tensors += p.Tensors
			total += p.Bytes
			if p.Bytes < 0 || i > 0 && p.Bytes > parts[i-1].Bytes {
				t.Errorf("%v: %s takes %d bytes", a, p.Name, p.Bytes)
			}
		}
		m := g.Memory
		want := map[graph.Kind]int64{graph.IO: m.IOBytes - 64, graph.Weight: m.WeightBytes, graph.Derived: m.DerivedBytes, graph.Cache: m.KVBytes,
			graph.Activation: m.ArenaBytes,
			graph.Unused:     64 + m.TotalBytes - m.IOBytes - m.WeightBytes - m.DerivedBytes - m.KVBytes - m.ArenaBytes}
		for kind, bytes := range want {
			if sums[kind] != bytes {
				t.Errorf("%v: %v take %d bytes, planned are %d", a, kind, sums[kind], bytes)
			}
		}
		if total != m.TotalBytes || tensors != len(g.Tensors) {
			t.Errorf("%v: %d of %d bytes, %d of %d tensors", a, total, m.TotalBytes, tensors, len(g.Tensors))
		}

		// Line by line of the arena, with its largest tensor; for those that have
		// their role's name for themselves.
		owned := map[string]int64{}
		for line := int64(0); line < m.ArenaBytes; line += 64 {
			var owner *graph.Tensor
			for _, x := range g.Tensors {
				at := x.Offset - (m.IOBytes + m.WeightBytes + m.DerivedBytes + m.KVBytes)
				if x.Kind == graph.Activation && at <= line && line < at+x.Bytes() && (owner == nil || x.Bytes() > owner.Bytes()) {
					owner = x
				}
			}
			if owner == nil {
				t.Fatalf("%v: byte %d of the arena is no tensor's", a, line)
			}
			owned[owner.Name] += 64
		}
		for _, x := range g.Tensors {
			i := slices.IndexFunc(parts, func(p graph.Usage) bool { return p.Name == x.Name && p.Tensors == 1 })
			if x.Kind == graph.Activation && i >= 0 && parts[i].Bytes != owned[x.Name] {
				t.Errorf("%v: %s takes %d bytes, and is the largest at %d", a, x.Name, parts[i].Bytes, owned[x.Name])
			}
		}
	}
}
