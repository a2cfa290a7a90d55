package arch

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// genArch draws valid architectures, in any spelling. The domain is narrow, so
// that two draws often mean the same.
func genArch(t *rapid.T) Architecture {
	a := Architecture{
		Backbone: rapid.SampledFrom([]Backbone{GPT2, TransformerXL}).Draw(t, "backbone"),
		Vocab:    rapid.IntRange(1, 12).Draw(t, "vocab"),
		DModel:   4 * rapid.IntRange(1, 4).Draw(t, "d_model/4"),
		DEmbed:   rapid.IntRange(0, 16).Draw(t, "d_embed"),
		DivVal:   rapid.IntRange(0, 9).Draw(t, "div_val"),
		MaxLen:   rapid.IntRange(1, 3).Draw(t, "max_len"),
	}
	for _, cut := range []int{3, 6, 9, 20} {
		if rapid.Bool().Draw(t, "cut") {
			a.Cutoffs = append(a.Cutoffs, cut)
		}
	}
	heads := []int{1, 2, 4}
	if a.Backbone == TransformerXL {
		a.MemLen = rapid.IntRange(0, 2).Draw(t, "mem_len")
		heads = append(heads, 3)
	}
	for range rapid.IntRange(1, 3).Draw(t, "layers") {
		a.Layers = append(a.Layers, Layer{
			Heads:  rapid.SampledFrom(heads).Draw(t, "heads"),
			DInner: rapid.IntRange(1, 3).Draw(t, "d_inner"),
		})
	}
	for a.Validate() != nil { // only the widths of the clusters can be wrong
		a.Cutoffs = a.Cutoffs[:len(a.Cutoffs)-1]
	}
	return a
}

// computation writes out everything that what a computes depends on: the shapes
// of all tensors, which are shared, and the lengths.
func computation(a Architecture) string {
	width, div := a.DEmbed, a.DivVal
	if width == 0 {
		width = a.DModel
	}
	if div == 0 {
		div = 1
	}
	start, power, tables := 0, 1, []string{}
	for _, end := range append(slices.Clone(a.Cutoffs), a.Vocab) {
		end = min(end, a.Vocab)
		if start < end {
			tables = append(tables, fmt.Sprintf("%d..%d×%d", start, end, width/power))
		}
		start, power = end, power*div
	}
	projections := "none"
	switch {
	case len(tables) == 1 && (width != a.DModel || div > 1), div > 1:
		projections = "one each"
	case width != a.DModel:
		projections = "one for all"
	}
	length := a.MaxLen
	if a.Backbone == TransformerXL {
		length = a.MemLen
	}
	return fmt.Sprint(a.Backbone, a.DModel, a.Layers, length, tables, projections)
}

func TestSameIDMeansSameComputation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genArch(t), genArch(t)
		if rapid.Bool().Draw(t, "alike") { // differ in the embedding alone, so that collisions are common
			b.Backbone, b.DModel, b.Layers, b.MaxLen, b.MemLen = a.Backbone, a.DModel, a.Layers, a.MaxLen, a.MemLen
		}
		if b.Validate() != nil {
			t.Skip("the mixture is not valid")
		}
		if same := computation(a) == computation(b); (a.ID() == b.ID()) != same {
			t.Errorf("%+v\nand %+v\ncompute the same: %v, IDs %s and %s", a, b, same, a.ID(), b.ID())
		}
	})
}

// TestEmbeddingSpellings goes through every embedding of a small model, so that
// no rare coincidence of widths is missed.
func TestEmbeddingSpellings(t *testing.T) {
	ids, spellings := map[string]string{}, 0
	for _, cutoffs := range [][]int{nil, {10}, {4}, {4, 10}, {4, 7}} {
		for dEmbed := 0; dEmbed <= 20; dEmbed++ {
			for divVal := 0; divVal <= maxDivVal; divVal++ {
				a := Architecture{
					Backbone: GPT2, Vocab: 10, DModel: 9, MaxLen: 1, Layers: []Layer{{1, 1}},
					DEmbed: dEmbed, DivVal: divVal, Cutoffs: cutoffs,
				}
				if a.Validate() != nil {
					continue
				}
				spellings++
				what := computation(a)
				if id, seen := ids[what]; seen && id != a.ID() {
					t.Fatalf("%+v computes what ID %s does, but has %s", a, id, a.ID())
				}
				ids[what] = a.ID()
			}
		}
	}
	distinct := map[string]bool{}
	for _, id := range ids {
		distinct[id] = true
	}
	if len(distinct) != len(ids) {
		t.Errorf("%d computations share %d IDs", len(ids), len(distinct))
	}
	if spellings < 1000 || len(ids) < 50 {
		t.Errorf("only %d spellings of %d computations were tried", spellings, len(ids))
	}
}

func TestCanonicalProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := genArch(t)
		c := a.Canonical()
		if err := c.Validate(); err != nil {
			t.Fatalf("%+v is not valid: %v", c, err)
		}
		if again := c.Canonical(); !reflect.DeepEqual(again, c) {
			t.Errorf("not idempotent: %+v, then %+v", c, again)
		}
		if c.ID() != a.ID() || c.DecoderParams() != a.DecoderParams() || c.TotalParams() != a.TotalParams() {
			t.Errorf("%+v and its canonical form %+v differ in ID or counts", a, c)
		}
		if c.Projected() != a.Projected() || !slices.Equal(c.Clusters(), a.Clusters()) {
			t.Errorf("%+v and its canonical form %+v differ in the embedding", a, c)
		}
		data, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back Architecture
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if !reflect.DeepEqual(back, c) {
			t.Errorf("%s was read as %+v, not %+v", data, back, c)
		}
	})
}

func TestCanonical(t *testing.T) {
	tests := []struct {
		name   string
		arch   Architecture
		change func(*Architecture)
		dEmbed int
		divVal int
		cuts   []int
	}{
		{"defaults become explicit", small(), func(*Architecture) {}, 64, 1, nil},
		{"dead cutoffs go", small(), func(a *Architecture) { a.Cutoffs = []int{1000, 2000} }, 64, 1, nil},
		{"live cutoffs stay", smallXL(), func(*Architecture) {}, 32, 4, []int{100, 500}},
		{"one cluster, projected by div_val", small(), func(a *Architecture) { a.DivVal = 4 }, 64, 2, nil},
		{"one cluster, projected by width", small(), func(a *Architecture) { a.DivVal, a.DEmbed = 4, 32 }, 32, 1, nil},
		{"several clusters of the same widths", small(), func(a *Architecture) { a.DivVal, a.Cutoffs = 60, []int{5} }, 64, 33, []int{5}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := changed(test.arch, test.change).Canonical()
			if c.DEmbed != test.dEmbed || c.DivVal != test.divVal || !reflect.DeepEqual(c.Cutoffs, test.cuts) {
				t.Errorf("got d_embed %d, div_val %d, cutoffs %#v; want %d, %d, %#v",
					c.DEmbed, c.DivVal, c.Cutoffs, test.dEmbed, test.divVal, test.cuts)
			}
		})
	}
	if c := changed(smallXL(), func(a *Architecture) { a.MaxLen = 77 }).Canonical(); c.MaxLen != 0 || c.MemLen != 192 {
		t.Errorf("Transformer-XL: MaxLen %d, MemLen %d", c.MaxLen, c.MemLen)
	}
	if c := changed(small(), func(a *Architecture) { a.MemLen = 77 }).Canonical(); c.MaxLen != 128 || c.MemLen != 0 {
		t.Errorf("GPT-2: MaxLen %d, MemLen %d", c.MaxLen, c.MemLen)
	}
}

func TestCanonicalSharesNothing(t *testing.T) {
	a := smallXL()
	c := a.Canonical()
	c.Layers[0].DInner, c.Cutoffs[0] = 1, 1
	if !reflect.DeepEqual(a, smallXL()) {
		t.Errorf("changing the canonical form changed its origin: %+v", a)
	}
}

func TestEmbeddingAccessors(t *testing.T) {
	a := smallXL()
	want := []Cluster{{0, 100, 32}, {100, 500, 8}, {500, 1000, 2}}
	if got := a.Clusters(); !slices.Equal(got, want) {
		t.Errorf("clusters %v, want %v", got, want)
	}
	if got, want := small().Clusters(), []Cluster{{0, 1000, 64}}; !slices.Equal(got, want) {
		t.Errorf("one cluster: %v, want %v", got, want)
	}
	if a.HeadDim(0) != 21 || a.HeadDim(1) != 16 { // ⌊64/3⌋, 64/4
		t.Errorf("head dims %d and %d, want 21 and 16", a.HeadDim(0), a.HeadDim(1))
	}
	for _, test := range []struct {
		dEmbed, divVal int
		want           bool
	}{{0, 0, false}, {64, 1, false}, {32, 1, true}, {64, 2, true}, {0, 2, true}, {128, 0, true}} {
		b := small()
		b.DEmbed, b.DivVal = test.dEmbed, test.divVal
		if b.Projected() != test.want {
			t.Errorf("d_embed %d, div_val %d: projected %v", test.dEmbed, test.divVal, b.Projected())
		}
	}
}
