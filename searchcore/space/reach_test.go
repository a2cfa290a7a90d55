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
			var extremes, extremeDecoder []int64
			for _, a := range got.Extremes {
				if err := s.Contains(a); err != nil {
					t.Errorf("%v: %v", a, err)
				}
				extremes, extremeDecoder = append(extremes, a.TotalParams()), append(extremeDecoder, a.DecoderParams())
			}
			if got, want := [2]int64{slices.Min(extremeDecoder), slices.Max(extremeDecoder)}, [2]int64{slices.Min(decoder), slices.Max(decoder)}; got != want {
				t.Errorf("decoder parameters %v, members have %v", got, want)
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
			within := func(count func(arch.Architecture) int64) bool {
				var counts []int64
				for _, e := range r.Extremes {
					counts = append(counts, count(e))
				}
				return slices.Min(counts) <= count(a) && count(a) <= slices.Max(counts)
			}
			if !has || r.Exact && !(within(arch.Architecture.DecoderParams) && within(arch.Architecture.TotalParams)) {
				t.Fatalf("%v is out of reach: %+v", a, r)
			}
		}
	})
}

func TestReachOfNothing(t *testing.T) {
	gap := tiny()
	gap.NLayer, gap.DModel, gap.DInner, gap.NHead = Choices{1}, Choices{8}, Choices{16, 32}, Choices{2}
	gap.MinDecoderParams, gap.MaxDecoderParams = 700, 800 // between the two members
	if err := gap.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []Space{{}, gap} {
		if r, err := s.Reach(); err == nil {
			t.Errorf("%s: Reach() = %+v", s.Name, r)
		}
	}
}
