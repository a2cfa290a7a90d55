package space

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"litefront/searchcore/arch"
)

// TestReachAgainstEnumeration compares with all members of small spaces.
func TestReachAgainstEnumeration(t *testing.T) {
	shared := tiny()
	shared.Shared = true
	xl := tiny()
	xl.Backbone, xl.MaxLen, xl.MemLen, xl.MinDecoderParams, xl.MaxDecoderParams = arch.TransformerXL, 0, 16, 3000, 9000
	tight := tiny()
	tight.MinDecoderParams, tight.MaxDecoderParams = 1400, 1900
	dead := tiny()
	dead.DivVal, dead.NHead, dead.DInner = Choices{2, 4, 30}, Choices{2, 5}, Choices{10, 16, 24, 32, 48}
	dead.InnerRatio, dead.MaxInnerRatio = 1.7, 2.5
	for name, s := range map[string]Space{
		"dead values": dead, "tiny": tiny(), "capped": capped(), "shared": shared, "transformer-xl": xl, "tight": tight,
		"unbounded": unbounded(tiny()), "unbounded shared": unbounded(shared), "unbounded transformer-xl": unbounded(xl),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Reach()
			if err != nil {
				t.Fatal(err)
			}
			members := slices.Collect(maps.Values(enumerate(s)))
			if bounded := len(members) < len(enumerate(unbounded(s))); got.Bounded != bounded {
				t.Errorf("Bounded = %v, want %v", got.Bounded, bounded)
			}
			want := newGeneSets()
			var decoder, total []int64
			for _, a := range members {
				want.nLayer[len(a.Layers)], want.dModel[a.DModel] = true, true
				for _, v := range s.DivVal {
					same := a
					same.DivVal = v
					want.divVal[v] = want.divVal[v] || same.ID() == a.ID()
				}
				for _, l := range a.Layers {
					want.dInner[l.DInner], want.nHead[l.Heads] = true, true
				}
				decoder, total = append(decoder, a.DecoderParams()), append(total, a.TotalParams())
			}
			for _, gene := range []struct {
				name      string
				got, want Choices
			}{
				{"n_layer", got.NLayer, want.nLayer.sorted()}, {"d_model", got.DModel, want.dModel.sorted()},
				{"d_inner", got.DInner, want.dInner.sorted()}, {"n_head", got.NHead, want.nHead.sorted()},
				{"div_val", got.DivVal, slices.DeleteFunc(slices.Clone(s.DivVal), func(v int) bool { return !want.divVal[v] })},
			} {
				if !slices.Equal(gene.got, gene.want) {
					t.Errorf("%s %v, members have %v", gene.name, gene.got, gene.want)
				}
			}
			if lo, hi := slices.Min(decoder), slices.Max(decoder); got.MinDecoderParams > lo || got.MaxDecoderParams < hi ||
				got.MinDecoderParams != lo && got.MinDecoderParams != s.MinDecoderParams ||
				got.MaxDecoderParams != hi && got.MaxDecoderParams != s.MaxDecoderParams {
				t.Errorf("decoder parameters %d to %d, members have %d to %d", got.MinDecoderParams, got.MaxDecoderParams, lo, hi)
			}
			var extremes []int64
			for _, a := range got.Extremes {
				if err := s.Contains(a); err != nil {
					t.Errorf("%v: %v", a, err)
				}
				extremes = append(extremes, a.TotalParams())
			}
			if got.Exact != (s.Shared || !got.Bounded) {
				t.Errorf("Exact = %v", got.Exact)
			}
			if got, want := [2]int64{slices.Min(extremes), slices.Max(extremes)}, [2]int64{slices.Min(total), slices.Max(total)}; got != want {
				t.Errorf("total parameters %v, members have %v", got, want)
			}
		})
	}
}

func TestReachProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpace(t)
		r, err := s.Reach()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range r.Extremes {
			checkMember(t, s, a)
		}
		random := newRand(rapid.Uint64().Draw(t, "seed"))
		for range 20 {
			a := mustSample(t, s, random)
			has := slices.Contains(r.NLayer, len(a.Layers)) && slices.Contains(r.DModel, a.DModel)
			for _, l := range a.Layers {
				has = has && slices.Contains(r.DInner, l.DInner) && slices.Contains(r.NHead, l.Heads)
			}
			if n := a.DecoderParams(); !has || n < r.MinDecoderParams || n > r.MaxDecoderParams {
				t.Fatalf("%v with %d decoder parameters is out of reach: %+v", a, n, r)
			}
		}
	})
}

func TestReachOfAnInvalidSpace(t *testing.T) {
	if r, err := (Space{}).Reach(); err == nil {
		t.Errorf("Reach() = %+v", r)
	}
}
