//go:build !wasm

// Command gpu measures GPU programs, natively (with the build tag gpu) and in Chromium:
// what each group of operations and the whole model reach of the adapter's measured peak
// of arithmetic and of memory, and in Chromium ONNX Runtime's WebGPU backend beside them.
// Figures of software adapters are labelled so, and judged by no goal.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"litefront/bench/chromium"
	"litefront/bench/contest"
	"litefront/bench/programs"
	"litefront/host/gpu"
	"litefront/host/runtime"
	"litefront/kernels"
	"litefront/kernels/export"
	"litefront/kernels/measure"
	"litefront/kernels/wgsl"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

const (
	dir    = "bench/gpu"
	peers  = "bench/peers"
	tokens = 128 // of the prompt
	// faster is how many times as fast as ONNX Runtime's WebGPU backend programs are to
	// be, on a GPU that is one.
	faster = 1.2
)

func main() {
	runtime.ServeChild()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gpu:", err)
		os.Exit(1)
	}
}

// report is what is written as JSON.
type report struct {
	Code     string            `json:"code"`
	Arch     arch.Architecture `json:"arch"`
	Workload trial.Workload    `json:"workload"`

	Targets []targetReport `json:"targets"`
	Peer    *peerReport    `json:"onnxruntime_webgpu,omitempty"`
}

// targetReport is what one target reached.
type targetReport struct {
	Device   trial.Device    `json:"device"`
	GFLOPS   float64         `json:"peak_gflops"`   // of the compute sentinel
	GBPerS   float64         `json:"peak_gb_per_s"` // of the copy kernel, both ways, or of the stream sentinel if that is more
	Profiles []trial.Profile `json:"profiles"`      // by precision
}

// peerReport is ONNX Runtime beside our program in the same browser.
type peerReport struct {
	Prefill [2]contest.Result `json:"prefill"` // ours, then ONNX Runtime's
	Decode  [2]contest.Result `json:"decode"`
	Ratios  [2]float64        `json:"ratios"` // how many times as fast ours is
	Goal    string            `json:"goal"`   // "pass", "miss", or "none" on a software adapter
}

func run() error {
	adapter := flag.String("adapter", "", "part of the native adapter's name; any if empty")
	rounds := flag.Int("rounds", 5, "rounds of the comparison with ONNX Runtime")
	out := flag.String("out", filepath.Join("bench", "results", "gpu.json"), "where to write the results")
	parts := flag.String("parts", "native,chromium,peer", "what to measure, of these")
	flag.Parse()
	for part := range strings.SplitSeq(*parts, ",") {
		if !slices.Contains([]string{"native", "chromium", "peer"}, part) {
			return fmt.Errorf(`parts: %.40q must be of "native", "chromium" and "peer"`, part)
		}
	}
	r := report{Code: runtime.CodeVersion(), Arch: model(), Workload: workload()}
	if err := native(&r, *parts, *adapter); err != nil {
		return err
	}
	if err := inChromium(&r, *parts, *rounds); err != nil {
		return fmt.Errorf("chromium: %w", err)
	}
	return contest.Write(*out, r)
}

// native measures on this machine's adapter.
func native(r *report, parts, adapter string) error {
	if !strings.Contains(parts, "native") {
		return nil
	}
	process, err := runtime.NewGPUProcess(adapter, 10*time.Minute)
	switch {
	case err == nil:
		defer process.Close()
		t, err := reach(process)
		if err != nil {
			return err
		}
		r.Targets = append(r.Targets, t)
	case err.Error() == gpu.ErrBuild.Error():
		fmt.Println("native: not measured, since", err)
	default:
		return err
	}
	return nil
}

// reach measures a target's peaks and profiles the reference in all precisions.
func reach(target measure.Target) (t targetReport, err error) {
	t.Device = target.Device()
	label := ""
	if slices.Contains(t.Device.Features, measure.SoftwareAdapter) {
		label = " (software adapter: no figures of a GPU)"
	}
	fmt.Printf("%s, %s%s\n", t.Device.CPU, t.Device.Engine, label)
	g := *target.Features().GPU
	compute, err := peak(target, wgsl.ComputeSentinel)
	if err != nil {
		return t, err
	}
	copied, err := peak(target, wgsl.CopyProgram)
	if err != nil {
		return t, err
	}
	read, err := peak(target, wgsl.StreamSentinel)
	if err != nil {
		return t, err
	}
	t.GFLOPS, t.GBPerS = float64(wgsl.ComputeFLOPs(g))/compute, max(2*wgsl.CopyBytes/copied, wgsl.StreamSentinelBytes/read)
	fmt.Printf("peaks: %.4g GFLOP/s in registers, %.4g GB/s copied, %.4g GB/s read\n\n", t.GFLOPS, 2*wgsl.CopyBytes/copied, wgsl.StreamSentinelBytes/read)
	o := measure.DefaultOptions()
	o.Code, o.Budget = runtime.CodeVersion(), 10*time.Second
	local, err := measure.Local(target, o)
	if err != nil {
		return t, err
	}
	defer local.Close()
	for _, precision := range trial.GPUPrecisions() {
		w := workload()
		w.Precision = precision
		p, err := local.Profile(context.Background(), model(), w)
		if err != nil {
			return t, err
		}
		t.Profiles = append(t.Profiles, p)
		t.print(precision, "prefill", p.Prefill)
		t.print(precision, "decode", p.Decode)
	}
	return t, nil
}

func model() arch.Architecture { return programs.Reference() }

func workload() trial.Workload { return programs.Workload(model(), tokens) }

// peak is the nanoseconds that a run of a fixed program takes: the fastest of several
// batches.
func peak(target measure.Target, program func(kernels.GPU) (*kernels.Module, error)) (ns float64, err error) {
	m, err := program(*target.Features().GPU)
	if err != nil {
		return 0, err
	}
	p, err := target.Prepare(m)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	if _, err := p.Run(measure.Call{Export: "init", Arg: 1}); err != nil {
		return 0, err
	}
	const batches = 7
	sample := float64(measure.SampleNs(target.Device().TimerStepNs))
	for reps, good := uint32(1), 0; good < batches; {
		took, err := p.Run(measure.Call{Export: "loop", Reps: reps})
		if err != nil {
			return 0, err
		}
		if float64(took) < sample {
			if reps *= 2; reps > 1<<20 {
				return 0, errors.New("the adapter's clock does not advance")
			}
			continue
		}
		if one := float64(took) / float64(reps); good == 0 || one < ns {
			ns = one
		}
		good++
	}
	return ns, nil
}

// print writes what the groups of a phase reach, as shares of the peaks too.
func (t *targetReport) print(precision trial.Precision, phase string, p trial.PhaseProfile) {
	var flops, bytes int64
	fmt.Printf("%-24s %10s %10s %6s %10s %6s\n", fmt.Sprintf("%s, %s", phase, precision), "ms", "GFLOP/s", "", "GB/s", "")
	row := func(name string, ms, gflops, gb float64) {
		fmt.Printf("%-24s %10.4g %10.4g %5.1f%% %10.4g %5.1f%%\n", name, ms, gflops, 100*gflops/t.GFLOPS, gb, 100*gb/t.GBPerS)
	}
	for _, o := range p.Ops {
		flops, bytes = flops+o.FLOPs, bytes+o.Bytes
		row(o.Name, o.Time.MedianMs, o.GFLOPS, o.GBPerS)
	}
	row("whole", p.Whole.MedianMs, float64(flops)/p.Whole.MedianMs/1e6, float64(bytes)/p.Whole.MedianMs/1e6)
	fmt.Println()
}

// inChromium measures in a browser, and ONNX Runtime there.
func inChromium(r *report, parts string, rounds int) error {
	if !strings.Contains(parts, "chromium") && !strings.Contains(parts, "peer") {
		return nil
	}
	temp, err := os.MkdirTemp("", "litefront-gpu")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	g, err := graph.Build(model(), workload())
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(temp, "model.onnx"))
	if err != nil {
		return err
	}
	if err := errors.Join(export.WriteONNX(f, g, export.Seeded(g, 1)), f.Close()); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(dir)))
	mux.Handle("/gpu.js", http.FileServer(http.Dir(filepath.Join("ui", "static"))))
	mux.Handle("/session.mjs", http.FileServer(http.Dir(peers)))
	mux.Handle("/ort/", http.StripPrefix("/ort/", http.FileServer(http.Dir(filepath.Join(peers, "node_modules", "onnxruntime-web", "dist")))))
	mux.Handle("/models/", http.StripPrefix("/models/", http.FileServer(http.Dir(temp))))
	server := httptest.NewServer(chromium.Isolated(mux))
	defer server.Close()
	tab, end, err := chromium.OpenWith(server.URL+"/page.html", map[string]string{"enable-unsafe-webgpu": "true"})
	if err != nil {
		return err
	}
	defer end()
	b, err := openBrowser(tab)
	if err != nil {
		return err
	}
	if strings.Contains(parts, "chromium") {
		t, err := reach(b)
		if err != nil {
			return err
		}
		r.Targets = append(r.Targets, t)
	}
	if !strings.Contains(parts, "peer") {
		return nil
	}
	r.Peer, err = b.beside(g, server.URL+"/models/model.onnx", rounds)
	return err
}

// beside times our program and ONNX Runtime's in turn: one run, and its logits read.
func (b *browser) beside(g *graph.Graph, onnx string, rounds int) (*peerReport, error) {
	m, err := wgsl.Compile(g, b.gpu)
	if err != nil {
		return nil, err
	}
	prepared, err := b.Prepare(m)
	if err != nil {
		return nil, err
	}
	defer prepared.Close()
	if _, err := prepared.Run(measure.Call{Export: "init", Arg: 1}); err != nil {
		return nil, err
	}
	if _, err := evaluate[bool](b.tab, "load(%q)", onnx); err != nil {
		return nil, fmt.Errorf("onnxruntime-web: %w", err)
	}
	number := prepared.(*tabProgram).number
	contestant := func(name, format string, args ...any) *contest.Contestant {
		return &contest.Contestant{Name: name, Run: func(reps int) (int64, error) {
			ms, err := evaluate[float64](b.tab, format, append(args, reps)...)
			return int64(ms * 1e6), err
		}}
	}
	var all []*contest.Contestant
	for _, w := range []struct {
		list      string
		pos, rows int // past tokens and new ones
	}{{"prefill", 0, tokens}, {"decode", tokens, 1}} {
		work, err := json.Marshal(map[string]any{"tokens": w.rows, "past": w.pos, "fetchPresent": false})
		if err != nil {
			return nil, err
		}
		id, err := evaluate[int](b.tab, "add(%s)", work)
		if err != nil {
			return nil, fmt.Errorf("onnxruntime-web: %w", err)
		}
		all = append(all, contestant("ours, "+w.list, "ours(%d, %q, %d, %d, %d)", number, w.list, w.pos, w.rows),
			contestant("onnxruntime-web, "+w.list, "run(%d, %d)", id))
	}
	if err := contest.Run(all, rounds); err != nil {
		return nil, err
	}
	p := &peerReport{Goal: "none"}
	p.Prefill = [2]contest.Result{all[0].Result(), all[1].Result()}
	p.Decode = [2]contest.Result{all[2].Result(), all[3].Result()}
	p.Ratios = [2]float64{contest.Ratio(all[0], all[1]), contest.Ratio(all[2], all[3])}
	fmt.Printf("beside onnxruntime-web's WebGPU, one run and its logits\n")
	for _, c := range all {
		fmt.Printf("%-28s %10.4g ms\n", c.Name, c.Result().MedianMs)
	}
	text := fmt.Sprintf("%.2f times as fast in prefill, %.2f in decode", p.Ratios[0], p.Ratios[1])
	if b.gpu.Software {
		fmt.Printf("%s; a software adapter, so no goal applies\n", text)
		return p, nil
	}
	p.Goal = "miss"
	if contest.Verdict(min(p.Ratios[0], p.Ratios[1]) >= faster, "%s; at least %g", text, faster) {
		p.Goal = "pass"
	}
	return p, nil
}
