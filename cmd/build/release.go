package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A platform is what a release binary runs on, in Go's words.
type platform struct{ system, machine string }

// releaseDir holds the binaries, below the module's root.
const releaseDir = "bin/release"

// platforms are those that are released for; wazero has a compiler for each.
var platforms = []platform{
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"linux", "amd64"}, {"linux", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// binary is the name of the platform's file.
func (p platform) binary() string {
	name := "litefront-" + p.system + "-" + p.machine
	if p.system == "windows" {
		name += ".exe"
	}
	return name
}

// compileBinary builds the program for p into the file out: without cgo, so that it
// needs nothing of the system beside its kernel, for the oldest processors of its kind,
// and without a trace of where it was built. GOFLAGS decides, as for make build, whether
// it knows the commit; more flags come after it.
func compileBinary(root, out string, p platform, flags ...string) error {
	env := []string{"GOOS=" + p.system, "GOARCH=" + p.machine, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140="}
	args := append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", out}, flags...)
	_, err := goTool(root, env, append(args, "./cmd/litefront")...)
	return err
}

// release makes the folder dir hold a binary for each platform and SHA256SUMS, and
// nothing else. What the binaries embed must be there.
func release(root, dir string) (artefacts, error) {
	built := artefacts{}
	for _, p := range platforms { // one by one: the go command keeps all cores busy
		out := filepath.Join(dir, p.binary())
		if err := compileBinary(root, out, p); err != nil {
			return nil, err
		}
		var err error
		if built[p.binary()], err = os.ReadFile(out); err != nil {
			return nil, err
		}
	}
	built[sumsName] = built.sums()
	return built, built.write(dir)
}

// binaryTable prints how large the binaries are.
func binaryTable(w io.Writer, built artefacts) error {
	for _, p := range platforms {
		n := len(built[p.binary()])
		if _, err := fmt.Fprintf(w, "%10d  %5.1f MiB  %s\n", n, float64(n)/(1<<20), p.binary()); err != nil {
			return err
		}
	}
	return nil
}
