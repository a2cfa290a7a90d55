package main

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var board = platform{"linux", "arm64"}

// buildBoard builds the binary for boards, without the commit, which a copy of the
// sources has none of.
func buildBoard(t *testing.T, root string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), board.binary())
	if err := compileBinary(root, out, board, "-buildvcs=false"); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestBinaryIsReproducible builds a binary twice, the second time from a copy of the
// sources. With LITEFRONT_LONG nothing was compiled for that before.
func TestBinaryIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program twice")
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	first := buildBoard(t, root)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	copySourceTree(t, root, elsewhere)
	dist := filepath.Join("host", "web", "dist")
	if err := os.CopyFS(filepath.Join(elsewhere, dist), os.DirFS(filepath.Join(root, dist))); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("LITEFRONT_LONG") != "" {
		t.Setenv("GOCACHE", t.TempDir())
	}
	a, b := read(t, first), read(t, buildBoard(t, elsewhere))
	if a != b {
		t.Errorf("built %s and then %s", sum([]byte(a)), sum([]byte(b)))
	}
	for _, dir := range []string{root, elsewhere} {
		if strings.Contains(a, dir) || strings.Contains(b, dir) {
			t.Errorf("it tells that it was built in %s", dir)
		}
	}
	t.Logf("%s has %d bytes", board.binary(), len(a))

	file, err := elf.NewFile(strings.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	if file.Machine != elf.EM_AARCH64 {
		t.Errorf("it is for %v", file.Machine)
	}
	libraries, err := file.ImportedLibraries()
	if interpreter := slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }); interpreter || len(libraries) > 0 || err != nil {
		t.Errorf("it is not static: it needs %q, or an interpreter: %v; %v", libraries, interpreter, err)
	}
	info, err := buildinfo.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range info.Settings {
		// What processors before ARMv8.1 lack is chosen as the program runs.
		if want := (map[string]string{"CGO_ENABLED": "0", "GOARM64": "v8.0", "-trimpath": "true"})[s.Key]; want != "" && s.Value != want {
			t.Errorf("built with %s=%s; want %s", s.Key, s.Value, want)
		}
	}
}

// Names are what container files and instructions rely on.
func TestBinaryNames(t *testing.T) {
	var names []string
	built := artefacts{}
	for i, p := range platforms {
		names = append(names, p.binary())
		built[p.binary()] = make([]byte, 1<<20+i)
	}
	want := []string{"litefront-darwin-amd64", "litefront-darwin-arm64", "litefront-linux-amd64", "litefront-linux-arm64",
		"litefront-windows-amd64.exe", "litefront-windows-arm64.exe"}
	if !slices.Equal(names, want) {
		t.Errorf("binaries %q; want %q", names, want)
	}
	var b bytes.Buffer
	if err := binaryTable(&b, built); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != len(want) || !slices.Equal(strings.Fields(lines[5]), []string{"1048581", "1.0", "MiB", want[5]}) {
		t.Errorf("the table is\n%s", b.String())
	}
}
