package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"litefront/host/fleet/trust"
	"litefront/host/runtime"
	"litefront/kernels"
	generation "litefront/kernels/generate"
	"litefront/searchcore/arch"
	"litefront/searchcore/graph"
	"litefront/searchcore/trial"
)

// qemuRequired is the environment variable that makes a missing emulator fail tests
// instead of skipping them. `make test` sets it.
const qemuRequired = "LITEFRONT_REQUIRE_QEMU"

// boardCPU is that of a Raspberry Pi 4, which has no instructions of ARMv8.1.
const boardCPU = "cortex-a72"

const boardConfig = `{"arch_type":"gpt2","n_layer":2,"d_model":48,"d_inner":[96,64],"n_head":2,"vocab_size":300,"max_sequence_length":64}`

// emulated is the binary for boards, and what runs it.
type emulated struct{ qemu, binary, dir string }

func emulate(t *testing.T) emulated {
	t.Helper()
	if testing.Short() {
		t.Skip("emulates a processor")
	}
	for _, name := range []string{"qemu-aarch64-static", "qemu-aarch64"} {
		if path, err := exec.LookPath(name); err == nil {
			root, err := moduleRoot()
			if err != nil {
				t.Fatal(err)
			}
			return emulated{path, buildBoard(t, root), t.TempDir()}
		}
	}
	if os.Getenv(qemuRequired) != "" {
		t.Fatal("needs qemu-aarch64-static")
	}
	t.Skip("needs qemu-aarch64-static")
	return emulated{}
}

// command is a binary started with args on an emulated board.
func (e emulated) command(ctx context.Context, binary string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, e.qemu, append([]string{"-cpu", boardCPU, binary}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(e.dir, "cache"))
	cmd.WaitDelay = time.Second
	return cmd
}

// measure measures a configuration. The binary measures in a process of its own, which
// it starts by its own name, and a kernel that was not told of the emulator refuses to
// run it. So as soon as the binary runs a script that calls the emulator takes its name:
// that is when it opens the configuration, a pipe.
func (e emulated) measure(t *testing.T, config string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	dir := t.TempDir()
	own, script, pipe := filepath.Join(dir, "litefront"), filepath.Join(dir, "script"), filepath.Join(dir, "config.json")
	write(t, fmt.Sprintf("#!/bin/sh\nexec '%s' -cpu %s '%s' \"$@\"\n", e.qemu, boardCPU, e.binary), script)
	if err := errors.Join(os.Chmod(script, 0o755), os.Link(e.binary, own), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := e.command(ctx, own, append([]string{"measure", pipe}, args...)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var w *os.File
	for w == nil {
		var err error
		if w, err = os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			break
		}
		if !errors.Is(err, syscall.ENXIO) { // nobody reads
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			t.Fatalf("it did not read the configuration: %v: %s", err, errs.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	_, err := w.WriteString(config)
	if err = errors.Join(os.Rename(script, own), err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestBoardMeasures runs the binary for arm64 on an emulated board: it compiles the
// module that this machine compiles, and measures it.
func TestBoardMeasures(t *testing.T) {
	e := emulate(t)
	args := []string{"--json", "--prompt", "16", "--context", "24", "--trial-time", "20ms"}
	stdout, stderr, code := e.measure(t, boardConfig, args...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var event trial.Event
	if err := json.Unmarshal([]byte(stdout), &event); err != nil || event.Measured == nil {
		t.Fatalf("it printed %s: %v", stdout, err)
	}
	m := event.Measured.Measurement

	native, err := runtime.NewEngine("")
	if err != nil {
		t.Skip(err)
	}
	defer native.Close()
	a, err := arch.Parse([]byte(boardConfig))
	if err != nil {
		t.Fatal(err)
	}
	g, err := graph.Build(a, trial.Workload{PromptLen: 16, Context: 24, Precision: trial.F32, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	module, err := kernels.Compile(g, native.Features())
	if err != nil {
		t.Fatal(err)
	}
	if d := m.Device; d.OS != "linux" || d.Arch != "arm64" || !regexp.MustCompile(`^wazero [0-9.]+ compiler$`).MatchString(d.Engine) {
		t.Errorf("measured on %+v; want linux, arm64 and wazero's compiler", d)
	}
	if m.ArchID != a.ID() || m.Workload != g.Workload {
		t.Errorf("measured %s under %+v; want %s under %+v", m.ArchID, m.Workload, a.ID(), g.Workload)
	}
	if err := trust.Check(m, g.Memory.TotalBytes, module.SHA256); err != nil {
		t.Error(err)
	}
	for name, s := range map[string]trial.Stat{"prefill": m.Prefill, "decode": m.Decode} {
		if len(s.SamplesMs) < 6 || slices.Min(s.SamplesMs) <= 0 {
			t.Errorf("%s: samples %v", name, s.SamplesMs)
		}
	}

	// Without the instructions that threads need there are none.
	const want = "workload: threads 2: this engine runs modules on 1"
	if d := m.Device; d.Cores > 1 {
		if stdout, stderr, code := e.measure(t, boardConfig, append(args, "--threads", "2")...); code != 1 || !strings.Contains(stderr, want) || stdout != "" {
			t.Errorf("two threads: exit code %d, %s%s; want %q", code, stdout, stderr, want)
		}
	}
}

// TestBoardComputes compares what the binary for arm64 generates with what this machine
// does. Sampling at a temperature, each token depends on all logits before it.
func TestBoardComputes(t *testing.T) {
	e := emulate(t)
	native, err := runtime.NewEngine("")
	if err != nil {
		t.Skip(err)
	}
	defer native.Close()
	config := filepath.Join(e.dir, "config.json")
	write(t, boardConfig, config)
	a, err := arch.Parse([]byte(boardConfig))
	if err != nil {
		t.Fatal(err)
	}
	for _, precision := range trial.Precisions() {
		q := generation.Request{Arch: a, Workload: trial.Workload{Precision: precision, Threads: 1}, Prompt: []int{1, 2, 3}, Tokens: 24, Temperature: 1, Seed: 7}
		var want []int
		if _, err := q.Run(t.Context(), native, nil, func(token int) { want = append(want, token) }); err != nil {
			t.Fatal(err)
		}
		if one := slices.Compact(slices.Clone(want)); len(want) != q.Tokens || len(one) < 3 {
			t.Fatalf("%s: generated %v here", precision, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		out, err := e.command(ctx, e.binary, "generate", config, "--prompt-ids", "1,2,3", "--tokens", "24", "--temperature", "1",
			"--seed", "7", "--precision", string(precision), "--json").Output()
		var got struct {
			ID     string `json:"id"`
			Tokens []int  `json:"tokens"`
		}
		if err = errors.Join(err, json.Unmarshal(out, &got)); err != nil || got.ID != a.ID() || !slices.Equal(got.Tokens, want) {
			t.Errorf("%s: the board generated %v; want %v: %v", precision, got.Tokens, want, err)
		}
	}
}
