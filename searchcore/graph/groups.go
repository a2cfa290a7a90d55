package graph

import (
	"strconv"
	"strings"
)

// Group is the operations of one role: those that do the same in every layer.
type Group struct {
	Name string // such as "attn.q", "attention" or "head"
	Ops  []Op   // in the order of their execution
}

// Groups divides Ops by role, in the order in which roles first appear.
func (g *Graph) Groups() (groups []Group) {
	index := map[string]int{}
	for _, o := range g.Ops {
		name := o.role()
		i, seen := index[name]
		if !seen {
			i = len(groups)
			index[name] = i
			groups = append(groups, Group{Name: name})
		}
		groups[i].Ops = append(groups[i].Ops, o)
	}
	return groups
}

// GroupWork is the sum of [Graph.Work] over a group.
func (g *Graph) GroupWork(group Group, pos, rows int) (w Work) {
	for _, o := range group.Ops {
		w = w.Add(g.Work(o, pos, rows))
	}
	return w
}

// role names what o does: after its weights, or what it writes if it has none,
// where that is not the name of another operation too.
func (o Op) role() string {
	switch {
	case o.Kind == Embed:
		return "embed"
	case o.Kind == Attention, o.Kind == RelativeAttention:
		return "attention"
	case o.Kind == LogSoftmax:
		return "log_softmax"
	case o.Kind == Unproject:
		return "head.proj"
	case o.Kind == Linear && o.LastRow:
		return "head"
	}
	named := o.Y
	for _, t := range []*Tensor{o.B, o.W} {
		if t != nil {
			named = t
		}
	}
	name := strings.TrimSuffix(named.role(), ".weight")
	return strings.TrimSuffix(name, ".bias")
}

// role is the name of t without the numbers of layer and cluster.
func (t *Tensor) role() string {
	var parts []string
	for part := range strings.SplitSeq(strings.TrimPrefix(t.Name, "h."), ".") {
		if _, err := strconv.Atoi(part); err != nil {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ".")
}
