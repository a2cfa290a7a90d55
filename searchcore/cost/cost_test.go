package cost

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"litefront/searchcore/arch"
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

func draw(t testing.TB, sp space.Space, r *rand.Rand) arch.Architecture {
	t.Helper()
	a, err := sp.Sample(r)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// device is a made-up one: known times per unit, a cache, noise.
type device struct {
	perUnit [terms]float64 // ms
	cache   int64          // bytes; those of a decode step that it does not hold take far more
	far     float64        // ms a byte
	noise   float64        // standard deviation, relative
	drift   float64        // how much slower one in three may run, sentinels included
	spared  float64        // what share of a pass does not drift
	astray  float64        // how much slower one in three sentinels may run alone
}

// laptop has about the times of a real one.
var laptop = device{perUnit: [terms]float64{2e-2, 5e-3, 4.8e-8, 6e-8, 9e-8, 4e-6, 1.2e-6, 4e-8}}

func (d device) measure(t testing.TB, a arch.Architecture, w trial.Workload, r *rand.Rand) trial.Measurement {
	t.Helper()
	both, err := takeApart(a, w)
	if err != nil {
		t.Fatal(err)
	}
	slower := 1.0
	if r.IntN(3) == 0 {
		slower += d.drift * r.Float64()
	}
	alone := 1.0
	if d.astray > 0 && r.IntN(3) == 0 {
		alone += d.astray * r.Float64()
	}
	ms := func(p pass) trial.Stat {
		total := p.total()
		var sum float64
		for i, n := range total {
			sum += float64(n) * d.perUnit[i]
		}
		if d.cache > 0 {
			sum += d.far * float64(max(0, total[bytes]-d.cache))
		}
		return trial.Stat{MinMs: sum * (1 + (1-d.spared)*(slower-1)) * (1 + d.noise*r.NormFloat64())}
	}
	return trial.Measurement{
		ArchID: a.ID(), Workload: w, Device: trial.Device{Name: "made up", Engine: "none"},
		Prefill: ms(both[0]), Decode: ms(both[1]),
		Compute: trial.Stat{MinMs: 7 * slower * alone}, Stream: trial.Stat{MinMs: 3 * slower * alone},
	}
}

func (d device) observe(t testing.TB, list []arch.Architecture, w trial.Workload, r *rand.Rand) (obs []Observation) {
	t.Helper()
	for _, a := range list {
		obs = append(obs, Observation{a, d.measure(t, a, w, r)})
	}
	return obs
}

// fitted returns the model of n architectures that Design chose.
func fitted(t testing.TB, d device, sp space.Space, n int, r *rand.Rand) *Model {
	t.Helper()
	w := trial.DefaultWorkload()
	list, err := Design(sp, w, n, r, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Fit(d.observe(t, list, w, r))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A study may go on with other code, whose sentinels are others.
func TestSentinelsOfOtherCode(t *testing.T) {
	sp, w := preset(t, "lts-gpt2"), trial.DefaultWorkload()
	r := rand.New(rand.NewPCG(8, 19))
	d := laptop
	d.drift = 0.4
	list, err := Design(sp, w, 40, r, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	observations := d.observe(t, list, w, r)
	for i := range observations {
		if m := &observations[i].Measurement; i >= 30 {
			m.Code = "other"
			m.Compute.MinMs *= 0.9
			m.Stream.MinMs *= 0.8
		}
	}
	m, err := Fit(observations)
	if err != nil {
		t.Fatal(err)
	}
	if e := errorOf(t, m, d, sp, r); e > 0.005 {
		t.Errorf("error %.4f", e)
	}
	for _, o := range []Observation{observations[0], observations[39]} {
		prefill, decode, err := m.Predict(o.Arch)
		if err != nil {
			t.Fatal(err)
		}
		gotPrefill, gotDecode := m.Undisturbed(o.Measurement)
		if math.Abs(gotPrefill/prefill.Ms-1) > 0.005 || math.Abs(gotDecode/decode.Ms-1) > 0.005 {
			t.Errorf("%q: %v and %v ms, predicted %v and %v", o.Measurement.Code, gotPrefill, gotDecode, prefill.Ms, decode.Ms)
		}
	}
}

// TestRecoversADevice checks the error on fresh architectures: none without noise, and
// small with it, with a cache and with a device that drifts.
func TestRecoversADevice(t *testing.T) {
	cached := laptop
	cached.cache, cached.far = 60<<20, 2e-8
	drifting := laptop
	drifting.drift = 0.4
	partly := drifting
	partly.spared = 0.5
	noisy := cached
	noisy.noise, noisy.drift = 0.01, 0.3
	astray := laptop
	astray.astray = 0.4
	for _, c := range []struct {
		name            string
		device          device
		prefill, decode float64 // mean absolute relative errors
	}{
		{"additive", laptop, 1e-3, 2e-3},
		{"drifting", drifting, 1e-3, 2e-3},
		{"drifting in part", partly, 1e-3, 2e-3},
		{"sentinels astray", astray, 1e-3, 2e-3},
		{"cached", cached, 1e-3, 5e-3},
		{"noisy", noisy, 0.02, 0.02},
	} {
		for _, name := range []string{"lts-gpt2", "lts-transformer-xl"} {
			r := rand.New(rand.NewPCG(1, 2))
			sp := preset(t, name)
			m := fitted(t, c.device, sp, 20, r)
			quiet := c.device
			quiet.noise, quiet.drift = 0, 0
			var errs [2]float64
			const fresh = 60
			for range fresh {
				a := draw(t, sp, r)
				want := quiet.measure(t, a, m.Workload, r)
				prefill, decode, err := m.Predict(a)
				if err != nil {
					t.Fatal(err)
				}
				errs[0] += math.Abs(prefill.Ms/want.Prefill.MinMs-1) / fresh
				errs[1] += math.Abs(decode.Ms/want.Decode.MinMs-1) / fresh
			}
			if errs[0] > c.prefill || errs[1] > c.decode {
				t.Errorf("%s, %s: mean errors %.4f and %.4f; want %v and %v", c.name, name, errs[0], errs[1], c.prefill, c.decode)
			}
		}
	}
}

// TestIntervalsCover counts how many fresh measurements lie within their intervals.
func TestIntervalsCover(t *testing.T) {
	noisy := laptop
	noisy.noise, noisy.cache, noisy.far = 0.02, 60<<20, 2e-8
	sp := preset(t, "lts-gpt2")
	r := rand.New(rand.NewPCG(3, 4))
	in, all := 0, 0
	for range 8 {
		m := fitted(t, noisy, sp, 20, r)
		for range 25 {
			a := draw(t, sp, r)
			got := noisy.measure(t, a, m.Workload, r)
			prefill, decode, err := m.Predict(a)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct {
				time Time
				ms   float64
			}{{prefill, got.Prefill.MinMs}, {decode, got.Decode.MinMs}} {
				all++
				if c.time.LowMs <= c.ms && c.ms <= c.time.HighMs {
					in++
				}
				if c.time.HighMs > 1.3*c.time.LowMs {
					t.Errorf("%v: %+v is too wide for noise of 2 %%", a, c.time)
				}
			}
		}
	}
	if share := float64(in) / float64(all); share < 0.88 {
		t.Errorf("%.3f of measurements lie within 95 %% intervals", share)
	}
}

// TestTableIsThePrediction compares sums of a table with predictions, exactly.
func TestTableIsThePrediction(t *testing.T) {
	d := laptop
	d.noise, d.cache, d.far = 0.01, 60<<20, 2e-8
	for _, name := range []string{"lts-gpt2", "lts-transformer-xl"} {
		sp := preset(t, name)
		r := rand.New(rand.NewPCG(5, 6))
		m := fitted(t, d, sp, 20, r)
		if m.fits[1].perUnit[excess] == 0 {
			t.Errorf("%s: the cache was not found", name)
		}
		sp.DModel = space.Choices{192, 960}
		frames, err := sp.Frames()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			table, err := m.Table(f)
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				var chosen []arch.Layer
				var indices []int
				for range 1 + r.IntN(15) {
					i := r.IntN(len(f.Layers))
					chosen, indices = append(chosen, f.Layers[i]), append(indices, i)
				}
				a := f.Architecture(chosen...)
				prefill, decode, err := m.Predict(a)
				if err != nil {
					t.Fatal(err)
				}
				if p, d := table.Prefill.Ms(indices), table.Decode.Ms(indices); p != prefill.Ms || d != decode.Ms {
					t.Errorf("%v: the table says %v and %v, the prediction %v and %v", a, p, d, prefill.Ms, decode.Ms)
				}
			}
		}
	}
}

// TestFrontierOfAModel checks that package exact takes a model's table, and that its
// points have the predicted times.
func TestFrontierOfAModel(t *testing.T) {
	d := laptop
	d.noise, d.cache, d.far = 0.01, 60<<20, 2e-8
	sp := preset(t, "lts-gpt2")
	m := fitted(t, d, sp, 20, rand.New(rand.NewPCG(5, 6)))
	set, err := objective.ParseSet([]string{"decoder_params", "prefill_ms", "decode_ms"})
	if err != nil {
		t.Fatal(err)
	}
	sp.DModel = space.Choices{192, 512}
	points, err := exact.Solve(exact.Problem{Space: sp, Workload: m.Workload, Objectives: set, Table: m.Table})
	if err != nil {
		t.Fatal(err)
	}
	if len(points) < 100 {
		t.Errorf("%d points", len(points))
	}
	for i := 0; i < len(points); i += len(points)/50 + 1 {
		prefill, decode, err := m.Predict(points[i].Arch)
		if err != nil {
			t.Fatal(err)
		}
		want := []float64{float64(points[i].Arch.DecoderParams()), prefill.Ms, decode.Ms}
		if !slices.Equal(points[i].Values, want) {
			t.Errorf("%v: values %v, predicted are %v", points[i].Arch, points[i].Values, want)
		}
	}
}

// TestNNLS compares with the best of all active sets.
func TestNNLS(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	const rows, cols = 9, 5
	for range 300 {
		a, b := mat.NewDense(rows, cols, nil), make([]float64, rows)
		for j := range cols {
			for i := range rows {
				a.Set(i, j, r.NormFloat64())
			}
			norm := mat.Norm(a.ColView(j), 2)
			for i := range rows {
				a.Set(i, j, a.At(i, j)/norm)
			}
		}
		for i := range b {
			b[i] = r.NormFloat64()
		}
		best := rss(a, b, make([]float64, cols))
		for set := 1; set < 1<<cols; set++ {
			var columns []int
			for j := range cols {
				if set>>j&1 == 1 {
					columns = append(columns, j)
				}
			}
			z, ok := solve(a, b, columns)
			if !ok || slices.Min(z) < 0 {
				continue
			}
			x := make([]float64, cols)
			for i, j := range columns {
				x[j] = z[i]
			}
			best = min(best, rss(a, b, x))
		}
		x := nnls(a, b)
		if got := rss(a, b, x); slices.Min(x) < 0 || got > best*(1+1e-9)+1e-12 {
			t.Errorf("nnls leaves %v with %v; the best active set leaves %v", got, x, best)
		}
	}
}

func rss(a *mat.Dense, b, x []float64) (sum float64) {
	var y mat.VecDense
	y.MulVec(a, mat.NewVecDense(len(x), x))
	for i, v := range b {
		sum += (y.AtVec(i) - v) * (y.AtVec(i) - v)
	}
	return sum
}

func TestFitRefuses(t *testing.T) {
	sp := preset(t, "archai-gpt2")
	for _, c := range []struct {
		name string
		edit func([]Observation) []Observation
		want string
	}{
		{"few", func(o []Observation) []Observation { return o[:7] }, "7 observations"},
		{"workload", func(o []Observation) []Observation { o[3].Measurement.Workload.PromptLen--; return o }, "observation 4: workload"},
		{"engine", func(o []Observation) []Observation { o[3].Measurement.Device.Engine = "other"; return o }, `engine "other"`},
		{"device", func(o []Observation) []Observation { o[1].Measurement.Device.Name = "x"; return o }, `name "x"`},
		{"architecture", func(o []Observation) []Observation { o[1].Measurement.ArchID = "x"; return o }, "arch_id"},
		{"nan", func(o []Observation) []Observation { o[2].Measurement.Decode.MinMs = math.NaN(); return o }, "decode: min_ms NaN"},
		{"zero", func(o []Observation) []Observation { o[2].Measurement.Prefill.MinMs = 0; return o }, "prefill: min_ms 0"},
		{"infinite", func(o []Observation) []Observation { o[2].Measurement.Stream.MinMs = math.Inf(1); return o }, "stream_sentinel: min_ms +Inf"},
	} {
		r := rand.New(rand.NewPCG(1, 1))
		var list []arch.Architecture
		for range 10 {
			list = append(list, draw(t, sp, r))
		}
		_, err := Fit(c.edit(laptop.observe(t, list, trial.DefaultWorkload(), r)))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %q does not say %q", c.name, err, c.want)
		}
	}
}
