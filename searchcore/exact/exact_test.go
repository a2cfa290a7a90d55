package exact_test

import (
	"fmt"
	"testing"

	"litefront/searchcore/exact"
	"litefront/searchcore/objective"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

func preset(t testing.TB, name string) space.Space {
	t.Helper()
	sp, err := space.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return sp
}

func objectives(t testing.TB, names ...string) objective.Set {
	t.Helper()
	set, err := objective.ParseSet(names)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func constraints(t testing.TB, texts ...string) (list []objective.Constraint) {
	t.Helper()
	for _, text := range texts {
		c, err := objective.ParseConstraint(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// device is a table like those of real devices: time for multiply-adds, for the
// bytes of weights, more for those beyond a cache, and a little for every head.
func device(f space.Frame) (exact.Table, error) {
	d := int64(f.DModel)
	vocab := 50264 * d
	prefill := exact.Terms{Constant: 3e12 + 100e3*vocab}
	decode := exact.Terms{Constant: 1e10 + 110e3*vocab}
	for _, l := range f.Layers {
		weights := 4*d*d + 2*d*int64(l.DInner)
		prefill.Layers = append(prefill.Layers, 192*weights*25e3+30e6*192*d+15e8*int64(l.Heads)*192)
		decode.Layers = append(decode.Layers, 110e3*weights+3e9+2e8*int64(l.Heads))
	}
	return exact.Table{
		Prefill: exact.Times{Terms: prefill},
		Decode: exact.Times{Terms: decode, Excess: func(_ int, params int64) int64 {
			return 80e3 * max(0, params+vocab-8<<20)
		}},
	}, nil
}

func BenchmarkSolve(b *testing.B) {
	for _, name := range space.Presets() {
		for _, set := range [][]string{
			{"decoder_params", "prefill_ms"},
			{"decoder_params", "decode_ms"},
			{"decoder_params", "decode_ms", "peak_mb"},
			{"decoder_params", "prefill_ms", "decode_ms"},
			{"decoder_params", "prefill_ms", "decode_ms", "peak_mb"},
		} {
			b.Run(fmt.Sprint(name, set), func(b *testing.B) {
				p := exact.Problem{Space: preset(b, name), Workload: trial.DefaultWorkload(), Objectives: objectives(b, set...), Table: device}
				for b.Loop() {
					points, err := exact.Solve(p)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(len(points)), "points")
				}
			})
		}
	}
}
