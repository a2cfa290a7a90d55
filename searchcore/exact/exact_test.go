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
	vocab := int64(50264 * f.DModel)
	prefill := exact.Terms{Constant: 3e6 + vocab/10}
	near := exact.Terms{Constant: 1e4 + vocab/9}
	far := exact.Terms{Constant: near.Constant + vocab/12 - 32<<20/12}
	for _, l := range f.Layers {
		d := int64(f.DModel)
		bytes := 4 * (4*d*d + 2*d*int64(l.DInner))
		prefill.Layers = append(prefill.Layers, 192*bytes/4/40+192*d*30+1500*int64(l.Heads)*192)
		near.Layers = append(near.Layers, bytes/36+3000+200*int64(l.Heads))
		far.Layers = append(far.Layers, near.Layers[len(near.Layers)-1]+bytes/48)
	}
	return exact.Table{Prefill: exact.Times{prefill}, Decode: exact.Times{near, far}}, nil
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
