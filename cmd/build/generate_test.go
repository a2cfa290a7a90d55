package main

import (
	"go/format"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestGenerate follows generated code as its sources change.
func TestGenerate(t *testing.T) {
	root := t.TempDir()
	view := filepath.Join(root, "ui", "view")
	write(t, "package view\n\ntype Hello struct{ Name string }\n", view, "hello.go")
	write(t, "package view_test\n", view, "hello_test.go") // vugugen would refuse the second package
	write(t, "<div>Hello <span vg-content='c.Name'></span></div>\n", view, "hello.vugu")
	write(t, "<div></div>", root, "ui", "chart", "node_modules", "other", "other.vugu")
	write(t, "package store\n", root, "ui", "store", "store.go")

	fresh := func() code {
		t.Helper()
		generated, err := generate(root)
		if err != nil {
			t.Fatal(err)
		}
		return generated
	}
	stale := func(want string) {
		t.Helper()
		err := fresh().check(root)
		if want == "" && err != nil {
			t.Errorf("check: %v; want nil", err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("check: %v; want one line that names %s", err, want)
		}
	}
	const file = "ui/view/hello_gen.go"
	stale(file)
	if got := slices.Collect(maps.Keys(fresh())); !slices.Equal(got, []string{file}) {
		t.Fatalf("generated %q; want %q", got, file)
	}
	if err := fresh().write(root); err != nil {
		t.Fatal(err)
	}
	stale("")
	text := read(t, root, file)
	if formatted, err := format.Source([]byte(text)); err != nil || string(formatted) != text {
		t.Errorf("gofmt would change %s", file)
	}
	if !strings.Contains(text, "func (c *Hello) Build(") {
		t.Errorf("%s is\n%s", file, text)
	}

	write(t, "<div>Bye</div>\n", view, "hello.vugu")
	stale(file)
	if err := fresh().write(root); err != nil {
		t.Fatal(err)
	}
	stale("")

	// Code without a source is stale too.
	write(t, "package store\n", root, "ui", "store", "old_gen.go")
	stale("ui/store/old_gen.go")
	if err := fresh().write(root); err != nil {
		t.Fatal(err)
	}
	stale("")
	if _, err := os.Stat(filepath.Join(root, "ui", "store", "old_gen.go")); err == nil {
		t.Error("code without a source was left")
	}
}

func TestGenerateTellsWhatIsWrong(t *testing.T) {
	root := t.TempDir()
	write(t, "package view\n\nfunc {\n", root, "ui", "view", "view.go")
	write(t, "<div></div>\n", root, "ui", "view", "view.vugu")
	if _, err := generate(root); err == nil || !strings.Contains(err.Error(), "view.go") {
		t.Errorf("generate: %v; want an error that names view.go", err)
	}
}
