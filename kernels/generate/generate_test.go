package generate

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"litefront/kernels"
	"litefront/kernels/export"
	"litefront/kernels/measure"
	"litefront/kernels/ref"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// target is the least that generates: wazero with memories that are open.
type target struct {
	runtime wazero.Runtime
	origin  time.Time
	calls   []measure.Call
	closed  int
	shut    bool                    // memories are not open
	unclear func(measure.Call) bool // whether the clock is set during a call; nil for never
}

func newTarget(t testing.TB) *target {
	r := wazero.NewRuntime(context.Background())
	t.Cleanup(func() { r.Close(context.Background()) })
	return &target{runtime: r, origin: time.Now()}
}

func (t *target) Device() trial.Device       { return trial.Device{Name: "test", Cores: 1, TimerStepNs: 100} }
func (t *target) Features() kernels.Features { return kernels.Features{WidePanels: true} }
func (t *target) Now() int64                 { return time.Since(t.origin).Nanoseconds() }

func (t *target) Prepare(m *kernels.Module) (measure.Program, error) {
	module, err := t.runtime.InstantiateWithConfig(context.Background(), m.Bytes, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, err
	}
	if t.shut {
		return struct{ measure.Program }{&program{t, module}}, nil
	}
	return &program{t, module}, nil
}

type program struct {
	target *target
	module api.Module
}

func (p *program) Run(c measure.Call) (int64, error) {
	p.target.calls = append(p.target.calls, c)
	args := []uint64{uint64(c.Arg)}
	if c.Reps > 0 {
		args = append(args, uint64(c.Reps))
	}
	start := p.target.Now()
	_, err := p.module.ExportedFunction(c.Export).Call(context.Background(), args...)
	if err == nil && p.target.unclear != nil && p.target.unclear(c) {
		err = measure.ErrClock
	}
	return p.target.Now() - start, err
}

func (p *program) Ready() error {
	_, err := p.module.ExportedFunction("ready").Call(context.Background())
	return err
}

func (p *program) ReadAt(b []byte, at int64) (int, error) {
	memory, _ := p.module.Memory().Read(uint32(at), uint32(len(b)))
	return copy(b, memory), nil
}

func (p *program) WriteAt(b []byte, at int64) (int, error) {
	p.module.Memory().Write(uint32(at), b)
	return len(b), nil
}

func (p *program) Footprint() (measure.Footprint, error) { return measure.Footprint{}, nil }

func (p *program) Close() error {
	p.target.closed++
	return p.module.Close(context.Background())
}

var archs = []arch.Architecture{
	{Backbone: arch.GPT2, Vocab: 90, DModel: 20, MaxLen: 40, Layers: []arch.Layer{{Heads: 2, DInner: 40}, {Heads: 1, DInner: 33}}},
	{Backbone: arch.TransformerXL, Vocab: 90, DModel: 20, DivVal: 2, Cutoffs: []int{20, 50}, MemLen: 7,
		Layers: []arch.Layer{{Heads: 3, DInner: 40}, {Heads: 2, DInner: 36}}},
}

func request(a arch.Architecture) Request {
	return Request{Arch: a, Workload: trial.Workload{Precision: trial.F32, Threads: 1}, Prompt: []int{1, 30, 80, 5}, Tokens: 12, Seed: 5}
}

// run returns what a request generates.
func run(t testing.TB, target measure.Target, q Request, w export.Source) []int {
	t.Helper()
	var tokens []int
	r, err := q.Run(context.Background(), target, w, func(token int) { tokens = append(tokens, token) })
	if err != nil {
		t.Fatal(err)
	}
	if len(tokens) != q.Tokens || r.Decoded != q.Tokens-1 || r.PrefillMs <= 0 || q.Tokens > 1 && r.DecodeMs <= 0 {
		t.Errorf("%d tokens and %+v", len(tokens), r)
	}
	return tokens
}

// greedy is what the reference generates with seeded weights.
func greedy(t testing.TB, q Request) (tokens []int) {
	t.Helper()
	g, err := q.Plan()
	if err != nil {
		t.Fatal(err)
	}
	weights := export.Seeded(g, q.Seed)
	for all := slices.Clone(q.Prompt); len(tokens) < q.Tokens; {
		logits, err := ref.LastLogits(q.Arch, func(name string) []float32 { return weights[name] }, all)
		if err != nil {
			t.Fatal(err)
		}
		best := 0
		for i, x := range logits {
			if x > logits[best] {
				best = i
			}
		}
		tokens, all = append(tokens, best), append(all, best)
	}
	return tokens
}

// What is generated is what the reference says, however much room the module has, and
// whether it makes its weights or a file has them.
func TestRun(t *testing.T) {
	for _, a := range archs {
		target := newTarget(t)
		q := request(a)
		want := greedy(t, q)
		if got := run(t, target, q, nil); !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", a, got, want)
		}
		roomy := q
		roomy.Workload.PromptLen, roomy.Workload.Context, roomy.WarmUp = 9, 37, true
		if got := run(t, target, roomy, nil); !slices.Equal(got, want) {
			t.Errorf("%v with room: %v, want %v", a, got, want)
		}
		g, err := q.Plan()
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := export.WriteSafetensors(&file, a, export.Seeded(g, q.Seed)); err != nil {
			t.Fatal(err)
		}
		weights, err := export.OpenSafetensors(bytes.NewReader(file.Bytes()), a)
		if err != nil {
			t.Fatal(err)
		}
		other := q
		other.Seed = 99 // which is of sampling alone
		if got := run(t, target, other, weights); !slices.Equal(got, want) {
			t.Errorf("%v from a file: %v, want %v", a, got, want)
		}
		other.Workload.Precision = trial.I8
		if got := run(t, target, other, weights); got[0] != want[0] {
			t.Errorf("%v in int8: %v, want about %v", a, got, want)
		}
		if target.closed != 4 {
			t.Errorf("%d programs of 4 are closed", target.closed)
		}
	}
}

// The seed of sampling determines what is drawn.
func TestTemperature(t *testing.T) {
	target := newTarget(t)
	q := request(archs[0])
	cold := run(t, target, q, nil)
	q.Temperature = 1
	hot, again := run(t, target, q, nil), run(t, target, q, nil)
	if slices.Equal(hot, cold) || !slices.Equal(hot, again) {
		t.Errorf("sampled %v and %v, the likeliest are %v", hot, again, cold)
	}
}

// Warming up comes before what counts.
func TestWarmUp(t *testing.T) {
	target := newTarget(t)
	q := request(archs[0])
	q.Tokens, q.WarmUp = 2, true
	run(t, target, q, nil)
	var order []string
	for _, c := range target.calls {
		order = append(order, c.Export)
	}
	if got, want := slices.Compact(order), []string{"init", "prefill_loop", "decode_loop", "prefill", "decode"}; !slices.Equal(got, want) {
		t.Errorf("called %v, want %v", got, want)
	}
	q.Tokens, q.Prompt = 1, make([]int, 40) // there is no position after the prompt
	run(t, target, q, nil)
}

// A context that ends leaves what was told by then.
// A clock that is set while a call is carried out takes no token away, and what could
// not be timed counts for nothing.
func TestClockSet(t *testing.T) {
	q := request(archs[0])
	want := run(t, newTarget(t), q, nil)
	target := newTarget(t)
	target.unclear = func(c measure.Call) bool { return c.Export == "prefill" || c.Export == "decode" && c.Arg%2 == 0 }
	var got []int
	r, err := q.Run(context.Background(), target, nil, func(token int) { got = append(got, token) })
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("generates %v, %v; want %v", got, err, want)
	}
	timed := 0
	for _, c := range target.calls {
		if c.Export == "decode" && !target.unclear(c) {
			timed++
		}
	}
	if r.PrefillMs != 0 || r.Decoded != timed || timed == 0 || timed >= q.Tokens-1 {
		t.Errorf("the result is %+v, %d were timed", r, timed)
	}
}

func TestInterrupted(t *testing.T) {
	target := newTarget(t)
	ctx, cancel := context.WithCancel(context.Background())
	told := 0
	r, err := request(archs[0]).Run(ctx, target, nil, func(int) {
		if told++; told == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || told != 3 || r.Decoded != 2 || target.closed != 1 {
		t.Errorf("told %d tokens, %+v, %v; %d programs closed", told, r, err, target.closed)
	}
	g, err := request(archs[0]).Plan()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []export.Source{nil, export.Seeded(g, 1)} {
		if _, err := request(archs[0]).Run(ctx, target, w, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("begun after its end: %v", err)
		}
	}
}

func TestRefused(t *testing.T) {
	change := func(f func(*Request)) Request {
		q := request(archs[0])
		f(&q)
		return q
	}
	for _, tt := range []struct {
		field, want string
		q           Request
	}{
		{FieldPrompt, "prompt-ids has 0 tokens, must be 1 to max_sequence_length 40", change(func(q *Request) { q.Prompt = nil })},
		{FieldPrompt, "prompt-ids has 41 tokens, must be 1 to max_sequence_length 40", change(func(q *Request) { q.Prompt = make([]int, 41) })},
		{FieldPrompt, "prompt-ids has 4 tokens, must be 1 to the context 3", change(func(q *Request) { q.Workload.Context = 3 })},
		{FieldPrompt, "prompt-ids: token 90 must be 0 to 89", change(func(q *Request) { q.Prompt = []int{1, 90} })},
		{FieldPrompt, "prompt-ids: token -1 must be 0 to 89", change(func(q *Request) { q.Prompt = []int{-1} })},
		{FieldTokens, "tokens 0 must be 1 to 37: with a prompt of 4 they reach max_sequence_length 40", change(func(q *Request) { q.Tokens = 0 })},
		{FieldTokens, "tokens 38 must be 1 to 37", change(func(q *Request) { q.Tokens = 38 })},
		{FieldTokens, "tokens 12 must be 1 to 2: with a prompt of 4 they reach the context 5", change(func(q *Request) { q.Workload.Context = 5 })},
		{FieldTokens, "they reach the limit 131072", change(func(q *Request) { q.Arch, q.Tokens = archs[1], 1<<17 })},
		{FieldContext, "context 41 must be 1 to max_sequence_length 40", change(func(q *Request) { q.Workload.Context = 41 })},
		{FieldContext, "context -1 must be", change(func(q *Request) { q.Workload.Context = -1 })},
		{FieldTemperature, "temperature -1 must be 0 or above", change(func(q *Request) { q.Temperature = -1 })},
		{FieldTemperature, "temperature NaN must be", change(func(q *Request) { q.Temperature = math.NaN() })},
		{FieldTemperature, "temperature +Inf must be", change(func(q *Request) { q.Temperature = math.Inf(1) })},
		{"", "bytes of linear memory are needed; the limit is 1000", change(func(q *Request) { q.MemoryLimit = 1000 })},
		{"", `precision "f64"`, change(func(q *Request) { q.Workload.Precision = "f64" })},
		{"", "d_model", change(func(q *Request) { q.Arch.DModel = -1 })},
		{"", "threads 2", change(func(q *Request) { q.Workload.Threads = 2 })},
	} {
		target := newTarget(t)
		_, err := tt.q.Run(context.Background(), target, nil, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") || len(target.calls) > 0 {
			t.Errorf("error %v after %d calls, want %s", err, len(target.calls), tt.want)
		}
		field, of := "", (*InvalidError)(nil)
		if errors.As(err, &of) {
			field = of.Field
		}
		if field != tt.field {
			t.Errorf("%s: field %q, want %q", tt.want, field, tt.field)
		}
	}
	shut := newTarget(t)
	shut.shut = true
	if _, err := request(archs[0]).Run(context.Background(), shut, nil, nil); err == nil || !strings.Contains(err.Error(), "does not open the memory") || shut.closed != 1 {
		t.Errorf("a memory that is not open: %v, %d closed", err, shut.closed)
	}
}

// broken is weights that cannot be read, or are no numbers.
type broken struct {
	export.Source
	err error
}

func (b broken) Read(x []float32, name string, first int) error {
	for i := range x {
		x[i] = float32(math.NaN())
	}
	return b.err
}

func TestBrokenWeights(t *testing.T) {
	q := request(archs[0])
	g, err := q.Plan()
	if err != nil {
		t.Fatal(err)
	}
	whole := export.Seeded(g, 1)
	for want, w := range map[string]export.Source{
		"the disk is gone": broken{whole, errors.New("the disk is gone")},
		"the model's logits are not finite: its weights are broken": broken{whole, nil},
		`weights: "wte" has 0 values`:                               export.Weights{},
	} {
		if _, err := q.Run(context.Background(), newTarget(t), w, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Weights go from a file into memory in pieces, however large their tensor is.
func TestPieces(t *testing.T) {
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 30_000, DModel: 64, MaxLen: 40, Layers: []arch.Layer{{Heads: 2, DInner: 64}}}
	for _, p := range trial.Precisions() {
		q := request(a)
		q.Workload.Precision = p
		g, err := q.Plan()
		if err != nil {
			t.Fatal(err)
		}
		memory := &pieces{bytes: make([]byte, g.Memory.TotalBytes)}
		file := &pieces{}
		var b bytes.Buffer
		if err := export.WriteSafetensors(&b, a, export.Seeded(g, 3)); err != nil {
			t.Fatal(err)
		}
		file.bytes = b.Bytes()
		w, err := export.OpenSafetensors(file, a)
		if err != nil {
			t.Fatal(err)
		}
		if err := export.PlaceIn(memory, g, w, graph.Panel); err != nil {
			t.Fatal(err)
		}
		if max(memory.most, file.most) > 1<<20 || b.Len() < 4<<20 {
			t.Errorf("%s: pieces of up to %d and %d bytes", p, memory.most, file.most)
		}
		image, offset, err := export.Place(g, export.Seeded(g, 3), graph.Panel)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(memory.bytes[offset:][:len(image)], image) {
			t.Errorf("%s: in pieces the weights are others", p)
		}
	}
}

// pieces notes the largest piece that is read or written.
type pieces struct {
	bytes []byte
	most  int
}

func (p *pieces) Size() int64 { return int64(len(p.bytes)) }

func (p *pieces) ReadAt(b []byte, at int64) (int, error) {
	p.most = max(p.most, len(b))
	return bytes.NewReader(p.bytes).ReadAt(b, at)
}

func (p *pieces) WriteAt(b []byte, at int64) (int, error) {
	p.most = max(p.most, len(b))
	return copy(p.bytes[at:], b), nil
}

// TestSample compares how often tokens are drawn with the softmax.
func TestSample(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	logits := []float32{100, 99, 98, 101, -500}
	const n = 100_000
	for _, temperature := range []float64{0.5, 1, 4} {
		counts := make([]int, len(logits))
		for range n {
			counts[sample(logits, temperature, r)]++
		}
		sum := 0.0
		for _, x := range logits {
			sum += math.Exp((float64(x) - 101) / temperature)
		}
		for i, x := range logits {
			p := math.Exp((float64(x)-101)/temperature) / sum
			// Five standard deviations of a binomial.
			if got := float64(counts[i]) / n; math.Abs(got-p) > 5*math.Sqrt(p*(1-p)/n) {
				t.Errorf("temperature %v: token %d is drawn with %v, want %v", temperature, i, got, p)
			}
		}
	}
	if i := sample(logits, 1e-320, r); i != 3 {
		t.Errorf("at a temperature of almost 0 token %d is drawn", i)
	}
}
