package exact_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"litefront/searchcore/cost"
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
	excess := exact.Terms{Constant: 80e3 * (vocab - 8<<20)}
	for _, l := range f.Layers {
		weights := 4*d*d + 2*d*int64(l.DInner)
		prefill.Layers = append(prefill.Layers, 192*weights*25e3+30e6*192*d+15e8*int64(l.Heads)*192)
		excess.Layers = append(excess.Layers, 80e3*weights)
		decode.Layers = append(decode.Layers, 110e3*weights+3e9+2e8*int64(l.Heads))
	}
	return exact.Table{
		Prefill: exact.Times{Terms: prefill},
		Decode:  exact.Times{Terms: decode, Excess: excess},
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

// BenchmarkQuality solves each problem for decoder_params and for quality, and reports
// how many times as long quality takes: in all, and per point of its frontier.
func BenchmarkQuality(b *testing.B) {
	for _, name := range []string{"lts-gpt2", "lts-transformer-xl"} {
		for _, others := range [][]string{{"response_ms"}, {"response_ms", "peak_mb"}} {
			for _, bounded := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s%v/bounded=%v", name, others, bounded), func(b *testing.B) {
					p := exact.Problem{Space: preset(b, name), Workload: trial.DefaultWorkload(), Table: cost.Typical(trial.DefaultWorkload()).Table}
					if !bounded {
						p.Space.MinDecoderParams = 0
					}
					var took [2]time.Duration
					var points [2]int
					for b.Loop() {
						for i, first := range []string{"decoder_params", "quality"} {
							p.Objectives = objectives(b, append([]string{first}, others...)...)
							start := time.Now()
							frontier, err := exact.Solve(p)
							if err != nil {
								b.Skip(err)
							}
							took[i] += time.Since(start)
							points[i] = len(frontier)
						}
					}
					ratio := took[1].Seconds() / took[0].Seconds()
					b.ReportMetric(ratio, "times")
					b.ReportMetric(ratio*float64(points[0])/float64(points[1]), "times/point")
					b.ReportMetric(float64(points[0]), "points-decoder_params")
					b.ReportMetric(float64(points[1]), "points-quality")
				})
			}
		}
	}
}

// TestPresets checks frontiers too large for brute force against random architectures:
// they dominate no point, and a point is as good as each.
func TestPresets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for _, name := range space.Presets() {
		p := exact.Problem{Space: preset(t, name), Workload: trial.DefaultWorkload(), Table: device,
			Objectives:  objectives(t, "decoder_params", "decode_ms"),
			Constraints: constraints(t, "decode_ms<=20", "peak_mb<=400")}
		points, err := exact.Solve(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(points) < 50 {
			t.Errorf("%s: %d points", name, len(points))
		}
		for range 100 {
			a, err := p.Space.Sample(r)
			if err != nil {
				t.Fatal(err)
			}
			c := candidate(t, p, a)
			if c.Measurement.Decode.MedianMs > 20 || c.Memory.TotalBytes > 400<<20 {
				continue
			}
			v := valuesOf(t, p, c)
			if !slices.ContainsFunc(points, func(q exact.Point) bool { return q.Values[0] >= v[0] && q.Values[1] <= v[1] }) {
				t.Errorf("%s: no point is as good as %v with %v", name, a, v)
			}
		}
		again, err := exact.Solve(p)
		if err != nil || !reflect.DeepEqual(again, points) {
			t.Errorf("%s: another frontier the second time, %v", name, err)
		}
	}
}

func TestSolveRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*exact.Problem)
		want string
	}{
		{"space", func(p *exact.Problem) { p.Space.NHead = nil }, "n_head"},
		{"workload", func(p *exact.Problem) { p.Workload.PromptLen = 0 }, "prompt_len"},
		{"context", func(p *exact.Problem) { p.Workload.Context = 2000 }, "max_sequence_length"},
		{"no table", func(p *exact.Problem) { p.Table = nil }, "decode_ms needs a table"},
		{"memory limit", func(p *exact.Problem) { p.MemoryLimit = -1 }, "memory_limit"},
		{"constraints", func(p *exact.Problem) {
			p.Constraints = slices.Repeat(constraints(t, "peak_mb<=4"), 65)
		}, "65 constraints"},
		{"table", func(p *exact.Problem) {
			p.Table = func(space.Frame) (exact.Table, error) { return exact.Table{}, nil }
		}, "prefill has terms for 0 layers"},
		{"term", func(p *exact.Problem) {
			p.Table = func(f space.Frame) (exact.Table, error) {
				t, err := device(f)
				t.Decode.Layers[0] = math.MaxInt64
				return t, err
			}
		}, "fs"},
		{"table's error", func(p *exact.Problem) {
			p.Table = func(space.Frame) (exact.Table, error) { return exact.Table{}, errors.New("no such device") }
		}, "no such device"},
		{"negative", func(p *exact.Problem) {
			p.Table = func(f space.Frame) (exact.Table, error) {
				t, err := device(f)
				t.Decode.Constant = -1e16
				return t, err
			}
		}, "decode_ms: value"},
		{"too many", func(p *exact.Problem) {
			p.Objectives = objectives(t, "quality", "prefill_ms", "decode_ms", "peak_mb")
		}, "more than 134217728 comparisons"},
		{"too many layers", func(p *exact.Problem) {
			p.Space = preset(t, "lts-transformer-xl")
			p.Space.DModel, p.Space.DInner, p.Space.NHead = space.Choices{512}, nil, nil
			for n := 1; n <= 512; n++ {
				p.Space.DInner, p.Space.NHead = append(p.Space.DInner, 1024+2*n), append(p.Space.NHead, n)
			}
		}, "layers to choose from; at most 8192 are allowed"},
		{"too many at once", func(p *exact.Problem) {
			p.Space.DInner, p.Space.NHead = nil, space.Choices{1, 2, 4, 8, 16, 32, 64, 128}
			for n := 1; n <= 512; n++ {
				p.Space.DInner = append(p.Space.DInner, 256+n)
			}
			p.Space.InnerRatio, p.Space.MinDecoderParams = 0, 0
			p.Objectives = objectives(t, "decoder_params", "quality", "decode_ms")
			p.Constraints = constraints(t, "decode_ms>=0.001", "quality>=1")
		}, "to compare at once"},
	} {
		p := exact.Problem{Space: preset(t, "lts-gpt2"), Workload: trial.DefaultWorkload(), Table: device, Objectives: objectives(t, "decoder_params", "decode_ms")}
		p.Space.DModel = space.Choices{128}
		c.edit(&p)
		if _, err := exact.Solve(p); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %q does not say %q", c.name, err, c.want)
		}
	}
}

// TestMemoryBound checks that an upper bound on memory costs nothing where it cannot be
// broken, and that what is too large with one is found out before it is solved for.
func TestMemoryBound(t *testing.T) {
	p := exact.Problem{Space: preset(t, "lts-gpt2"), Workload: trial.DefaultWorkload(), Table: cost.Typical(trial.DefaultWorkload()).Table,
		Objectives: objectives(t, "quality", "response_ms")}
	want, err := exact.Solve(p)
	if err != nil {
		t.Fatal(err)
	}
	p.Constraints = constraints(t, "peak_mb<=100000")
	if got, err := exact.Solve(p); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("a bound that nothing breaks: %d points instead of %d, %v", len(got), len(want), err)
	}
	p.Constraints = constraints(t, "peak_mb<=90")
	if err := p.Rehearse(); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a bound in the narrow widths is not refused: %v", err)
	}
}

// TestNothingLeft checks that bounds which nothing keeps are no error.
func TestNothingLeft(t *testing.T) {
	p := exact.Problem{Space: preset(t, "archai-gpt2"), Workload: trial.DefaultWorkload(), Table: device,
		Objectives: objectives(t, "decoder_params", "decode_ms"), Constraints: constraints(t, "decode_ms<=0.001")}
	if points, err := exact.Solve(p); err != nil || len(points) > 0 {
		t.Errorf("%d points, %v", len(points), err)
	}
}
