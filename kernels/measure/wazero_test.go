package measure

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"litefront/kernels"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// wazeroTarget is the least that runs real modules.
type wazeroTarget struct {
	runtime wazero.Runtime
	origin  time.Time
}

type wazeroProgram struct {
	target *wazeroTarget
	module api.Module
}

func (t *wazeroTarget) Device() trial.Device {
	return trial.Device{Name: "test", Cores: 1, Engine: "wazero", TimerStepNs: 100}
}
func (t *wazeroTarget) Features() kernels.Features { return kernels.Features{} }
func (t *wazeroTarget) Now() int64                 { return time.Since(t.origin).Nanoseconds() }

func (t *wazeroTarget) Prepare(m *kernels.Module) (Program, error) {
	mod, err := t.runtime.InstantiateWithConfig(context.Background(), m.Bytes, wazero.NewModuleConfig().WithName(""))
	return &wazeroProgram{t, mod}, err
}

func (p *wazeroProgram) Run(c Call) (int64, error) {
	args := []uint64{uint64(c.Arg)}
	if c.Reps > 0 {
		args = append(args, uint64(c.Reps))
	}
	start := p.target.Now()
	_, err := p.module.ExportedFunction(c.Export).Call(context.Background(), args...)
	return p.target.Now() - start, err
}

func (p *wazeroProgram) Footprint() (Footprint, error) {
	return Footprint{LinearBytes: int64(p.module.Memory().Size())}, nil
}
func (p *wazeroProgram) Close() error { return p.module.Close(context.Background()) }

// TestRealModules runs both protocols on real modules: the calls fit their
// exports, and the memory is what the plan says. It says nothing of time.
func TestRealModules(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	target := &wazeroTarget{r, time.Now()}
	w := trial.Workload{PromptLen: 24, Context: 32, Precision: trial.F32, Threads: 1}
	g, err := graph.Build(candidate.Arch, w)
	if err != nil {
		t.Fatal(err)
	}
	module, err := kernels.Compile(g, target.Features())
	if err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{trial.Litefront, trial.LTS} {
		o := DefaultOptions()
		o.Protocol = protocol
		o.Budget = 50 * time.Millisecond
		o.MaxRepeats = 0
		l, err := Local(target, o)
		if err != nil {
			t.Fatal(err)
		}
		m, err := l.Measure(ctx, candidate, w)
		l.Close()
		if err != nil {
			t.Fatal(err)
		}
		if m.MemoryBytes != g.Memory.TotalBytes || m.ModuleSHA256 != module.SHA256 {
			t.Errorf("%s: %d bytes of %d, module %s", protocol, m.MemoryBytes, g.Memory.TotalBytes, m.ModuleSHA256)
		}
		if len(m.Prefill.SamplesMs) < 5 || len(m.Decode.SamplesMs) < 5 {
			t.Errorf("%s: %d and %d samples", protocol, len(m.Prefill.SamplesMs), len(m.Decode.SamplesMs))
		}
		if !slices.Contains([]trial.Verdict{trial.OK, trial.Noisy, trial.Drifted}, m.Verdict) {
			t.Errorf("%s: verdict %q", protocol, m.Verdict)
		}
		if measured := len(m.Stream.SamplesMs) >= minReadings; measured != (protocol == trial.Litefront) {
			t.Errorf("%s: stream sentinel %+v", protocol, m.Stream)
		}
	}
}
