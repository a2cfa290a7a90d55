package worker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hack-pad/safejs"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/wgsl"
	"litefront/searchcore/trial"
	"litefront/wasm/worker/internal/browser"
)

// gpu is the browser's WebGPU as a target of the measuring protocol. Clock and event
// loop are the engine's.
type gpu struct {
	engine   *engine
	programs safejs.Value // what gpu.js defines
	features kernels.GPU
	device   trial.Device
}

// maxTold bounds what gpu.js says of an adapter, in bytes.
const maxTold = 64 << 10

// openGPU finds the browser's GPU; the error says that it has none.
func (e *engine) openGPU() (measure.Target, error) {
	programs, err := safejs.Global().Get("litefrontGPU")
	if err != nil {
		return nil, err
	}
	g := &gpu{engine: e, programs: programs}
	told, err := g.tell("describe") // opened when it is first needed
	if err != nil {
		return nil, err
	}
	g.features = told.GPU
	g.device = browser.DescribeGPU(e.device, told.Name, told.GPU)
	return g, nil
}

// adapter is what gpu.js says of one.
type adapter struct {
	Name string      `json:"name"`
	GPU  kernels.GPU `json:"gpu"`
}

// tell calls a method of gpu.js that says what the adapter is: describe, or open, which
// opens it too, and anew where it was lost.
func (g *gpu) tell(method string) (told adapter, err error) {
	v, err := g.await(method)
	if err != nil {
		return told, err
	}
	text, err := v.String()
	switch {
	case err != nil:
		return told, err
	case len(text) > maxTold:
		return told, fmt.Errorf("the GPU's description of %d bytes exceeds the limit of %d", len(text), maxTold)
	}
	return told, json.Unmarshal([]byte(text), &told)
}

// await calls a method of gpu.js that promises something.
func (g *gpu) await(method string, args ...any) (safejs.Value, error) {
	promise, err := g.programs.Call(method, args...)
	if err != nil {
		return safejs.Value{}, lostOr(thrown(err))
	}
	v, err := await(promise)
	return v, lostOr(thrown(err))
}

// lostOr is err, which wraps measure.ErrLost where it says that the GPU is gone.
func lostOr(err error) error {
	if err != nil && strings.Contains(err.Error(), "GPU device lost") {
		return fmt.Errorf("%w: %w", measure.ErrLost, err)
	}
	return err
}

// Device implements measure.Target.
func (g *gpu) Device() trial.Device { return g.device }

// Features implements measure.Target.
func (g *gpu) Features() kernels.Features { return kernels.Features{GPU: &g.features} }

// Now implements measure.Target.
func (g *gpu) Now() int64 { return g.engine.Now() }

// Prepare implements measure.Target.
func (g *gpu) Prepare(m *kernels.Module) (measure.Program, error) {
	p, err := wgsl.Decode(m.Bytes)
	if err != nil {
		return nil, err
	}
	told, err := g.tell("open")
	if err != nil {
		return nil, err
	}
	if d := browser.DescribeGPU(g.engine.device, told.Name, told.GPU); told.GPU != g.features || d.CPU != g.device.CPU {
		return nil, fmt.Errorf("%w: the GPU was %s, and is %s now", measure.ErrDevice, g.device.CPU, d.CPU)
	}
	words := make([]byte, 0, p.ParamsBytes())
	for _, w := range p.ParamsBuffer() {
		words = binary.LittleEndian.AppendUint32(words, w)
	}
	params, err := bytesOf(words)
	if err != nil {
		return nil, thrown(err)
	}
	number, err := g.await("prepare", string(m.Bytes), params)
	if err != nil {
		return nil, err
	}
	return &gpuProgram{gpu: g, number: number, lists: p.Lists, readyRows: p.ReadyRows}, nil
}

// gpuProgram is a program with its buffers.
type gpuProgram struct {
	gpu       *gpu
	number    safejs.Value
	lists     map[string][]wgsl.Dispatch
	readyRows uint32
	submitNs  []int64 // what submissions took beyond their kernels
}

// Run implements measure.Program. The time is that of the kernels where the GPU tells
// it, and else that of the submission.
func (p *gpuProgram) Run(c measure.Call) (int64, error) {
	if c.Export == "init" {
		wall, _, err := p.dispatch("init", 0, 1, c.Arg, 1)
		if err == nil && len(p.lists["ready"]) > 0 {
			var ready int64
			ready, _, err = p.dispatch("ready", 0, p.readyRows, 0, 1)
			wall += ready
		}
		return wall, err
	}
	list, pos, rows := wgsl.Loop(c.Export, c.Arg)
	wall, kernels, err := p.dispatch(list, pos, rows, 0, max(c.Reps, 1))
	if err != nil || kernels < 0 {
		return wall, err
	}
	if err := measure.CheckKernels(kernels, wall, p.gpu.device.TimerStepNs); err != nil {
		return 0, fmt.Errorf("%s: %w", c.Export, err)
	}
	p.submitNs = append(p.submitNs, max(wall-kernels, 0))
	return kernels, nil
}

func (p *gpuProgram) dispatch(list string, pos, rows, seed, reps uint32) (wall, kernels int64, err error) {
	if err := p.gpu.engine.loop.turn(); err != nil { // a command to stop may be waiting
		return 0, 0, err
	}
	p.gpu.Now()
	set := p.gpu.engine.clock.Times()
	v, err := p.gpu.await("run", p.number, list, pos, rows, seed, reps)
	if err != nil {
		return 0, 0, err
	}
	if p.gpu.Now(); p.gpu.engine.clock.Times() != set {
		return 0, 0, measure.ErrClock
	}
	var ms [2]float64
	for i := range ms {
		x, err := v.Index(i)
		if err != nil {
			return 0, 0, err
		}
		if ms[i], err = x.Float(); err != nil {
			return 0, 0, err
		}
	}
	if !(ms[0] >= 0 && (ms[1] >= 0 || ms[1] == -1) && math.Max(ms[0], ms[1]) < 1e9) {
		return 0, 0, errors.New("the GPU's times are not times")
	}
	if ms[1] < 0 {
		return nanoseconds(ms[0]), -1, nil
	}
	return nanoseconds(ms[0]), nanoseconds(ms[1]), nil
}

// Footprint implements measure.Program.
func (p *gpuProgram) Footprint() (measure.Footprint, error) {
	bytes, err := callFloat(p.gpu.programs, "bytes", p.number)
	f := measure.Footprint{LinearBytes: int64(bytes)}
	if n := len(p.submitNs); n > 0 {
		slices.Sort(p.submitNs)
		f.SubmitNs = p.submitNs[n/2]
	}
	return f, lostOr(err)
}

// Close implements measure.Program.
func (p *gpuProgram) Close() error {
	_, err := p.gpu.programs.Call("close", p.number)
	return thrown(err)
}
