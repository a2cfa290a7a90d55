package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// chartDir is the folder of the chart's script, with what it needs.
func chartDir(t *testing.T) string { return scriptDir(t, "chart") }

// scriptDir is the folder of a script, likewise.
func scriptDir(t *testing.T, name string) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "ui", name)
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("needs npm")
	}
	if err := installPackages(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestBuildIsReproducible builds twice, from two folders, and compares the bytes.
// With LITEFRONT_LONG the second one is a copy of the sources that nothing was
// compiled or installed for; else what the first build left is used again.
func TestBuildIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds everything twice")
	}
	for _, s := range scripts {
		scriptDir(t, s.dir)
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	// Variants of the same sources need not be made again: TestCompress compares
	// them.
	before := filepath.Join(root, "host", "web", "dist")
	first, err := build(root, before)
	if err != nil {
		t.Fatal(err)
	}
	again := root
	if os.Getenv("LITEFRONT_LONG") != "" {
		again, before = filepath.Join(t.TempDir(), "elsewhere"), t.TempDir()
		copySourceTree(t, root, again)
		t.Setenv("GOCACHE", t.TempDir())
	} else {
		before = t.TempDir()
		if err := first.write(before); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(again, "searchcore"))
	if got, err := moduleRoot(); err != nil || got != again {
		t.Fatalf("from another folder the root is %s, %v; want %s", got, err, again)
	}
	second, err := build(again, before)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(first.names(), second.names()) {
		t.Errorf("built %q and then %q", first.names(), second.names())
	}
	for _, name := range first.names() {
		if !bytes.Equal(first[name], second[name]) {
			t.Errorf("%s differs", name)
		}
		if bytes.Contains(first[name], []byte(root)) {
			t.Errorf("%s tells where it was built", name)
		}
	}
	for _, name := range []string{
		"index.html", "style.css", "boot.js", "page.wasm", "worker.js", "wasm_exec.js", "chart.js", "fleet.js", edgeGuest,
		offlineScript, "manifest.webmanifest", "icon.svg", "icon-192.png", "icon-512.png",
		"page.wasm.br", "page.wasm.gz", "LICENSES", sumsName,
	} {
		if len(second[name]) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
}

// copySourceTree copies a module without what was built or installed in it.
func copySourceTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && rel != "." && (base[0] == '.' || base == "node_modules" || base == "dist" || rel == "bin") {
			return fs.SkipDir
		}
		if entry.Type().IsRegular() {
			write(t, read(t, name), to, rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
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
	if _, err := bundle(dir, "test", "nothing"); err == nil || !strings.Contains(err.Error(), filepath.Join("src", "index.js")+":2: ") || strings.Contains(err.Error(), "\n") {
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
