package surrogate_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/cost"
	"litefront/searchcore/exact"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/space"
	"litefront/searchcore/surrogate"
	"litefront/searchcore/trial"
)

// device takes so long for a multiply-add, a byte and a layer; its noise depends on
// the architecture alone. It knows nothing of package cost.
type device struct{ noise float64 }

func (d device) times(a arch.Architecture, w trial.Workload) (prefillMs, decodeMs float64) {
	g, err := graph.Build(a, w)
	if err != nil {
		panic(err)
	}
	for _, o := range g.Ops {
		p, s := g.Work(o, 0, w.PromptLen), g.Work(o, w.DecodePos(), 1)
		prefillMs += 2.5e-8*float64(p.MACs) + 1e-6*float64(p.Elements) + 1e-3
		decodeMs += 4e-8*float64(s.Bytes) + 5e-4
	}
	return prefillMs, decodeMs
}

func (d device) measure(a arch.Architecture, w trial.Workload, protocol string) trial.Measurement {
	id := a.ID()
	seed := uint64(0)
	for _, c := range id {
		seed = seed*31 + uint64(c)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	prefill, decode := d.times(a, w)
	stat := func(ms float64) trial.Stat {
		low := ms * (1 + d.noise*math.Abs(r.NormFloat64())/4)
		median := low * (1 + d.noise*math.Abs(r.NormFloat64()))
		return trial.Stat{MedianMs: median, MeanMs: median, MinMs: low, LowMs: low, HighMs: median * 1.02}
	}
	g, _ := graph.Build(a, w)
	return trial.Measurement{ArchID: id, Workload: w, Protocol: protocol, Device: trial.Device{Name: "test"},
		Prefill: stat(prefill), Decode: stat(decode), Compute: trial.Stat{MedianMs: 1}, Stream: trial.Stat{MedianMs: 5},
		MemoryBytes: g.Memory.TotalBytes, Verdict: trial.OK}
}

func setup(t testing.TB, preset string, objectives ...string) trial.Setup {
	t.Helper()
	sp, err := space.Preset(preset)
	if err != nil {
		t.Fatal(err)
	}
	return trial.Setup{Space: sp, Workload: trial.DefaultWorkload(), Objectives: objectives, Strategy: "exact",
		Protocol: trial.Litefront, Seed: 3, MemoryLimit: 2 << 30}
}

func newStrategy(t testing.TB, s trial.Setup) *surrogate.Strategy {
	t.Helper()
	strategy, err := surrogate.New(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return strategy
}

// told is what a strategy was told of a proposal.
type told struct {
	trial.Proposal
	costs []float64
	m     *trial.Measurement
}

// run has up to n proposals measured.
func run(t testing.TB, strategy *surrogate.Strategy, s trial.Setup, d device, n int) (list []told, err error) {
	t.Helper()
	set, err := objective.ParseSet(s.Objectives)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		p, err := strategy.Propose(rand.New(rand.NewPCG(s.Seed, uint64(len(list)))))
		if err != nil {
			return list, err
		}
		strategy.Asked(p)
		m := d.measure(p.Arch, s.Workload, s.Protocol)
		g, err := graph.Build(p.Arch, s.Workload)
		if err != nil {
			t.Fatal(err)
		}
		values, err := set.Values(objective.NewCandidate(g, &m))
		if err != nil {
			t.Fatal(err)
		}
		costs := set.Costs(values)
		strategy.Told(p.Arch.ID(), costs, &m)
		list = append(list, told{p, costs, &m})
	}
	return list, nil
}

// hypervolume is that of points in logarithms, from the corner of all.
func hypervolume(costs, all [][]float64) float64 {
	log := func(list [][]float64) (out [][]float64) {
		for _, c := range list {
			v := make([]float64, len(c))
			for i, x := range c {
				v[i] = math.Log(math.Abs(x))
				if x < 0 {
					v[i] = -v[i]
				}
			}
			out = append(out, v)
		}
		return out
	}
	reference := slices.Repeat([]float64{math.Inf(-1)}, len(all[0]))
	for _, c := range log(all) {
		for i, x := range c {
			reference[i] = max(reference[i], x+0.01)
		}
	}
	return pareto.Hypervolume(log(costs), reference)
}

// TestFindsTheFrontier compares what is measured after eighty candidates with the
// exact frontier of the device, which the strategy does not know.
func TestFindsTheFrontier(t *testing.T) {
	for _, objectives := range [][]string{{"decoder_params", "response_ms"}, {"decoder_params", "decode_ms", "peak_mb"}, {"quality", "prefill_ms"}} {
		s := setup(t, "lts-gpt2", objectives...)
		s.Space.NLayer = s.Space.NLayer[:5] // quicker to solve
		if objectives[0] == "quality" {
			s.Space.MinDecoderParams = 0
		}
		d := device{noise: 0.02}
		list, err := run(t, newStrategy(t, s), s, d, 80)
		if err != nil && !errors.Is(err, trial.ErrConverged) {
			t.Fatal(err)
		}
		set, _ := objective.ParseSet(objectives)
		truth, err := exact.Solve(exact.Problem{Space: s.Space, Workload: s.Workload, Objectives: set, Table: d.table})
		if err != nil {
			t.Fatal(err)
		}
		var best, found [][]float64
		for _, p := range truth {
			best = append(best, set.Costs(p.Values))
		}
		for i, m := range list {
			want := "frontier"
			if i < surrogate.Designed {
				want = "design"
			}
			if m.Origin.Op != want {
				t.Fatalf("trial %d is of %q", i+1, m.Origin.Op)
			}
			// By the undisturbed device, so that noise wins nothing.
			quiet := device{}.measure(m.Arch, s.Workload, s.Protocol)
			g, _ := graph.Build(m.Arch, s.Workload)
			values, err := set.Values(objective.NewCandidate(g, &quiet))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, set.Costs(values))
		}
		all := slices.Concat(best, found)
		share := hypervolume(found, all) / hypervolume(best, all)
		designed := hypervolume(found[:surrogate.Designed], all) / hypervolume(best, all)
		t.Logf("%v: %d measured, %.2f %% of the hypervolume of %d points; the design alone %.2f %%", objectives, len(list), 100*share, len(best), 100*designed)
		if share < 0.97 || designed > share {
			t.Errorf("%v: %.4f of the hypervolume, the design alone %.4f", objectives, share, designed)
		}
	}
}

// table are the device's undisturbed times for package exact.
func (d device) table(f space.Frame) (exact.Table, error) {
	w := trial.DefaultWorkload()
	one := func(layers ...arch.Layer) (fs [2]int64) {
		p, s := d.times(f.Architecture(layers...), w)
		return [2]int64{int64(math.Round(p * 1e12)), int64(math.Round(s * 1e12))}
	}
	var times [2]exact.Times
	first, two := one(f.Layers[0]), one(f.Layers[0], f.Layers[0])
	for k := range times {
		times[k].Constant = 2*first[k] - two[k]
	}
	for _, l := range f.Layers {
		v := one(l)
		for k := range times {
			times[k].Layers = append(times[k].Layers, v[k]-times[k].Constant)
		}
	}
	return exact.Table{Prefill: times[0], Decode: times[1]}, nil
}

// TestDesign checks that most of a design is on the frontier that typical times make.
func TestDesign(t *testing.T) {
	s := setup(t, "archai-gpt2", "decoder_params", "response_ms", "peak_mb")
	set, _ := objective.ParseSet(s.Objectives)
	typical, err := exact.Solve(exact.Problem{Space: s.Space, Workload: s.Workload, Objectives: set, Table: cost.Typical(s.Workload).Table})
	if err != nil {
		t.Fatal(err)
	}
	list, err := run(t, newStrategy(t, s), s, device{}, surrogate.Designed)
	if err != nil {
		t.Fatal(err)
	}
	on := 0
	for _, m := range list {
		if slices.ContainsFunc(typical, func(p exact.Point) bool { return p.Arch.ID() == m.Arch.ID() }) {
			on++
		}
	}
	if on <= surrogate.Designed/2 {
		t.Errorf("%d of %d are on the frontier of a typical device", on, surrogate.Designed)
	}
}

// TestReplay restores strategies from what others were told, after any number of
// trials: they go on in the same way.
func TestReplay(t *testing.T) {
	s := setup(t, "archai-gpt2", "decoder_params", "response_ms", "peak_mb")
	list, err := run(t, newStrategy(t, s), s, device{noise: 0.05}, 37)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, surrogate.Designed - 1, surrogate.Designed, surrogate.Designed + 1, surrogate.Designed + 4, surrogate.Designed + 5, surrogate.Designed + 6, 33} {
		again := newStrategy(t, s)
		for _, m := range list[:n] {
			again.Asked(m.Proposal)
			again.Told(m.Arch.ID(), m.costs, m.m)
		}
		for i := n; i < min(n+4, len(list)); i++ {
			p, err := again.Propose(rand.New(rand.NewPCG(s.Seed, uint64(i))))
			if err != nil || p.Arch.ID() != list[i].Arch.ID() || !reflect.DeepEqual(p.Origin, list[i].Origin) {
				t.Fatalf("after %d trials, trial %d is %v (%v), was %v", n, i+1, p, err, list[i].Proposal)
			}
			again.Asked(p)
			again.Told(p.Arch.ID(), list[i].costs, list[i].m)
		}
	}
}

// known is the model of a device three times as slow as the tests' own, which spends its
// time otherwise.
func known(t testing.TB, s trial.Setup) []trial.DeviceModel {
	t.Helper()
	r := rand.New(rand.NewPCG(9, 9))
	var observations []cost.Observation
	for range 30 {
		a, err := s.Space.Sample(r)
		if err != nil {
			t.Fatal(err)
		}
		m := device{noise: 0.02}.measure(a, s.Workload, s.Protocol)
		m.Device.Name = "other"
		m.Prefill.MinMs = 3*m.Prefill.MinMs + 0.1*float64(len(a.Layers))
		m.Decode.MinMs = 3*m.Decode.MinMs + 0.01*float64(len(a.Layers))
		observations = append(observations, cost.Observation{Arch: a, Measurement: m})
	}
	model, err := cost.Fit(observations)
	if err != nil {
		t.Fatal(err)
	}
	return []trial.DeviceModel{model.Known()}
}

// TestTransfer has a study know another device: its first model comes after fewer
// measurements, its predictions are good, and a replay goes on in the same way.
func TestTransfer(t *testing.T) {
	s := setup(t, "lts-gpt2", "decoder_params", "response_ms")
	s.Space.NLayer = s.Space.NLayer[:5]
	s.Known = known(t, s)
	strategy, d := newStrategy(t, s), device{noise: 0.02}
	list, err := run(t, strategy, s, d, surrogate.Transferred)
	if err != nil {
		t.Fatal(err)
	}
	p := strategy.Predicted()
	if p == nil || p.Fitted != surrogate.Transferred || surrogate.Transferred >= surrogate.Designed {
		t.Fatalf("predicted after %d: %+v", surrogate.Transferred, p)
	}
	var off float64
	for _, point := range p.Points {
		quiet := device{}.measure(point.Arch, s.Workload, s.Protocol)
		off += (math.Abs(point.Prefill.Ms/quiet.Prefill.MedianMs-1) + math.Abs(point.Decode.Ms/quiet.Decode.MedianMs-1)) / 2 / float64(len(p.Points))
	}
	if off > 0.06 {
		t.Errorf("predictions are off by %.3f in the mean", off)
	}
	more, err := run(t, strategy, s, d, 12)
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, more...)
	for _, n := range []int{0, surrogate.Transferred - 1, surrogate.Transferred, surrogate.Transferred + 6} {
		again := newStrategy(t, s)
		for _, m := range list[:n] {
			again.Asked(m.Proposal)
			again.Told(m.Arch.ID(), m.costs, m.m)
		}
		p, err := again.Propose(rand.New(rand.NewPCG(s.Seed, uint64(n))))
		if err != nil || p.Arch.ID() != list[n].Arch.ID() {
			t.Errorf("after %d trials, the next is %v (%v), was %v", n, p, err, list[n].Proposal)
		}
	}
	s.Known[0].Decode.ByteMs = -1
	if _, err := surrogate.New(s, nil); err == nil || !strings.Contains(err.Error(), "byte_ms -1") {
		t.Errorf("got %v for a model that is none", err)
	}
}

// TestPredicted looks at what is predicted: nothing before the first model, then
// members of the frontier that were not asked.
func TestPredicted(t *testing.T) {
	s := setup(t, "lts-gpt2", "decoder_params", "response_ms", "peak_mb")
	s.Space.NLayer = s.Space.NLayer[:5]
	strategy, d := newStrategy(t, s), device{noise: 0.02}
	before, err := run(t, strategy, s, d, surrogate.Designed-1)
	if err != nil {
		t.Fatal(err)
	}
	if p := strategy.Predicted(); p != nil {
		t.Fatalf("%d points before all of the design was measured", len(p.Points))
	}
	after, err := run(t, strategy, s, d, 4)
	if err != nil {
		t.Fatal(err)
	}
	p := strategy.Predicted()
	if p == nil || len(p.Points) != trial.MaxPredicted || p.Total < len(p.Points) || p.Fitted != surrogate.Designed {
		t.Fatalf("predicted: %+v", p)
	}
	asked := map[string]bool{}
	for _, m := range append(before, after...) {
		asked[m.Arch.ID()] = true
	}
	within := 0
	for _, point := range p.Points {
		if asked[point.Arch.ID()] {
			t.Errorf("%v was measured", point.Arch)
		}
		if err := s.Space.Contains(point.Arch); err != nil {
			t.Error(err)
		}
		m := d.measure(point.Arch, s.Workload, s.Protocol)
		for _, pair := range []struct {
			e trial.Estimate
			s trial.Stat
		}{{point.Prefill, m.Prefill}, {point.Decode, m.Decode}} {
			if pair.e.LowMs <= pair.s.MedianMs && pair.s.MedianMs <= pair.e.HighMs {
				within++
			}
		}
	}
	if share := float64(within) / float64(2*len(p.Points)); share < 0.85 {
		t.Errorf("%.2f of what would be measured lies in the intervals, want about 0.95", share)
	}
}

// TestChecked compares what was measured after each model with what it had predicted.
func TestChecked(t *testing.T) {
	s := setup(t, "archai-gpt2", "decoder_params", "response_ms")
	strategy, d := newStrategy(t, s), device{noise: 0.1}
	if _, err := run(t, strategy, s, d, surrogate.Designed); err != nil {
		t.Fatal(err)
	}
	var within []int // of each batch
	for range 4 {
		before := strategy.Predicted()
		wantChecked, wantWithin := 0, 0
		for _, n := range within[max(0, len(within)-2):] {
			wantChecked, wantWithin = wantChecked+10, wantWithin+n
		}
		if before.Checked != wantChecked || before.Within != wantWithin {
			t.Errorf("fitted to %d: %d of %d within, want %d of %d", before.Fitted, before.Within, before.Checked, wantWithin, wantChecked)
		}
		list, err := run(t, strategy, s, d, 5)
		if err != nil {
			t.Fatal(err)
		}
		in := 0
		farthest := before.Points[0].Arch
		if !slices.ContainsFunc(list, func(m told) bool { return m.Arch.ID() == farthest.ID() }) {
			t.Errorf("%v was not measured, the farthest", farthest)
		}
		for _, m := range list {
			i := slices.IndexFunc(before.Points, func(p trial.Prediction) bool { return p.Arch.ID() == m.Arch.ID() })
			if i < 0 {
				t.Fatalf("%v was measured, which is not among the predicted", m.Arch)
			}
			p := before.Points[i]
			for _, pair := range []struct {
				e trial.Estimate
				s trial.Stat
			}{{p.Prefill, m.m.Prefill}, {p.Decode, m.m.Decode}} {
				if pair.e.LowMs <= pair.s.MedianMs && pair.s.MedianMs <= pair.e.HighMs {
					in++
				}
			}
		}
		within = append(within, in)
	}
	if !slices.ContainsFunc(within, func(n int) bool { return n < 10 }) {
		t.Errorf("all predictions came true (%v): a device this noisy should miss some", within)
	}
}

// TestNoBounds has a device that claims an absurd median: nothing finite can be
// predicted, and the search goes on.
func TestNoBounds(t *testing.T) {
	s := setup(t, "archai-gpt2", "decoder_params", "response_ms")
	strategy, d := newStrategy(t, s), device{noise: 0.02}
	list, err := run(t, strategy, s, d, surrogate.Designed-1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := strategy.Propose(nil)
	if err != nil {
		t.Fatal(err)
	}
	strategy.Asked(p)
	m := d.measure(p.Arch, s.Workload, s.Protocol)
	m.Decode.MedianMs = 1e200
	strategy.Told(p.Arch.ID(), list[0].costs, &m)
	if p := strategy.Predicted(); p != nil {
		t.Errorf("predicted %d points, the first %+v", len(p.Points), p.Points[0])
	}
	if _, err := strategy.Propose(nil); err != nil {
		t.Error(err)
	}
}

// TestConverges ends by itself where the model is right.
func TestConverges(t *testing.T) {
	s := setup(t, "archai-gpt2", "decoder_params", "response_ms")
	list, err := run(t, newStrategy(t, s), s, device{noise: 0.02}, 500)
	if !errors.Is(err, trial.ErrConverged) || len(list) < 30 {
		t.Errorf("%v after %d candidates", err, len(list))
	}
}

// TestFailures has every third candidate fail, and others break a constraint.
func TestFailures(t *testing.T) {
	s := setup(t, "archai-gpt2", "decoder_params", "response_ms")
	strategy, d := newStrategy(t, s), device{noise: 0.02}
	set, _ := objective.ParseSet(s.Objectives)
	seen := map[string]bool{}
	for i := range 60 {
		p, err := strategy.Propose(rand.New(rand.NewPCG(1, uint64(i))))
		if errors.Is(err, trial.ErrConverged) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if seen[p.Arch.ID()] {
			t.Fatalf("%v is proposed again", p.Arch)
		}
		seen[p.Arch.ID()] = true
		strategy.Asked(p)
		m := d.measure(p.Arch, s.Workload, s.Protocol)
		switch i % 3 {
		case 0:
			strategy.Told(p.Arch.ID(), nil, nil)
		case 1:
			strategy.Told(p.Arch.ID(), nil, &m)
		default:
			g, _ := graph.Build(p.Arch, s.Workload)
			values, err := set.Values(objective.NewCandidate(g, &m))
			if err != nil {
				t.Fatal(err)
			}
			strategy.Told(p.Arch.ID(), set.Costs(values), &m)
		}
	}
}

// TestUnusable has a device tell times that nothing can be fitted to, and go on
// elsewhere: the search goes on with what can be used.
func TestUnusable(t *testing.T) {
	s := setup(t, "archai-gpt2", "decoder_params", "response_ms")
	strategy, d := newStrategy(t, s), device{noise: 0.02}
	set, _ := objective.ParseSet(s.Objectives)
	for i := range surrogate.Designed + 40 {
		p, err := strategy.Propose(rand.New(rand.NewPCG(1, uint64(i))))
		if err != nil {
			t.Fatalf("trial %d: %v", i+1, err)
		}
		strategy.Asked(p)
		m := d.measure(p.Arch, s.Workload, s.Protocol)
		if i%4 == 1 {
			m.Prefill.MinMs = 0
		}
		if i >= surrogate.Designed+20 {
			m.Device.Name = "another"
		}
		g, _ := graph.Build(p.Arch, s.Workload)
		values, err := set.Values(objective.NewCandidate(g, &m))
		if err != nil {
			t.Fatal(err)
		}
		strategy.Told(p.Arch.ID(), set.Costs(values), &m)
	}
	// 15 of the 20 of the other device can be used.
	if p := strategy.Predicted(); p == nil || p.Fitted != 15 {
		t.Errorf("predicted %+v, want a model of 15 results", p)
	}
}

// TestSmallSpace measures all of a space that has less than a design.
func TestSmallSpace(t *testing.T) {
	s := setup(t, "archai-gpt2", "decoder_params", "response_ms")
	s.Space.MinDecoderParams = 0
	s.Space.NLayer, s.Space.DModel, s.Space.DInner, s.Space.NHead = space.Choices{1, 2}, space.Choices{128, 192}, space.Choices{128, 256}, space.Choices{2}
	list, err := run(t, newStrategy(t, s), s, device{noise: 0.02}, 100)
	if !errors.Is(err, trial.ErrExhausted) && !errors.Is(err, trial.ErrConverged) || len(list) != 8 {
		t.Errorf("%v after %d of 8 candidates", err, len(list))
	}
}

// TestWaits asks for more than can be told apart before results are in.
func TestWaits(t *testing.T) {
	s := setup(t, "archai-gpt2", "decoder_params", "response_ms")
	strategy := newStrategy(t, s)
	for i := range surrogate.Designed {
		p, err := strategy.Propose(rand.New(rand.NewPCG(1, uint64(i))))
		if err != nil {
			t.Fatal(err)
		}
		strategy.Asked(p)
	}
	if p, err := strategy.Propose(rand.New(rand.NewPCG(1, 21))); !errors.Is(err, trial.ErrWait) {
		t.Errorf("%v, %v without a result of the design", p, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*trial.Setup)
		want   string
	}{
		{func(s *trial.Setup) { s.Constraints = []string{"decode_ms<1"} }, "decode_ms<1"},
		{func(s *trial.Setup) { s.Objectives = s.Objectives[:1] }, "objectives: 1 given"},
		{func(s *trial.Setup) { s.Space.NLayer = nil }, "n_layer"},
	} {
		s := setup(t, "archai-gpt2", "decoder_params", "response_ms")
		c.change(&s)
		if _, err := surrogate.New(s, nil); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line with %q", err, c.want)
		}
	}
}
