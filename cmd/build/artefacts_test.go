package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
)

func read(t *testing.T, elem ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, text string, elem ...string) {
	t.Helper()
	name := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// listing is what dir holds, by name.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, entry := range entries {
		if !entry.IsDir() {
			found[entry.Name()] = read(t, dir, entry.Name())
		}
	}
	return found
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dist")
	if err := (artefacts{"same": []byte("1"), "changed": []byte("2"), "gone": []byte("3")}).write(dir); err != nil {
		t.Fatal(err)
	}
	write(t, "marker", dir, ".gitkeep")
	write(t, "x", dir, "folder", "file")
	past := time.Unix(1e9, 0)
	if err := os.Chtimes(filepath.Join(dir, "same"), past, past); err != nil {
		t.Fatal(err)
	}
	if err := (artefacts{"same": []byte("1"), "changed": []byte("22"), "empty": {}}).write(dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"same": "1", "changed": "22", "empty": "", ".gitkeep": "marker"}
	if got := listing(t, dir); !maps.Equal(got, want) {
		t.Errorf("the folder holds %v; want %v", got, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "folder")); err == nil {
		t.Error("a folder that is no artefact is still there")
	}
	if info, err := os.Stat(filepath.Join(dir, "same")); err != nil || !info.ModTime().Equal(past) {
		t.Errorf("the unchanged file was written again: %v, %v", info.ModTime(), err)
	}
}

func TestSums(t *testing.T) {
	built := artefacts{"b": []byte("abc"), "a": {}, sumsName: []byte("old")}
	// From FIPS 180-4's examples.
	want := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n" +
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b\n"
	if got := string(built.sums()); got != want {
		t.Errorf("sums:\n%swant:\n%s", got, want)
	}
	dir := t.TempDir()
	write(t, want+"nonsense\n", dir, sumsName)
	if got := readSums(dir); len(got) != 2 || got["a"] != sum(nil) || got["b"] != sum([]byte("abc")) {
		t.Errorf("read back: %v", got)
	}
	if got := readSums(t.TempDir()); len(got) != 0 {
		t.Errorf("without a list: %v", got)
	}
}

// The stamp changes with the code, and with nothing else.
func TestStamp(t *testing.T) {
	stamped := func(changed string) string {
		t.Helper()
		built := artefacts{"index.html": []byte(`<html data-code="">`)}
		for _, name := range []string{"engine.js", "page.wasm", "thread.js", "worker.js", "style.css"} {
			built[name] = []byte(name)
		}
		if changed != "" {
			built[changed] = []byte("changed")
		}
		if err := stamp(built); err != nil {
			t.Fatal(err)
		}
		return string(built["index.html"])
	}
	first := stamped("")
	if !regexp.MustCompile(`^<html data-code="[0-9a-f]{12}">$`).MatchString(first) {
		t.Errorf("stamped %s", first)
	}
	for name, same := range map[string]bool{"engine.js": false, "page.wasm": false, "thread.js": false, "worker.js": false, "style.css": true} {
		if got := stamped(name); (got == first) != same {
			t.Errorf("%s changed: stamped %s after %s", name, got, first)
		}
	}
	for _, index := range []string{"<html>", `<html data-code=""><p data-code="">`} {
		if err := stamp(artefacts{"index.html": []byte(index)}); err == nil || !strings.Contains(err.Error(), "index.html") {
			t.Errorf("%s: %v", index, err)
		}
	}
}

func TestCompress(t *testing.T) {
	source := []byte(strings.Repeat("all work and no play ", 500))
	sources := func() artefacts {
		return artefacts{"page.wasm": source, "boot.js": source, "style.css": source, "index.html": source, edgeGuest: source, "LICENSES": source}
	}
	built := sources()
	if err := compress(built, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"LICENSES", "boot.js", "boot.js.br", "boot.js.gz", edgeGuest, "index.html", "index.html.br", "index.html.gz",
		"page.wasm", "page.wasm.br", "page.wasm.gz", "style.css", "style.css.br", "style.css.gz",
	}
	if got := built.names(); !slices.Equal(got, want) {
		t.Errorf("artefacts %q; want %q", got, want)
	}
	z, err := gzip.NewReader(bytes.NewReader(built["boot.js.gz"]))
	if err != nil {
		t.Fatal(err)
	}
	if !z.ModTime.IsZero() || z.Name != "" {
		t.Errorf("the gzip header says %v %q; want nothing", z.ModTime, z.Name)
	}
	for name, r := range map[string]io.Reader{"boot.js.gz": z, "boot.js.br": brotli.NewReader(bytes.NewReader(built["boot.js.br"]))} {
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, source) {
			t.Errorf("%s does not hold its source: %v", name, err)
		}
		if len(built[name]) > len(source)/10 {
			t.Errorf("%s has %d bytes of %d", name, len(built[name]), len(source))
		}
	}
	again := sources()
	if err := compress(again, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(built, again, bytes.Equal) {
		t.Error("compressing twice gave different bytes")
	}
}

// A variant is taken from the last run only if it is what that run wrote for the
// same source.
func TestCompressReuses(t *testing.T) {
	source := []byte("source")
	for _, tt := range []struct {
		name                  string
		listedSource, variant string // in the folder of the last run
		listedVariant         string
		reused                bool
	}{
		{"the same source", "source", "made before", "made before", true},
		{"another source", "other", "made before", "made before", false},
		{"a damaged variant", "source", "damaged", "made before", false},
	} {
		dir := t.TempDir()
		list := artefacts{"a.js": []byte(tt.listedSource), "a.js.br": []byte(tt.listedVariant)}
		write(t, string(list.sums()), dir, sumsName)
		write(t, tt.variant, dir, "a.js.br")
		built := artefacts{"a.js": source}
		if err := compress(built, dir); err != nil {
			t.Fatal(err)
		}
		if reused := string(built["a.js.br"]) == tt.variant; reused != tt.reused {
			t.Errorf("%s: reused = %v; want %v", tt.name, reused, tt.reused)
		}
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := table(&b, artefacts{"a.js": make([]byte, 1234), "a.js.br": make([]byte, 12), "a.js.gz": make([]byte, 123), "LICENSES": make([]byte, 7)}); err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"bytes", "gzip", "brotli"}, {"7", "LICENSES"}, {"1234", "123", "12", "a.js"}}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if !slices.EqualFunc(lines, want, func(line string, fields []string) bool { return slices.Equal(strings.Fields(line), fields) }) {
		t.Errorf("the table is\n%s", b.String())
	}
}
