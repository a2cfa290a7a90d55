//go:build gpu

package gpu

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/cogentcore/webgpu/wgpu"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/wgsl"
	"litefront/searchcore/trial"
)

// Engine is an adapter, and the device that was opened on it.
type Engine struct {
	instance *wgpu.Instance
	adapter  *wgpu.Adapter
	device   *wgpu.Device
	queue    *wgpu.Queue
	run      bindings // of kernels
	fill     bindings // of what fills weights
	clock    *clock   // nil: no timestamps

	pipelines map[wgsl.Pipeline]*wgpu.ComputePipeline
	users     map[*wgpu.ComputePipeline]int // open programs
	features  kernels.GPU
	info      trial.Device
}

// bindings are the layouts of a kind of pipelines.
type bindings struct {
	group  *wgpu.BindGroupLayout
	layout *wgpu.PipelineLayout
}

// maxPipelines is how many compiled pipelines are kept, for candidates that share
// shapes; beyond it those that no program uses are dropped.
const maxPipelines = 256

// epoch is the origin of the clock.
var epoch = time.Now()

func now() int64 { return int64(time.Since(epoch)) }

// newInstance is what adapters are found through. It is not described: the library fills
// only a part of what wgpu then reads, and leaves the rest to chance.
func newInstance() *wgpu.Instance {
	wgpu.SetLogLevel(wgpu.LogLevelOff) // errors are returned, too
	return wgpu.CreateInstance(nil)
}

// systems are the interfaces whose adapters count: OpenGL's lack timestamps.
var systems = wgpu.InstanceEnumerateAdapterOptons{Backends: wgpu.InstanceBackendVulkan | wgpu.InstanceBackendMetal | wgpu.InstanceBackendDX12}

// name is what people call an adapter.
func name(a *wgpu.Adapter) string {
	i := a.GetInfo()
	for _, n := range []string{i.DriverDescription, i.Name} {
		if n != "" && !strings.HasPrefix(n, "0x") {
			return n
		}
	}
	return fmt.Sprintf("adapter %x:%x", i.VendorId, i.DeviceId)
}

// Adapters lists the names of this machine's adapters.
func Adapters() ([]string, error) {
	instance := newInstance()
	defer instance.Release()
	var names []string
	for _, a := range instance.EnumerateAdapters(&systems) {
		names = append(names, name(a))
		a.Release()
	}
	return names, nil
}

// Open opens the adapter whose name contains the text, in any case; with none, the
// first that is hardware, or else the first.
func Open(text string) (measure.Target, error) { return OpenEngine(text) }

// OpenEngine is Open for whoever needs more than a target.
func OpenEngine(text string) (_ *Engine, err error) {
	e := &Engine{instance: newInstance(), pipelines: map[wgsl.Pipeline]*wgpu.ComputePipeline{}, users: map[*wgpu.ComputePipeline]int{}}
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	if err := e.choose(text); err != nil {
		return nil, err
	}
	if err := e.open(); err != nil {
		return nil, fmt.Errorf("gpu: %s: %w", name(e.adapter), oneLine(err))
	}
	return e, nil
}

// choose finds the adapter.
func (e *Engine) choose(text string) error {
	var names []string
	for _, a := range e.instance.EnumerateAdapters(&systems) {
		n := name(a)
		names = append(names, n)
		fits := strings.Contains(strings.ToLower(n), strings.ToLower(text))
		better := e.adapter == nil || text == "" && isSoftware(e.adapter) && !isSoftware(a)
		if !fits || !better {
			a.Release()
			continue
		}
		if e.adapter != nil {
			e.adapter.Release()
		}
		e.adapter = a
	}
	switch {
	case e.adapter != nil:
		return nil
	case len(names) == 0:
		return errors.New("gpu: this machine has no adapter; on Debian, mesa-vulkan-drivers has one that computes on the CPU")
	}
	return fmt.Errorf("gpu: adapter %.40q must be part of the name of one: %q", text, names)
}

// software is what software adapters call themselves, in lower case.
var software = []string{"llvmpipe", "swiftshader", "lavapipe", "microsoft basic render"}

func isSoftware(a *wgpu.Adapter) bool {
	if a.GetInfo().AdapterType == wgpu.AdapterTypeCPU {
		return true
	}
	n := strings.ToLower(name(a))
	for _, s := range software {
		if strings.Contains(n, s) {
			return true
		}
	}
	return false
}

// open opens the device with all that the adapter has of what programs use.
func (e *Engine) open() (err error) {
	l := e.adapter.GetLimits().Limits
	l.MaxPushConstantSize = 0 // the library leaves it to chance
	d := &wgpu.DeviceDescriptor{RequiredLimits: &wgpu.RequiredLimits{Limits: l}}
	e.features = kernels.GPU{
		MaxBufferSize:                     int64(min(l.MaxBufferSize, 1<<40)),
		MaxStorageBufferBindingSize:       int64(min(l.MaxStorageBufferBindingSize, 1<<40)),
		MaxComputeWorkgroupStorageSize:    l.MaxComputeWorkgroupStorageSize,
		MaxComputeInvocationsPerWorkgroup: l.MaxComputeInvocationsPerWorkgroup,
		MaxComputeWorkgroupsPerDimension:  l.MaxComputeWorkgroupsPerDimension,
		Timestamps:                        e.adapter.HasFeature(wgpu.FeatureNameTimestampQuery),
		Software:                          isSoftware(e.adapter),
	}
	if e.features.Timestamps {
		d.RequiredFeatures = append(d.RequiredFeatures, wgpu.FeatureNameTimestampQuery)
	}
	if e.device, err = e.adapter.RequestDevice(d); err != nil {
		return err
	}
	e.queue = e.device.GetQueue()
	uniform := wgpu.BufferBindingLayout{Type: wgpu.BufferBindingTypeUniform}
	params := uniform
	params.HasDynamicOffset, params.MinBindingSize = true, wgsl.ParamBytes
	reads := wgpu.BufferBindingLayout{Type: wgpu.BufferBindingTypeReadOnlyStorage}
	writes := wgpu.BufferBindingLayout{Type: wgpu.BufferBindingTypeStorage}
	if e.run, err = e.bindings(params, uniform, reads, reads, writes, reads); err != nil {
		return err
	}
	if e.fill, err = e.bindings(params, uniform, writes); err != nil {
		return err
	}
	if e.features.Timestamps {
		if e.clock, err = e.newClock(); err != nil {
			return err
		}
	}
	e.info = e.describe(l)
	return nil
}

func (e *Engine) bindings(list ...wgpu.BufferBindingLayout) (b bindings, err error) {
	var entries []wgpu.BindGroupLayoutEntry
	for i, l := range list {
		entries = append(entries, wgpu.BindGroupLayoutEntry{Binding: uint32(i), Visibility: wgpu.ShaderStageCompute, Buffer: l})
	}
	if b.group, err = e.device.CreateBindGroupLayout(&wgpu.BindGroupLayoutDescriptor{Entries: entries}); err != nil {
		return b, err
	}
	b.layout, err = e.device.CreatePipelineLayout(&wgpu.PipelineLayoutDescriptor{BindGroupLayouts: []*wgpu.BindGroupLayout{b.group}})
	return b, err
}

// describe tells what executes: the adapter with its driver, and the limits that decide
// what fits.
func (e *Engine) describe(l wgpu.Limits) trial.Device {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	i := e.adapter.GetInfo()
	d := trial.Device{
		Name: host, OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: name(e.adapter), Cores: runtime.NumCPU(),
		Engine: fmt.Sprintf("wgpu-native of cogentcore/webgpu %s, %s", version(), i.BackendType),
		Features: []string{"webgpu", fmt.Sprintf("maxBufferSize=%d", l.MaxBufferSize),
			fmt.Sprintf("maxStorageBufferBindingSize=%d", l.MaxStorageBufferBindingSize)},
		TimerStepNs: 1000,
	}
	if e.clock != nil {
		d.Features = append(d.Features, "timestamp-query")
		d.TimerStepNs = max(int64(e.clock.period), 1)
	}
	if e.features.Software {
		d.Features = append(d.Features, measure.SoftwareAdapter)
	}
	return d
}

// version is that of the library, which holds wgpu-native and does not tell its own.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/cogentcore/webgpu" {
				return d.Version
			}
		}
	}
	return "unknown"
}

// Device implements measure.Target.
func (e *Engine) Device() trial.Device { return e.info }

// Features implements measure.Target.
func (e *Engine) Features() kernels.Features { return kernels.Features{GPU: &e.features} }

// Now implements measure.Target.
func (e *Engine) Now() int64 { return now() }

// Prepare implements measure.Target.
func (e *Engine) Prepare(m *kernels.Module) (measure.Program, error) { return e.Load(m) }

// pipeline compiles a pipeline, once.
func (e *Engine) pipeline(p wgsl.Pipeline) (*wgpu.ComputePipeline, error) {
	if c, ok := e.pipelines[p]; ok {
		return c, nil
	}
	module, err := e.device.CreateShaderModule(&wgpu.ShaderModuleDescriptor{WGSLDescriptor: &wgpu.ShaderModuleWGSLDescriptor{Code: p.Source}})
	if err != nil {
		return nil, err
	}
	defer module.Release()
	layout := e.run.layout
	if p.Fill {
		layout = e.fill.layout
	}
	c, err := e.device.CreateComputePipeline(&wgpu.ComputePipelineDescriptor{
		Layout: layout, Compute: wgpu.ProgrammableStageDescriptor{Module: module, EntryPoint: "main"},
	})
	if err != nil {
		return nil, err
	}
	e.pipelines[p] = c
	return c, nil
}

// trim drops the compiled pipelines that no program uses, once there are too many.
func (e *Engine) trim() {
	if len(e.pipelines) <= maxPipelines {
		return
	}
	for source, c := range e.pipelines {
		if e.users[c] == 0 {
			c.Release()
			delete(e.pipelines, source)
			delete(e.users, c)
		}
	}
}

// Close frees the device.
func (e *Engine) Close() error {
	if e.queue != nil {
		e.queue.Release()
	}
	if e.device != nil {
		e.device.Release()
	}
	if e.adapter != nil {
		e.adapter.Release()
	}
	e.instance.Release()
	return nil
}

// oneLine is the first line of an error that has something to say: wgpu prints whole
// reports.
func oneLine(err error) error {
	if err == nil {
		return nil
	}
	var said []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			said = append(said, line)
		}
	}
	return errors.New(strings.Join(said, "; "))
}
