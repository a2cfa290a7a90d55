//go:build gpu

package runtime_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"litefront/host/runtime"
	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/search"
	"litefront/searchcore/arch"
	"litefront/searchcore/space"
	"litefront/searchcore/trial"
)

func gpuProcess(t *testing.T) *runtime.Process {
	t.Helper()
	p, err := runtime.NewGPUProcess(os.Getenv("LITEFRONT_GPU"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// A search runs on a GPU from end to end, for each backbone.
func TestGPUSearch(t *testing.T) {
	process := gpuProcess(t)
	for _, backbone := range []arch.Backbone{arch.GPT2, arch.TransformerXL} {
		t.Run(string(backbone), func(t *testing.T) {
			sp := space.Space{Name: "tiny", Backbone: backbone, Vocab: 100,
				NLayer: space.Choices{1, 2}, DModel: space.Choices{16, 32}, NHead: space.Choices{1, 2}, DInner: space.Choices{16, 32}}
			if backbone == arch.GPT2 {
				sp.MaxLen = 32
			}
			q := search.Request{Name: "test", Code: "v0", Budget: "3", TrialTimeMs: 1, Setup: trial.Setup{
				Space: sp, Workload: trial.Workload{PromptLen: 16, Context: 32, Precision: trial.F16, Threads: 1},
				Objectives: []string{"decoder_params", "prefill_ms", "peak_mb"}, Strategy: "lts", Protocol: trial.Litefront, Seed: 1, MemoryLimit: 1 << 30,
			}}
			st, done, err := q.Run(context.Background(), process, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if done.Measured != 3 || done.Failed != 0 {
				t.Errorf("the search ended with %+v", done)
			}
			for _, r := range st.Trials() {
				m := r.Measurement
				if m == nil || m.Prefill.MedianMs <= 0 || m.Decode.MedianMs <= 0 || m.MemoryBytes <= 0 || m.Slowdown <= 0 || m.Device.Name != process.Device().Name {
					t.Errorf("trial %d: measured %+v", r.Number, m)
				}
			}
		})
	}
}

// mortal is a process that is killed when it is to run a candidate for the first time.
type mortal struct {
	*runtime.Process
	killed bool
}

func (m *mortal) Prepare(module *kernels.Module) (measure.Program, error) {
	p, err := m.Process.Prepare(module)
	return mortalProgram{p, m}, err
}

type mortalProgram struct {
	measure.Program
	of *mortal
}

func (p mortalProgram) Run(c measure.Call) (int64, error) {
	if c.Export == "decode_loop" && !p.of.killed {
		p.of.killed = true
		p.of.Kill()
	}
	return p.Program.Run(c)
}

// A GPU process that dies under a measurement is replaced, and the measurement repeated
// and marked.
func TestGPULost(t *testing.T) {
	m := &mortal{Process: gpuProcess(t)}
	local, err := measure.Local(m, measure.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	a := arch.Architecture{Backbone: arch.GPT2, Vocab: 50, DModel: 16, MaxLen: 32, Layers: []arch.Layer{{Heads: 1, DInner: 16}}}
	w := trial.Workload{PromptLen: 16, Context: 32, Precision: trial.F32, Threads: 1}
	for _, lost := range []bool{true, false} {
		got, err := local.Measure(context.Background(), trial.Trial{Proposal: trial.Proposal{Arch: a}}, w)
		if err != nil || got.Lost != lost || got.Decode.MedianMs <= 0 {
			t.Errorf("lost %v: measured %+v, error %v", lost, got, err)
		}
	}
	if !m.killed {
		t.Error("it was not lost")
	}
}

// An adapter that there is not is one line that names those there are.
func TestGPUUnknownAdapter(t *testing.T) {
	_, err := runtime.NewGPUProcess("no such adapter", time.Minute)
	if err == nil || !strings.HasPrefix(err.Error(), `gpu: adapter "no such adapter" must be part of the name of one: [`) {
		t.Errorf("error %v", err)
	}
}
