// Package survey says what is in a search space, without measuring: how many
// architectures, how large they are, and which values the rules leave to none.
package survey

import (
	"math/big"
	"slices"

	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// Survey is what is known of a space without measuring.
type Survey struct {
	Name string        `json:"name"`
	Arch arch.Backbone `json:"arch_type"`
	// Size counts the architectures that the rules allow. With Bounded, the bounds
	// on the decoder parameters exclude some of them.
	Size    *big.Int `json:"size"`
	Bounded bool     `json:"bounded"`
	Genes   []Gene   `json:"genes"`

	DecoderParams Extent `json:"decoder_params"`
	TotalParams   Extent `json:"total_params"`
	// PeakBytes is what modules take under Workload; both are nil before [Survey.Plan].
	PeakBytes *Extent         `json:"peak_bytes,omitempty"`
	Workload  *trial.Workload `json:"workload,omitempty"`

	// Extremes are members, at least one: see [space.Reach].
	Extremes []arch.Architecture `json:"-"`
	exact    bool                // no member is beyond the extremes
}

// Gene is a gene's values: those that members have, and the others.
type Gene struct {
	Name   string        `json:"name"`
	Values space.Choices `json:"values"`
	Dead   space.Choices `json:"dead,omitempty"`
}

// Extent is a range over all members. What is not exact is that of the members
// found nearest to the bounds on the decoder parameters.
type Extent struct {
	Min   int64 `json:"min"`
	Max   int64 `json:"max"`
	Exact bool  `json:"exact"`
}

// Of surveys a space. An error says that it is not valid, or that no member was found.
func Of(sp space.Space) (Survey, error) {
	r, err := sp.Reach()
	if err != nil {
		return Survey{}, err
	}
	s := Survey{Name: sp.Name, Arch: sp.Backbone, Size: sp.Size(), Bounded: r.Bounded, Extremes: r.Extremes, exact: r.Exact}
	for _, g := range []struct {
		name             string
		listed, reaching space.Choices
	}{
		{"n_layer", sp.NLayer, r.NLayer}, {"d_model", sp.DModel, r.DModel}, {"d_inner", sp.DInner, r.DInner},
		{"n_head", sp.NHead, r.NHead}, {"div_val", sp.DivVal, r.DivVal},
	} {
		dead := slices.DeleteFunc(slices.Clone(g.listed), func(v int) bool { return slices.Contains(g.reaching, v) })
		s.Genes = append(s.Genes, Gene{g.name, g.reaching, dead})
	}
	var decoder, total []int64
	for _, a := range r.Extremes {
		decoder, total = append(decoder, a.DecoderParams()), append(total, a.TotalParams())
	}
	s.DecoderParams, s.TotalParams = ExtentOf(decoder, r.Exact), ExtentOf(total, r.Exact)
	return s, nil
}

// Plan finds the members' peak memory under w from the plans of most extremes at the
// most: each takes up to a millisecond.
func (s *Survey) Plan(w trial.Workload, most int) error {
	var peak []int64
	step := 1 + (len(s.Extremes)-1)/most
	for i := 0; i < len(s.Extremes); i += step {
		g, err := graph.Build(s.Extremes[i], w)
		if err != nil {
			return err
		}
		peak = append(peak, g.Memory.TotalBytes)
	}
	extent := ExtentOf(peak, s.exact && step == 1)
	s.PeakBytes, s.Workload = &extent, &w
	return nil
}

// ExtentOf is the range of some values.
func ExtentOf(values []int64, exact bool) Extent {
	return Extent{slices.Min(values), slices.Max(values), exact}
}
