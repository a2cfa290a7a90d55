//go:build !wasm

package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/chromedp/chromedp"

	"litefront/kernels"
	"litefront/kernels/measure"
	"litefront/kernels/wgsl"
	"litefront/searchcore/trial"
)

// browser is Chromium's WebGPU, by gpu.js in a tab.
type browser struct {
	tab    context.Context
	gpu    kernels.GPU
	device trial.Device
	epoch  time.Time
}

func evaluate[T any](tab context.Context, format string, args ...any) (T, error) {
	return chromedp.Run(tab, chromedp.Evaluate[T](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise))
}

// openBrowser opens the GPU of the tab's browser.
func openBrowser(tab context.Context) (*browser, error) {
	if _, err := chromedp.Run(tab, chromedp.Poll[bool]("globalThis.ready")); err != nil {
		return nil, err
	}
	told, err := evaluate[string](tab, "litefrontGPU.open()")
	if err != nil {
		return nil, err
	}
	var opened struct {
		Name string      `json:"name"`
		GPU  kernels.GPU `json:"gpu"`
	}
	if err := json.Unmarshal([]byte(told), &opened); err != nil {
		return nil, err
	}
	agent, err := evaluate[string](tab, "navigator.userAgent")
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	d := trial.Device{Name: host, OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: opened.Name, Cores: runtime.NumCPU(),
		Engine: "WebGPU of " + agent, Features: []string{"webgpu"}, TimerStepNs: 100_000}
	if opened.GPU.Software {
		d.Features = append(d.Features, measure.SoftwareAdapter)
	}
	return &browser{tab, opened.GPU, d, time.Now()}, nil
}

func (b *browser) Device() trial.Device { return b.device }

func (b *browser) Features() kernels.Features { return kernels.Features{GPU: &b.gpu} }

func (b *browser) Now() int64 { return int64(time.Since(b.epoch)) }

func (b *browser) Prepare(m *kernels.Module) (measure.Program, error) {
	p, err := wgsl.Decode(m.Bytes)
	if err != nil {
		return nil, err
	}
	params := make([]byte, 0, p.ParamsBytes())
	for _, w := range p.ParamsBuffer() {
		params = binary.LittleEndian.AppendUint32(params, w)
	}
	number, err := evaluate[int](b.tab, "litefrontGPU.prepare(%q, Uint8Array.from(atob(%q), (c) => c.charCodeAt(0)))",
		m.Bytes, base64.StdEncoding.EncodeToString(params))
	return &tabProgram{b, number, p}, err
}

// tabProgram is a program in the tab.
type tabProgram struct {
	browser *browser
	number  int
	program *wgsl.Program
}

func (p *tabProgram) Run(c measure.Call) (int64, error) {
	if c.Export == "init" {
		for _, list := range []string{"init", "ready"} {
			if len(p.program.Lists[list]) == 0 {
				continue
			}
			if _, err := p.dispatch(list, 0, max(p.program.ReadyRows, 1), c.Arg, 1); err != nil {
				return 0, err
			}
		}
		return 0, nil
	}
	list, pos, rows := wgsl.Loop(c.Export, c.Arg)
	return p.dispatch(list, pos, rows, 0, max(c.Reps, 1))
}

func (p *tabProgram) dispatch(list string, pos, rows, seed, reps uint32) (int64, error) {
	ms, err := evaluate[[]float64](p.browser.tab, "litefrontGPU.run(%d, %q, %d, %d, %d, %d)", p.number, list, pos, rows, seed, reps)
	if err != nil {
		return 0, err
	}
	if len(ms) != 2 {
		return 0, errors.New("gpu.js tells no times")
	}
	if ms[1] >= 0 {
		return int64(ms[1] * 1e6), measure.CheckKernels(int64(ms[1]*1e6), int64(ms[0]*1e6), p.browser.device.TimerStepNs)
	}
	return int64(ms[0] * 1e6), nil
}

func (p *tabProgram) Footprint() (measure.Footprint, error) {
	bytes, err := evaluate[int64](p.browser.tab, "litefrontGPU.bytes(%d)", p.number)
	return measure.Footprint{LinearBytes: bytes}, err
}

func (p *tabProgram) Close() error {
	_, err := evaluate[any](p.browser.tab, "litefrontGPU.close(%d)", p.number)
	return err
}
