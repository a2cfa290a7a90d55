package measure

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"litefront/kernels"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// TestProfile profiles on a device whose i-th group takes i+1 ms for a prefill,
// a tenth for a decoding step, and the whole pass 200 and 20 ms.
func TestProfile(t *testing.T) {
	f := newFake()
	f.runNs = func(_, export string, _, _ int64) int64 {
		switch {
		case export == "init":
			return 5 * ms
		case export == "prefill_loop":
			return 200 * ms
		case export == "decode_loop":
			return 20 * ms
		}
		for i := range int64(100) {
			switch prefill, decode := kernels.ProfileExports(int(i)); export {
			case prefill:
				return (i + 1) * ms
			case decode:
				return (i + 1) * ms / 10
			}
		}
		panic("no such export: " + export)
	}
	l := mustLocal(t, f, nil)
	l.build = graph.Build
	w := trial.Workload{PromptLen: 24, Context: 32, Precision: trial.F32, Threads: 1}
	p, err := l.Profile(context.Background(), candidate.Arch, w)
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Build(candidate.Arch, w)
	if err != nil {
		t.Fatal(err)
	}
	groups := g.Groups()
	for _, c := range []struct {
		name          string
		phase         trial.PhaseProfile
		whole, unitMs float64
		pos, rows     int
	}{
		{"prefill", p.Prefill, 200, 1, 0, 24},
		{"decode", p.Decode, 20, 0.1, 28, 1},
	} {
		n := len(groups)
		sum := c.unitMs * float64(n*(n+1)/2)
		if len(c.phase.Ops) != n || !near(c.phase.SumMs, sum) || !near(c.phase.Whole.MedianMs, c.whole) {
			t.Fatalf("%s: %d groups, sum %v, whole %v; want %d, %v, %v", c.name, len(c.phase.Ops), c.phase.SumMs, c.phase.Whole.MedianMs, n, sum, c.whole)
		}
		for i, o := range c.phase.Ops {
			timeMs := c.unitMs * float64(i+1)
			var work graph.Work
			for _, op := range groups[i].Ops {
				work = work.Add(g.Work(op, c.pos, c.rows))
			}
			if o.Name != groups[i].Name || o.Count != len(groups[i].Ops) || !near(o.Time.MedianMs, timeMs) || !near(o.Share, timeMs/sum) {
				t.Errorf("%s: group %d is %+v", c.name, i, o)
			}
			if o.MACs != work.MACs || o.FLOPs != 2*work.MACs+work.Elements || o.Bytes != work.Bytes ||
				!near(o.GFLOPS, float64(o.FLOPs)/(timeMs*1e6)) || !near(o.GBPerS, float64(o.Bytes)/(timeMs*1e6)) {
				t.Errorf("%s: work of group %d is %+v, want %+v", c.name, i, o, work)
			}
		}
	}
	if f.open != 0 {
		t.Errorf("%d programs are open", f.open)
	}
	for _, c := range f.calls {
		if c.module == computeModule || c.module == streamModule {
			t.Fatalf("a sentinel ran")
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }

func TestProfileFails(t *testing.T) {
	w := trial.Workload{PromptLen: 24, Context: 32, Precision: trial.F32, Threads: 1}
	for _, c := range []struct {
		name    string
		prepare func(*fakeTarget, *LocalMeasurer, context.CancelFunc)
		want    error
	}{
		{"too large", func(_ *fakeTarget, l *LocalMeasurer, _ context.CancelFunc) { l.options.MemoryLimit = 1 << 10 }, ErrTooLarge},
		{"lost", func(f *fakeTarget, _ *LocalMeasurer, _ context.CancelFunc) { f.die = map[int]bool{9: true} }, ErrLost},
		{"interrupted before", func(_ *fakeTarget, _ *LocalMeasurer, cancel context.CancelFunc) { cancel() }, context.Canceled},
		{"interrupted", func(f *fakeTarget, _ *LocalMeasurer, cancel context.CancelFunc) {
			f.before = func(call int) error {
				if call == 30 {
					cancel()
				}
				return nil
			}
		}, context.Canceled},
	} {
		f := newFake()
		l := mustLocal(t, f, nil)
		l.build = graph.Build
		ctx, cancel := context.WithCancel(context.Background())
		c.prepare(f, l, cancel)
		p, err := l.Profile(ctx, candidate.Arch, w)
		cancel()
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), "\n") || !reflect.DeepEqual(p, trial.Profile{}) || f.open != 0 {
			t.Errorf("%s: error %v, %d programs open, profile %+v", c.name, err, f.open, p)
		}
	}
}

// mustWazero measures real modules, in little time.
func mustWazero(t *testing.T) *LocalMeasurer {
	t.Helper()
	r := wazero.NewRuntime(context.Background())
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	o := DefaultOptions()
	o.Budget = 50 * time.Millisecond
	l, err := Local(&wazeroTarget{r, time.Now()}, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestProfileOfRealModules profiles both backbones: times are positive and finite,
// shares and memory add up, and the JSON says it all.
func TestProfileOfRealModules(t *testing.T) {
	ctx := context.Background()
	l := mustWazero(t)
	xl := arch.Architecture{Backbone: arch.TransformerXL, Vocab: 300, DModel: 50, MemLen: 16, DivVal: 2, Cutoffs: []int{100, 200},
		Layers: []arch.Layer{{Heads: 4, DInner: 80}, {Heads: 3, DInner: 33}}}
	for _, c := range []struct {
		arch.Architecture
		trial.Precision
	}{{candidate.Arch, trial.F32}, {candidate.Arch, trial.I8}, {xl, trial.F32}, {xl, trial.I8}} {
		a, w := c.Architecture, trial.Workload{PromptLen: 24, Context: 32, Precision: c.Precision, Threads: 1}
		p, err := l.Profile(ctx, a, w)
		if err != nil {
			t.Fatal(err)
		}
		for _, phase := range []trial.PhaseProfile{p.Prefill, p.Decode} {
			var shares, sum float64
			for _, op := range phase.Ops {
				shares += op.Share
				sum += op.Time.MedianMs
				if !(op.Time.MedianMs > 0) || !(op.GFLOPS > 0) || len(op.Time.SamplesMs) < leastSamples {
					t.Errorf("%v: %+v", a, op)
				}
			}
			if math.Abs(shares-1) > 1e-9 || !near(sum, phase.SumMs) || math.IsInf(sum, 0) || !(phase.Whole.MedianMs > 0) {
				t.Errorf("%v: shares of %v, sum %v ms of %v, whole %v", a, shares, phase.SumMs, sum, phase.Whole)
			}
		}
		g, err := graph.Build(a, w)
		if err != nil {
			t.Fatal(err)
		}
		var bytes int64
		for _, part := range p.Memory {
			bytes += part.Bytes
		}
		if bytes != g.Memory.TotalBytes || p.MemoryBytes != bytes {
			t.Errorf("%v: parts take %d bytes, MemoryBytes is %d, planned are %d", a, bytes, p.MemoryBytes, g.Memory.TotalBytes)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var again trial.Profile
		if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%v: %v: read back as %+v", a, err, again)
		}
	}
}
