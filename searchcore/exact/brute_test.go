package exact_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"litefront/searchcore/arch"
	"litefront/searchcore/cost"
	"litefront/searchcore/exact"
	"litefront/searchcore/graph"
	"litefront/searchcore/objective"
	"litefront/searchcore/pareto"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

// TestAgainstBruteForce solves random problems and compares with the frontier of all
// architectures of the space, each built and valued by itself.
func TestAgainstBruteForce(t *testing.T) {
	problems, size := 400, 1300
	if os.Getenv("LITEFRONT_LONG") != "" {
		problems, size = 150, 200_000
	}
	r := rand.New(rand.NewPCG(11, 4))
	var bounded, points int
	for i := range problems {
		p, all := randomProblem(t, r, size)
		want := bruteForce(t, p, all)
		got, err := exact.Solve(p)
		if err != nil {
			t.Fatalf("problem %d: %v: %v", i, describe(p), err)
		}
		var values [][]float64
		for _, point := range got {
			values = append(values, point.Values)
			if err := p.Space.Contains(point.Arch); err != nil {
				t.Errorf("problem %d: %v", i, err)
			}
			if v := valuesOf(t, p, candidate(t, p, point.Arch)); !slices.Equal(v, point.Values) {
				t.Errorf("problem %d: %v: %v has values %v; %v were told", i, describe(p), point.Arch, v, point.Values)
			}
		}
		if !slices.EqualFunc(values, want, slices.Equal[[]float64]) {
			t.Fatalf("problem %d: %v of %d architectures:\n got %v\nwant %v", i, describe(p), len(all), values, want)
		}
		points += len(got)
		if len(p.Constraints) > 0 && len(got) > 0 {
			bounded++
		}
	}
	if bounded < problems/10 || points < 5*problems {
		t.Errorf("%d bounded problems with a solution and %d points in all: these problems test too little", bounded, points)
	}
}

// TestLowerBoundAgainstBruteForce does so for stacks of which most do not have the
// parameters that the space asks for, or about as many, with the heads and times of the
// preset spaces' narrow frames: there nearly all that is compared is short of the bound.
func TestLowerBoundAgainstBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for i := range 40 {
		p := exact.Problem{
			Space: space.Space{
				Name: "bounded", Backbone: pick(r, []arch.Backbone{arch.GPT2, arch.TransformerXL}), Vocab: 50264,
				NLayer: space.Choices{1, 2, 3}[r.IntN(3):], DModel: space.Choices{128},
				DInner: choices(r, 3, 128, 1024, 64), NHead: space.Choices{2, 4, 8},
			},
			Workload: trial.DefaultWorkload(),
			Table:    device,
		}
		if p.Space.Backbone == arch.GPT2 {
			p.Space.MaxLen = 1024
		}
		if i%2 == 0 {
			p.Table = cost.Typical(p.Workload).Table
		}
		p.Objectives = objectives(t, pick(r, [][]string{
			{"quality", "response_ms"}, {"quality", "response_ms", "peak_mb"}, {"quality", "prefill_ms", "decode_ms"}, {"quality", "decode_ms", "peak_mb"},
		})...)
		all := enumerate(t, p.Space, 1<<20)
		p.Space.MinDecoderParams = pick(r, all).DecoderParams()
		if r.IntN(3) == 0 {
			p.Space.MaxDecoderParams = p.Space.MinDecoderParams + 200_000
		}
		all = slices.DeleteFunc(all, func(a arch.Architecture) bool { return p.Space.Contains(a) != nil })
		want := bruteForce(t, p, all)
		got, err := exact.Solve(p)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, want, func(p exact.Point, v []float64) bool { return slices.Equal(p.Values, v) }) {
			t.Errorf("problem %d: %v: %d points; want %d", i, describe(p), len(got), len(want))
		}
	}
}

func describe(p exact.Problem) string {
	var names []string
	for _, o := range p.Objectives {
		names = append(names, o.Name)
	}
	return fmt.Sprintf("%v, %v, limit %d, %+v, %+v", names, p.Constraints, p.MemoryLimit, p.Workload, p.Space)
}

func randomProblem(t *testing.T, r *rand.Rand, size int) (exact.Problem, []arch.Architecture) {
	sets := [][]string{
		{"decoder_params", "decode_ms"},
		{"decoder_params", "response_ms"},
		{"decoder_params", "prefill_ms", "decode_ms"},
		{"decoder_params", "decode_ms", "peak_mb"},
		{"decoder_params", "weight_mb", "kv_mb"},
		{"decoder_params", "peak_mb"},
		{"total_params", "decoder_params", "prefill_ms"},
		{"decode_ms", "peak_mb"},
		{"decoder_params", "prefill_ms", "decode_ms", "peak_mb"},
		{"quality", "prefill_ms"},
		{"quality", "decode_ms"},
		{"quality", "flops"},
		{"quality", "prefill_ms", "decode_ms"},
		{"quality", "response_ms", "peak_mb"},
		{"quality", "decoder_params", "decode_ms"},
		{"quality", "total_params", "flops"},
	}
	workloads := []trial.Workload{
		{PromptLen: 16, Context: 1024}, {PromptLen: 64, Context: 64}, {PromptLen: 1, Context: 40}, {PromptLen: 1000, Context: 1024},
	}
	for {
		p := exact.Problem{
			Space:      randomSpace(r),
			Workload:   pick(r, workloads),
			Objectives: objectives(t, pick(r, sets)...),
			Table:      randomTable(r.Uint64()),
		}
		// In every other one, layers that differ add up to the same parameters, and the
		// activations are large.
		memory := r.IntN(2) == 0
		if memory {
			p.Space = space.Space{
				Name: "activations", Backbone: arch.TransformerXL, Vocab: 10,
				NLayer: space.Choices{2 + r.IntN(3)}, DModel: space.Choices{128}, DInner: choices(r, 6, 64, 352, 32), NHead: space.Choices{1},
			}
			p.Workload = trial.Workload{PromptLen: pick(r, []int{512, 1000}), Context: 1024}
			p.Objectives = objectives(t, append([]string{pick(r, []string{"decoder_params", "quality"}), "prefill_ms"}, pick(r, [][]string{nil, {"peak_mb"}})...)...)
		}
		p.Workload.Precision, p.Workload.Threads = trial.F32, 1
		all := enumerate(t, p.Space, size)
		if len(all) < 2 {
			continue
		}
		// Bounds at the values of architectures there are.
		for range r.IntN(3) {
			o := pick(r, append(objectives(t, "quality", "flops"), append(objective.All(), p.Objectives...)...))
			if memory {
				o = pick(r, objectives(t, "peak_mb", "weight_mb"))
			}
			v := value(t, p, o, candidate(t, p, pick(r, all)))
			p.Constraints = append(p.Constraints, constraints(t, fmt.Sprintf("%s%s%v", o.Name, pick(r, []string{"<=", ">="}), v))...)
		}
		if r.IntN(3) == 0 {
			p.MemoryLimit = candidate(t, p, pick(r, all)).Memory.TotalBytes
		}
		return p, all
	}
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// choices are n different values of low to high, by step.
func choices(r *rand.Rand, n, low, high, step int) space.Choices {
	var c space.Choices
	for _, i := range r.Perm((high-low)/step + 1)[:n] {
		c = append(c, low+i*step)
	}
	slices.Sort(c)
	return c
}

// randomSpace returns a valid space with heads that are all padded alike.
func randomSpace(r *rand.Rand) space.Space {
	for {
		s := space.Space{
			Name: "random", Backbone: arch.GPT2, Vocab: 1 + r.IntN(2000), MaxLen: 1024,
			NLayer: choices(r, 1+r.IntN(3), 1, 5, 1),
			DModel: choices(r, 1+r.IntN(3), 32, 256, 32),
			DInner: choices(r, 1+r.IntN(6), 1, 600, 1),
			NHead:  choices(r, 1+r.IntN(2), 1, 2, 1),
			Shared: r.IntN(5) == 0,
		}
		if r.IntN(3) > 0 { // so that different layers add up to the same
			s.DInner = choices(r, 2+r.IntN(5), 64, 640, 64)
		}
		if r.IntN(3) == 0 {
			s.NHead = append(s.NHead, 4)
		}
		if r.IntN(2) == 0 {
			s.Backbone, s.MaxLen, s.MemLen = arch.TransformerXL, 0, r.IntN(50)
		}
		if r.IntN(2) == 0 {
			s.Cutoffs, s.DivVal = []int{300, 900}, choices(r, 1+r.IntN(3), 1, 4, 1)
		}
		if r.IntN(3) == 0 {
			s.InnerRatio = 1.7
		}
		if r.IntN(3) == 0 {
			s.MinDecoderParams = int64(r.IntN(200_000))
		}
		if r.IntN(3) == 0 {
			s.MaxDecoderParams = s.MinDecoderParams + int64(r.IntN(2_000_000))
		}
		if s.Validate() == nil {
			return s
		}
	}
}

// randomTable returns a table of times that need not grow with anything.
func randomTable(seed uint64) func(space.Frame) (exact.Table, error) {
	return func(f space.Frame) (exact.Table, error) {
		r := rand.New(rand.NewPCG(seed, uint64(f.DModel<<8+f.DivVal)))
		unit := pick(r, []int64{1_234_567, 1e6, 1e11}) // the coarser, the more ties
		terms := func() exact.Terms {
			t := exact.Terms{Constant: unit * r.Int64N(100)}
			slope := r.Int64N(3)
			for _, l := range f.Layers {
				t.Layers = append(t.Layers, unit*(r.Int64N(20)+slope*int64(l.DInner/64)))
			}
			return t
		}
		excess := terms()
		excess.Constant *= -5
		return exact.Table{
			Prefill: exact.Times{Terms: terms()},
			Decode:  exact.Times{Terms: terms(), Excess: excess},
		}, nil
	}
}

// enumerate lists the architectures of s by its genes and rules, nil if there are more
// than size.
func enumerate(t *testing.T, s space.Space, size int) (list []arch.Architecture) {
	t.Helper()
	if s.Size().Int64() > int64(size) {
		return nil
	}
	divVals := s.DivVal
	if len(divVals) == 0 {
		divVals = space.Choices{1}
	}
	unbounded := s
	unbounded.NLayer, unbounded.MinDecoderParams, unbounded.MaxDecoderParams = space.Choices{1}, 0, 0
	seen := map[[2]int]bool{} // d_model and canonical div_val
	for _, d := range s.DModel {
		for _, v := range divVals {
			a := arch.Architecture{Backbone: s.Backbone, Vocab: s.Vocab, DModel: d, DivVal: v, Cutoffs: s.Cutoffs, MaxLen: s.MaxLen, MemLen: s.MemLen}
			var layers []arch.Layer
			for _, h := range s.NHead {
				for _, inner := range s.DInner {
					a.Layers = []arch.Layer{{Heads: h, DInner: inner}}
					if unbounded.Contains(a) == nil {
						layers = append(layers, a.Layers[0])
					}
				}
			}
			frame := [2]int{d, a.Canonical().DivVal}
			if seen[frame] {
				continue
			}
			seen[frame] = true
			for _, n := range s.NLayer {
				a.Layers = make([]arch.Layer, n)
				var choose func(i int)
				choose = func(i int) {
					for _, l := range layers {
						a.Layers[i] = l
						switch {
						case s.Shared && l != a.Layers[0]:
						case i+1 < n:
							choose(i + 1)
						default:
							params := a.DecoderParams()
							if params >= s.MinDecoderParams && (s.MaxDecoderParams == 0 || params <= s.MaxDecoderParams) {
								list = append(list, a.Canonical())
							}
						}
					}
				}
				choose(0)
			}
		}
	}
	return list
}

// candidate is a with its plan, and timed by the table as its documentation says.
func candidate(t *testing.T, p exact.Problem, a arch.Architecture) objective.Candidate {
	t.Helper()
	g, err := graph.Build(a, p.Workload)
	if err != nil {
		t.Fatal(err)
	}
	f := frameOf(t, p.Space, a)
	table, err := p.Table(f)
	if err != nil {
		t.Fatal(err)
	}
	measured := func(times exact.Times) trial.Stat {
		return trial.Stat{MedianMs: ms(femtoseconds(f, times, a))}
	}
	return objective.NewCandidate(g, &trial.Measurement{
		Protocol: trial.Litefront, Prefill: measured(table.Prefill), Decode: measured(table.Decode),
	})
}

// value is that of c, with the time of a response rounded as a whole.
func value(t *testing.T, p exact.Problem, o objective.Objective, c objective.Candidate) float64 {
	t.Helper()
	v, err := o.Value(c)
	if err != nil {
		t.Fatal(err)
	}
	if o.Name == "response_ms" {
		f := frameOf(t, p.Space, c.Arch)
		table, err := p.Table(f)
		if err != nil {
			t.Fatal(err)
		}
		decoded := int64(p.Workload.Context - p.Workload.PromptLen)
		v = ms(femtoseconds(f, table.Prefill, c.Arch) + decoded*femtoseconds(f, table.Decode, c.Arch))
	}
	return v
}

func ms(fs int64) float64 { return math.Round(float64(fs)/1e6) / 1e6 }

func femtoseconds(f space.Frame, times exact.Times, a arch.Architecture) int64 {
	fs, excess := times.Constant, times.Excess.Constant
	for _, l := range a.Layers {
		i := slices.Index(f.Layers, l)
		fs += times.Layers[i]
		if times.Excess.Layers != nil {
			excess += times.Excess.Layers[i]
		}
	}
	return fs + max(0, excess)
}

// frameOf returns the frame of a, which tables look at.
func frameOf(t *testing.T, s space.Space, a arch.Architecture) space.Frame {
	t.Helper()
	s.DModel, s.DivVal, s.MinDecoderParams, s.MaxDecoderParams = space.Choices{a.DModel}, space.Choices{a.DivVal}, 0, 0
	frames, err := s.Frames()
	if err != nil {
		t.Fatal(err)
	}
	return frames[0]
}

func valuesOf(t *testing.T, p exact.Problem, c objective.Candidate) (values []float64) {
	t.Helper()
	for _, o := range p.Objectives {
		values = append(values, value(t, p, o, c))
	}
	return values
}

// bruteForce returns the values of the frontier, sorted by costs.
func bruteForce(t *testing.T, p exact.Problem, all []arch.Architecture) [][]float64 {
	t.Helper()
	var values, costs [][]float64
next:
	for _, a := range all {
		c := candidate(t, p, a)
		if p.MemoryLimit > 0 && c.Memory.TotalBytes > p.MemoryLimit {
			continue
		}
		for _, constraint := range p.Constraints {
			if !constraint.Satisfied(value(t, p, constraint.Objective, c)) {
				continue next
			}
		}
		v := valuesOf(t, p, c)
		values, costs = append(values, v), append(costs, p.Objectives.Costs(v))
	}
	front := pareto.Front(costs)
	slices.SortFunc(front, func(i, j int) int { return slices.Compare(costs[i], costs[j]) })
	var want [][]float64
	for _, i := range front {
		want = append(want, values[i])
	}
	return want
}
