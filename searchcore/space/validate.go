package space

import (
	"fmt"
	"math"
	"slices"

	"litefront/searchcore/arch"
)

// maxRatio bounds InnerRatio and MaxInnerRatio: no wider d_inner exists at any
// d_model.
const maxRatio = 1 << 20

// maxNameLen bounds the length of Name in bytes.
const maxNameLen = 64

// width is a value of d_model and the values that it leaves to the genes after
// it; none of the lists is empty.
type width struct {
	dModel                int
	divVal, dInner, nHead []int
}

// Validate reports, in one line, the first thing that makes s unusable: a field
// out of range, a gene without values or with values that do not ascend, or
// genes and rules that together leave no architecture. Bounds on the decoder
// parameters count as leaving none when for every n_layer and d_model the
// smallest or the largest reachable count is beyond them; bounds that fall into
// a gap between two reachable counts are found only by sampling.
func (s Space) Validate() error {
	_, err := s.widths()
	return err
}

// widths validates s and returns the values of d_model that admit a layer.
func (s Space) widths() ([]width, error) {
	if err := s.validateFields(); err != nil {
		return nil, err
	}
	var ws []width
	var first error
	for _, d := range s.DModel {
		w, err := s.width(d)
		if err == nil {
			ws = append(ws, w)
		} else if first == nil {
			first = fmt.Errorf("with d_model %d: %w", d, err)
		}
	}
	if len(ws) == 0 {
		return nil, fmt.Errorf("space: empty: no d_model admits a layer; %w", first)
	}
	// The largest member has the largest depth and d_inner, so it stands for the
	// limits of all.
	w := ws[len(ws)-1]
	layer := arch.Layer{Heads: w.nHead[0], DInner: slices.Max(w.dInner)}
	largest := s.architecture(w.dModel, w.divVal[0], slices.Repeat([]arch.Layer{layer}, slices.Max(s.NLayer))...)
	if err := largest.Validate(); err != nil {
		return nil, fmt.Errorf("space: %w", err)
	}
	if err := s.validateBounds(ws); err != nil {
		return nil, err
	}
	return ws, nil
}

func (s Space) validateFields() error {
	if s.Name == "" || len(s.Name) > maxNameLen {
		return fmt.Errorf("space: name %.*q; allowed are 1 to %d bytes", maxNameLen, s.Name, maxNameLen)
	}
	for _, gene := range []struct {
		name     string
		values   Choices
		optional bool
	}{
		{"n_layer", s.NLayer, false},
		{"d_model", s.DModel, false},
		{"d_inner", s.DInner, false},
		{"n_head", s.NHead, false},
		{"div_val", s.DivVal, true},
	} {
		if gene.optional && len(gene.values) == 0 {
			continue
		}
		if err := gene.values.validate(gene.name); err != nil {
			return err
		}
	}
	for _, ratio := range []struct {
		name  string
		value float64
	}{
		{"inner_ratio", s.InnerRatio},
		{"max_inner_ratio", s.MaxInnerRatio},
	} {
		if !(ratio.value >= 0 && ratio.value <= maxRatio) { // NaN neither
			return fmt.Errorf("space: %s %v; allowed are 0 (no bound) to %d", ratio.name, ratio.value, maxRatio)
		}
	}
	switch {
	case s.MaxInnerRatio > 0 && s.InnerRatio >= s.MaxInnerRatio:
		return fmt.Errorf("space: inner_ratio %v must be below max_inner_ratio %v", s.InnerRatio, s.MaxInnerRatio)
	case s.MinDecoderParams < 0:
		return fmt.Errorf("space: min_decoder_params %d; allowed are 0 (no bound) and more", s.MinDecoderParams)
	case s.MaxDecoderParams < 0:
		return fmt.Errorf("space: max_decoder_params %d; allowed are 0 (no bound) and more", s.MaxDecoderParams)
	case s.MaxDecoderParams > 0 && s.MinDecoderParams > s.MaxDecoderParams:
		return fmt.Errorf("space: min_decoder_params %d exceeds max_decoder_params %d", s.MinDecoderParams, s.MaxDecoderParams)
	}
	return nil
}

// width returns the values that dModel leaves to the other genes, or why it
// leaves none. What fits a backbone is asked of package arch.
func (s Space) width(dModel int) (width, error) {
	w := width{dModel: dModel}
	var misfit error
	for _, v := range s.divVals() {
		a := s.architecture(dModel, v, arch.Layer{Heads: 1, DInner: 1})
		if err := a.Validate(); err != nil {
			misfit = err
			continue
		}
		// Values that compute the same thing are one value.
		if c := a.Canonical().DivVal; !slices.Contains(w.divVal, c) {
			w.divVal = append(w.divVal, c)
		}
	}
	if len(w.divVal) == 0 {
		return width{}, misfit
	}
	for _, h := range s.NHead {
		a := s.architecture(dModel, w.divVal[0], arch.Layer{Heads: h, DInner: 1})
		if err := a.Validate(); err != nil {
			misfit = err
			continue
		}
		w.nHead = append(w.nHead, h)
	}
	if len(w.nHead) == 0 {
		return width{}, misfit
	}
	first, _ := slices.BinarySearch(s.DInner, s.narrow(dModel)+1)
	end, _ := slices.BinarySearch(s.DInner, s.wide(dModel)+1)
	switch {
	case first == len(s.DInner):
		return width{}, fmt.Errorf("no d_inner exceeds ⌊%v·d_model⌋ = %d", s.InnerRatio, s.narrow(dModel))
	case end == 0:
		return width{}, fmt.Errorf("every d_inner exceeds ⌊%v·d_model⌋ = %d", s.MaxInnerRatio, s.wide(dModel))
	case first >= end:
		return width{}, fmt.Errorf("no d_inner exceeds ⌊%v·d_model⌋ = %d and is at most ⌊%v·d_model⌋ = %d",
			s.InnerRatio, s.narrow(dModel), s.MaxInnerRatio, s.wide(dModel))
	}
	w.dInner = s.DInner[first:end]
	return w, nil
}

// divVals are the values of div_val: 1 if none is given.
func (s Space) divVals() Choices {
	if len(s.DivVal) == 0 {
		return Choices{1}
	}
	return s.DivVal
}

// narrow is the largest d_inner that InnerRatio refuses.
func (s Space) narrow(dModel int) int { return int(s.InnerRatio * float64(dModel)) }

// wide is the largest d_inner that MaxInnerRatio allows.
func (s Space) wide(dModel int) int {
	if s.MaxInnerRatio == 0 {
		return math.MaxInt - 1
	}
	return int(s.MaxInnerRatio * float64(dModel))
}

// validateBounds checks that the bounds on the decoder parameters can be met.
// The count is a constant plus the sum over the layers, and in each layer grows
// with d_inner, so the extremes at a given d_model and depth repeat one layer.
func (s Space) validateBounds(ws []width) error {
	if s.MinDecoderParams == 0 && s.MaxDecoderParams == 0 {
		return nil
	}
	upper := s.upper()
	lowest, highest := int64(math.MaxInt64), int64(0)
	for _, w := range ws {
		constant, small, large := s.layerParams(w)
		for _, n := range s.NLayer {
			lo, hi := constant+int64(n)*small, constant+int64(n)*large
			if hi >= s.MinDecoderParams && lo <= upper {
				return nil
			}
			lowest, highest = min(lowest, lo), max(highest, hi)
		}
	}
	return fmt.Errorf("space: empty: no architecture meets min_decoder_params %d, max_decoder_params %d; decoder parameters range from %d to %d",
		s.MinDecoderParams, s.MaxDecoderParams, lowest, highest)
}

// upper is MaxDecoderParams, or what no count exceeds.
func (s Space) upper() int64 {
	if s.MaxDecoderParams == 0 {
		return math.MaxInt64
	}
	return s.MaxDecoderParams
}

// layerParams returns the decoder parameters outside the layers, and those of
// the smallest and of the largest layer, for one d_model.
func (s Space) layerParams(w width) (constant, small, large int64) {
	small = math.MaxInt64
	for _, h := range w.nHead {
		for _, inner := range []int{w.dInner[0], w.dInner[len(w.dInner)-1]} {
			rest, params := s.oneLayerParams(w, arch.Layer{Heads: h, DInner: inner})
			constant, small, large = rest, min(small, params), max(large, params)
		}
	}
	return constant, small, large
}

// oneLayerParams returns the decoder parameters outside the layers, and those of
// l, at one d_model.
func (s Space) oneLayerParams(w width, l arch.Layer) (constant, params int64) {
	one := s.architecture(w.dModel, w.divVal[0], l).DecoderParams()
	two := s.architecture(w.dModel, w.divVal[0], l, l).DecoderParams()
	return 2*one - two, two - one
}
