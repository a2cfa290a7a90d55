package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const edgeGuest = "edge.wasm"

// programs are compiled to WebAssembly.
var programs = []struct{ artefact, pkg, system string }{
	{"page.wasm", "./cmd/page", "js"},
	{edgeGuest, "./wasm/edge", "wasip1"},
}

// compileWasm adds the programs, and the support code that Go's programs for
// browsers need.
func compileWasm(root string, built artefacts) error {
	tmp, err := os.MkdirTemp("", "litefront-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	for _, p := range programs {
		out := filepath.Join(tmp, p.artefact)
		if _, err := goTool(root, wasmEnv(p.system), "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, p.pkg); err != nil {
			return err
		}
		if built[p.artefact], err = os.ReadFile(out); err != nil {
			return err
		}
	}
	goroot, err := goTool(root, nil, "env", "GOROOT")
	if err != nil {
		return err
	}
	built["wasm_exec.js"], err = os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec.js"))
	return err
}

// wasmEnv are the variables that decide on the bytes of a program.
func wasmEnv(system string) []string {
	return []string{"GOOS=" + system, "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=", "GOWASM=", "GOEXPERIMENT=", "GOFIPS140="}
}

// goTool runs the go command in the folder dir and returns what it prints.
func goTool(dir string, env []string, args ...string) ([]byte, error) {
	return command(dir, env, "go", args...)
}

// command runs a program and returns its standard output; the error tells what it
// had to say.
func command(dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) && len(failed.Stderr) > 0 {
		err = errors.New(strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return out, nil
}
