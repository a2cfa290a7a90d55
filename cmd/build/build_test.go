package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func chartDir(t *testing.T) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "ui", "chart")
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("needs npm")
	}
	if err := installPackages(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLicenses(t *testing.T) {
	text, err := licenses(filepath.Join(chartDir(t), "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"== echarts/LICENSE\n", "== echarts/NOTICE\n", "== zrender/LICENSE\n", "== tslib/LICENSE.txt\n", "Apache License", "BSD 3-Clause"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("LICENSES lacks %q", want)
		}
	}
}

// TestBuildIsReproducible builds twice, from two folders, and compares the bytes.
func TestBuildIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds everything twice")
	}
	chartDir(t)
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	// Variants of the same sources need not be made again here: TestCompress
	// compares them.
	first, err := build(root, filepath.Join(root, "host", "web", "dist"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := first.write(dir); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(root, "searchcore"))
	if again, err := moduleRoot(); err != nil || again != root {
		t.Fatalf("from another folder the root is %s, %v; want %s", again, err, root)
	}
	second, err := build(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(first)) {
		if !bytes.Equal(first[name], second[name]) {
			t.Errorf("%s differs", name)
		}
		if bytes.Contains(first[name], []byte(root)) {
			t.Errorf("%s tells where it was built", name)
		}
	}
	for _, name := range []string{
		"index.html", "style.css", "boot.js", "page.wasm", "worker.js", "worker.wasm", "wasm_exec.js", "chart.js", edgeGuest,
		"page.wasm.br", "worker.wasm.gz", "LICENSES", sumsName,
	} {
		if len(second[name]) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestInstallPackages(t *testing.T) {
	dir := t.TempDir()
	if err := installPackages(dir); err == nil {
		t.Error("no lock file was needed")
	}
	// What is newer than the lock file is taken for installed.
	write(t, "not JSON", dir, "package-lock.json")
	write(t, "", dir, "node_modules", ".package-lock.json")
	if err := installPackages(dir); err != nil {
		t.Errorf("up to date: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "node_modules", ".package-lock.json")); err != nil {
		t.Fatal(err)
	}
	if err := installPackages(dir); err == nil || !strings.Contains(err.Error(), "npm ci") {
		t.Errorf("a broken lock file: %v; want npm's complaint", err)
	}
}

func TestBundleTellsWhere(t *testing.T) {
	dir := t.TempDir()
	write(t, "\nimport './none.js';\n", dir, "src", "index.js")
	if _, err := bundle(dir); err == nil || !strings.Contains(err.Error(), filepath.Join("src", "index.js")+":2: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("bundle: %v; want one line that names src/index.js:2", err)
	}
}

func TestCompilerErrorIsKept(t *testing.T) {
	if _, err := goTool("", nil, "vet", "./none"); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("go vet ./none: %v", err)
	}
	if _, err := command("", nil, "litefront-no-such-program"); err == nil || !strings.Contains(err.Error(), "litefront-no-such-program") {
		t.Errorf("no such program: %v", err)
	}
}
