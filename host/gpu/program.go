//go:build gpu

package gpu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/cogentcore/webgpu/wgpu"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/wgsl"
)

// Program is a program with its buffers.
type Program struct {
	engine    *Engine
	p         *wgsl.Program
	pipelines []*wgpu.ComputePipeline
	matrices  []*wgpu.Buffer

	vectors, state, tokens, params, run, readback *wgpu.Buffer

	groups []*wgpu.BindGroup // for kernels, one for each buffer of matrices
	fills  []*wgpu.BindGroup // for what fills, one more for the vectors
	bytes  int64
	submit []float64 // nanoseconds that submissions took beyond their kernels
}

// mostDispatches bounds a submission: drivers end those that take too long.
const mostDispatches = 4096

// Load makes the buffers and pipelines of a program.
func (e *Engine) Load(m *kernels.Module) (_ *Program, err error) {
	decoded, err := wgsl.Decode(m.Bytes)
	if err != nil {
		return nil, err
	}
	p := &Program{engine: e, p: decoded}
	defer func() {
		if err != nil {
			p.Close()
			err = lost(err)
		}
	}()
	e.trim()
	for _, source := range decoded.Pipelines {
		c, err := e.pipeline(source)
		if err != nil {
			return nil, err
		}
		p.pipelines = append(p.pipelines, c)
		e.users[c]++
	}
	if err := p.allocate(); err != nil {
		return nil, err
	}
	if err := e.queue.WriteBuffer(p.params, 0, wgpu.ToBytes(decoded.ParamsBuffer())); err != nil {
		return nil, err
	}
	return p, p.bind()
}

// allocate makes the buffers.
func (p *Program) allocate() (err error) {
	buffer := func(bytes int64, usage wgpu.BufferUsage) *wgpu.Buffer {
		if err != nil {
			return nil
		}
		var b *wgpu.Buffer
		b, err = p.engine.device.CreateBuffer(&wgpu.BufferDescriptor{Size: uint64(bytes), Usage: usage})
		p.bytes += bytes
		return b
	}
	const data = wgpu.BufferUsageStorage | wgpu.BufferUsageCopyDst | wgpu.BufferUsageCopySrc
	const uniform = wgpu.BufferUsageUniform | wgpu.BufferUsageCopyDst
	for _, bytes := range p.p.Matrices {
		p.matrices = append(p.matrices, buffer(bytes, data))
	}
	p.vectors, p.state, p.tokens = buffer(p.p.Vectors, data), buffer(p.p.State, data), buffer(p.p.Tokens, data)
	p.params, p.run = buffer(p.p.ParamsBytes(), uniform), buffer(wgsl.RunBytes, uniform)
	p.readback = buffer(p.p.LogitsBytes, wgpu.BufferUsageMapRead|wgpu.BufferUsageCopyDst)
	p.bytes += 2 * wgsl.TimeBytes // the clock's
	return err
}

func (p *Program) bind() error {
	group := func(layout *wgpu.BindGroupLayout, buffers ...*wgpu.Buffer) (*wgpu.BindGroup, error) {
		var entries []wgpu.BindGroupEntry
		for i, b := range buffers {
			size := b.GetSize()
			if i == 0 {
				size = wgsl.ParamBytes
			}
			entries = append(entries, wgpu.BindGroupEntry{Binding: uint32(i), Buffer: b, Size: size})
		}
		return p.engine.device.CreateBindGroup(&wgpu.BindGroupDescriptor{Layout: layout, Entries: entries})
	}
	for _, m := range p.matrices {
		g, err := group(p.engine.run.group, p.params, p.run, m, p.vectors, p.state, p.tokens)
		if err != nil {
			return err
		}
		p.groups = append(p.groups, g)
	}
	for _, m := range append(slices.Clone(p.matrices), p.vectors) {
		g, err := group(p.engine.fill.group, p.params, p.run, m)
		if err != nil {
			return err
		}
		p.fills = append(p.fills, g)
	}
	return nil
}

// Run implements measure.Program. The time is that of the kernels where the adapter
// tells it, from the first one's start to the last one's end, and else that of the
// submission.
func (p *Program) Run(c measure.Call) (int64, error) {
	if c.Export == "init" {
		start := now()
		if _, _, err := p.dispatch(run{list: "init", rows: 1, seed: c.Arg, reps: 1}); err != nil {
			return 0, err
		}
		err := p.Ready()
		return now() - start, err
	}
	r := run{reps: max(c.Reps, 1)}
	r.list, r.pos, r.rows = wgsl.Loop(c.Export, c.Arg)
	if p.p.Lists[r.list] == nil {
		return 0, fmt.Errorf("the program has no list %q", r.list)
	}
	wall, kernels, err := p.dispatch(r)
	if err != nil || p.engine.clock == nil {
		return wall, err
	}
	if err := measure.CheckKernels(kernels, wall, p.engine.info.TimerStepNs); err != nil {
		return 0, fmt.Errorf("%s: %w", c.Export, err)
	}
	p.submit = append(p.submit, float64(max(wall-kernels, 0)))
	return kernels, nil
}

// run is what is to be dispatched.
type run struct {
	list            string
	pos, rows, seed uint32
	reps            uint32
}

// dispatch runs a list so many times, and returns how long that took in nanoseconds:
// from encoding to the end of the last kernel, and by the adapter's clock, 0 if it has
// none.
func (p *Program) dispatch(r run) (wall, kernels int64, err error) {
	e := p.engine
	list := p.p.Lists[r.list]
	if len(list) == 0 {
		return 0, 0, nil
	}
	words := []uint32{r.pos, r.rows, r.seed, 0}
	if err := e.queue.WriteBuffer(p.run, 0, wgpu.ToBytes(words)); err != nil {
		return 0, 0, lost(err)
	}
	perSubmission := max(mostDispatches/uint32(len(list)), 1)
	start := now()
	for done := uint32(0); done < r.reps; {
		n := min(perSubmission, r.reps-done)
		if err := p.submission(list, r.rows, n, done == 0, done+n == r.reps); err != nil {
			return 0, 0, lost(err)
		}
		done += n
	}
	e.device.Poll(true, nil)
	wall = now() - start
	if e.clock == nil {
		return wall, 0, nil
	}
	kernels, err = e.clock.read(e)
	return wall, kernels, err
}

// submission submits a list n times.
func (p *Program) submission(list []wgsl.Dispatch, rows, n uint32, first, last bool) error {
	e := p.engine
	encoder, err := e.device.CreateCommandEncoder(nil)
	if err != nil {
		return err
	}
	defer encoder.Release()
	if first && e.clock != nil {
		if err := encoder.WriteTimestamp(e.clock.queries, 0); err != nil {
			return err
		}
	}
	pass := encoder.BeginComputePass(nil)
	for range n {
		for _, d := range list {
			group := p.groups[min(d.Matrix, len(p.groups)-1)]
			if p.p.Pipelines[d.Pipeline].Fill {
				group = p.fills[d.Matrix]
			}
			pass.SetPipeline(p.pipelines[d.Pipeline])
			pass.SetBindGroup(0, group, []uint32{uint32(d.Params) * wgsl.ParamStride})
			pass.DispatchWorkgroups(d.Groups(rows))
		}
	}
	err = pass.End()
	pass.Release()
	if err != nil {
		return err
	}
	if last && e.clock != nil {
		if err := e.clock.stop(encoder); err != nil {
			return err
		}
	}
	commands, err := encoder.Finish(nil)
	if err != nil {
		return err
	}
	defer commands.Release()
	e.queue.Submit(commands)
	return nil
}

// lost is err, which ends the engine where it says that the device is gone.
func lost(err error) error {
	err = oneLine(err)
	if text := strings.ToLower(err.Error()); strings.Contains(text, "lost") || strings.Contains(text, "device") && strings.Contains(text, "is invalid") {
		return fmt.Errorf("%w: %w", measure.ErrLost, err)
	}
	return err
}

// Ready computes what derives from the weights alone.
func (p *Program) Ready() error {
	if len(p.p.Lists["ready"]) == 0 {
		return nil
	}
	_, _, err := p.dispatch(run{list: "ready", rows: p.p.ReadyRows, reps: 1})
	return err
}

// SetTokens writes tokens from a position on.
func (p *Program) SetTokens(pos int, tokens []int32) error {
	if pos < 0 || len(tokens) == 0 || int64(pos+len(tokens))*4 > p.p.Tokens {
		return fmt.Errorf("%d tokens at %d lie outside of the context", len(tokens), pos)
	}
	return p.engine.queue.WriteBuffer(p.tokens, uint64(4*pos), wgpu.ToBytes(tokens))
}

// Logits reads those of the last run.
func (p *Program) Logits() ([]float32, error) {
	bytes, err := p.engine.read(p.state, p.p.Logits, p.readback, p.p.LogitsBytes)
	if err != nil {
		return nil, lost(err)
	}
	out := make([]float32, len(bytes)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(bytes[4*i:]))
	}
	return out, nil
}

// read copies bytes of a buffer through one that can be mapped.
func (e *Engine) read(from *wgpu.Buffer, at int64, through *wgpu.Buffer, n int64) ([]byte, error) {
	encoder, err := e.device.CreateCommandEncoder(nil)
	if err != nil {
		return nil, err
	}
	defer encoder.Release()
	if err := encoder.CopyBufferToBuffer(from, uint64(at), through, 0, uint64(n)); err != nil {
		return nil, err
	}
	commands, err := encoder.Finish(nil)
	if err != nil {
		return nil, err
	}
	defer commands.Release()
	e.queue.Submit(commands)
	return e.mapped(through, n)
}

// mapped reads a buffer that can be mapped.
func (e *Engine) mapped(b *wgpu.Buffer, n int64) ([]byte, error) {
	// The library hands C the address of a Go variable that nothing else holds until
	// the callback comes: no collection may begin before that.
	percent := debug.SetGCPercent(-1)
	defer debug.SetGCPercent(percent)
	status := wgpu.BufferMapAsyncStatusUnknown
	err := b.MapAsync(wgpu.MapModeRead, 0, uint64(n), func(s wgpu.BufferMapAsyncStatus) { status = s })
	if err != nil {
		return nil, err
	}
	e.device.Poll(true, nil)
	if status != wgpu.BufferMapAsyncStatusSuccess {
		return nil, fmt.Errorf("%w: a buffer cannot be mapped: %v", measure.ErrLost, status)
	}
	bytes := slices.Clone(b.GetMappedRange(0, uint(n)))
	return bytes, b.Unmap()
}

// Footprint implements measure.Program.
func (p *Program) Footprint() (measure.Footprint, error) {
	f := measure.Footprint{LinearBytes: p.bytes}
	if n := len(p.submit); n > 0 {
		slices.Sort(p.submit)
		f.SubmitNs = int64(p.submit[n/2])
	}
	return f, nil
}

// Close frees the buffers.
func (p *Program) Close() error {
	for _, c := range p.pipelines {
		p.engine.users[c]--
	}
	p.pipelines = nil
	for _, g := range append(p.groups, p.fills...) {
		g.Release()
	}
	for _, b := range append(p.matrices, p.vectors, p.state, p.tokens, p.params, p.run, p.readback) {
		if b != nil {
			b.Destroy()
			b.Release()
		}
	}
	p.engine.device.Poll(true, nil)
	return nil
}

var errNoTime = errors.New("the adapter's clock tells nothing")
