package litefront_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "litefront"

// A room is a folder with what the Go files below it may import. The deepest
// room around a file is the one that counts.
type room struct {
	dir  string
	own  []string // folders of this module
	pure bool     // only the modules below, no world, no goroutines
	// Modules that a pure room may import besides the standard library.
	modules []string
}

var rooms = []room{
	{dir: "searchcore", own: []string{"searchcore"}, pure: true, modules: []string{"gonum.org/v1/gonum"}},
	{dir: "searchcore/space", own: []string{"searchcore"}, pure: true, modules: []string{"gonum.org/v1/gonum", "github.com/BurntSushi/toml"}},
	{dir: "kernels", own: []string{"kernels", "searchcore"}},
	{dir: "wasm", own: []string{"wasm", "kernels", "searchcore"}},
	{dir: "ui", own: []string{"ui", "kernels", "searchcore"}},
	{dir: "kernels/ref", own: []string{"searchcore/arch"}, pure: true}, // shares nothing with what it checks
}

// testHelpers are for the tests of any room.
const testHelpers = "internal"

// world are the packages that reach outside a pure room: the clock, the
// machine, other goroutines, hidden randomness.
var world = []string{
	"C", "crypto/rand", "hash/maphash", "log", "math/rand", "net", "os", "plugin",
	"runtime", "sync", "syscall", "time", "unsafe",
}

// seeded are the names of math/rand/v2 that do not draw from its hidden, global
// generator.
var seeded = []string{
	"ChaCha8", "New", "NewChaCha8", "NewPCG", "NewZipf", "PCG", "Rand", "Source", "Zipf",
}

func TestArrowsPointDown(t *testing.T) {
	files, problems := walk(t, ".")
	for _, p := range problems {
		t.Error(p)
	}
	for _, r := range rooms {
		if files[r.dir] == 0 {
			t.Errorf("no Go file found in %s", r.dir)
		}
	}
}

// The walk must see every kind of violation.
func TestArrowsCanFail(t *testing.T) {
	tests := []struct {
		file, body string
		want       string // what the only problem says; "" for none
	}{
		{"searchcore/a/a.go", `import _ "litefront/searchcore/b"`, ""},
		{"searchcore/a/a.go", `import _ "litefront/kernels"`, "imports litefront/kernels"},
		{"searchcore/a/a.go", `import _ "litefront/host/store"`, "imports litefront/host/store"},
		{"searchcore/a/a.go", `import _ "litefront/searchcorex"`, "imports litefront/searchcorex"},
		{"searchcore/a/a_test.go", `import _ "litefront/kernels"`, "imports litefront/kernels"},
		{"searchcore/a/a_js.go", `import _ "litefront/wasm/worker"`, "imports litefront/wasm/worker"},
		{"searchcore/a/a.go", `import _ "os"`, "imports os"},
		{"searchcore/a/a.go", `import _ "os/exec"`, "imports os/exec"},
		{"searchcore/a/a.go", `import _ "net/http"`, "imports net/http"},
		{"searchcore/a/a.go", `import _ "time"`, "imports time"},
		{"searchcore/a/a.go", `import _ "sync/atomic"`, "imports sync/atomic"},
		{"searchcore/a/a.go", `import _ "syscall/js"`, "imports syscall/js"},
		{"searchcore/a/a.go", `import _ "math/rand"`, "imports math/rand"},
		{"searchcore/a/a.go", `import _ "crypto/rand"`, "imports crypto/rand"},
		{"searchcore/a/a.go", `import _ "crypto/sha256"`, ""},
		{"searchcore/a/a.go", `import "math/rand/v2"; var _ = rand.New(rand.NewPCG(1, 2)).IntN(3)`, ""},
		{"searchcore/a/a.go", `import "math/rand/v2"; var _ = rand.IntN(3)`, "global rand.IntN"},
		{"searchcore/a/a.go", `import r "math/rand/v2"; var _ = r.Perm(3)`, "global r.Perm"},
		{"searchcore/a/a.go", `import . "math/rand/v2"`, "dot-imports math/rand/v2"},
		{"searchcore/a/a.go", `func f() { go f() }`, "go statement"},
		{"searchcore/a/a_test.go", `import _ "os"; func f() { go f() }`, ""},
		{"searchcore/a/testdata/a.go", `import _ "os"`, ""},
		{"searchcore/a/a.go", `import _ "gonum.org/v1/gonum/mat"`, ""},
		{"searchcore/a/a.go", `import _ "gonum.org/v1/gonumx"`, "imports gonum.org/v1/gonumx"},
		{"searchcore/a/a.go", `import _ "github.com/BurntSushi/toml"`, "imports github.com/BurntSushi/toml"},
		{"searchcore/space/a.go", `import _ "github.com/BurntSushi/toml"`, ""},
		{"searchcore/space/a.go", `import _ "time"`, "imports time"},
		{"kernels/a/a.go", `import _ "litefront/searchcore/arch"`, ""},
		{"kernels/a/a.go", `import _ "litefront/host/runtime"`, "imports litefront/host/runtime"},
		{"kernels/a/a_test.go", `import _ "litefront/wasm/edge"`, "imports litefront/wasm/edge"},
		{"kernels/a/a_test.go", `import _ "litefront/internal/browsertest"`, ""},
		{"kernels/a/a.go", `import _ "litefront/internal/browsertest"`, "imports litefront/internal/browsertest"},
		{"kernels/a/a.go", `import _ "litefront/ui"`, "imports litefront/ui"},
		{"kernels/a/a.go", `import _ "litefront/cmd/build"`, "imports litefront/cmd/build"},
		{"kernels/ref/a.go", `import _ "litefront/searchcore/arch"`, ""},
		{"kernels/ref/a.go", `import _ "litefront/searchcore/graph"`, "imports litefront/searchcore/graph"},
		{"kernels/ref/a.go", `import _ "litefront/kernels"`, "imports litefront/kernels"},
		{"kernels/ref/a_test.go", `import _ "litefront/kernels/ref"`, ""},
		{"host/a/a.go", `import ("os"; "litefront/kernels"); func f() { go f() }`, ""},
		{"searchcore/a/a.go", `import`, "a.go"},
	}
	for _, tt := range tests {
		t.Run(tt.file+" "+tt.body, func(t *testing.T) {
			root := t.TempDir()
			name := filepath.Join(root, filepath.FromSlash(tt.file))
			if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte("package a\n"+tt.body+"\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			_, problems := walk(t, root)
			switch {
			case tt.want == "" && len(problems) > 0:
				t.Errorf("problems = %q; want none", problems)
			case tt.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], tt.want)):
				t.Errorf("problems = %q; want one that says %q", problems, tt.want)
			}
		})
	}
}

// walk checks every Go file below root, whatever its build tags, and counts the
// files of each room.
func walk(t *testing.T, root string) (files map[string]int, problems []string) {
	t.Helper()
	files = map[string]int{}
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if base := e.Name(); name != root && (base == "testdata" || base == "node_modules" || base[0] == '.' || base[0] == '_') {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil || path.Ext(rel) != ".go" {
			return err
		}
		rel = filepath.ToSlash(rel)
		if r, ok := roomOf(rel); ok {
			files[r.dir]++
			problems = append(problems, r.check(name, rel)...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, problems
}

func roomOf(file string) (deepest room, ok bool) {
	for _, r := range rooms {
		if within(file, r.dir) && len(r.dir) > len(deepest.dir) {
			deepest, ok = r, true
		}
	}
	return deepest, ok
}

// check reads the file called name; messages call it rel. Tests are held to the
// arrows between rooms, but may use what they like to test.
func (r room) check(name, rel string) (problems []string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	report := func(n ast.Node, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s:%d: ", rel, fset.Position(n.Pos()).Line)+fmt.Sprintf(format, args...))
	}
	test := strings.HasSuffix(rel, "_test.go")

	rand := "" // what this file calls math/rand/v2
	for _, spec := range f.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			report(spec, "%v", err)
			continue
		}
		if !r.allows(target, test) {
			report(spec, "%s imports %s", r.dir, target)
		}
		if target == "math/rand/v2" {
			rand = "rand"
			if spec.Name != nil {
				rand = spec.Name.Name
			}
			if rand == "." {
				report(spec, "%s dot-imports math/rand/v2", r.dir)
			}
		}
	}
	if test || !r.pure {
		return problems
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "%s has a go statement", r.dir)
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && rand != "" && x.Name == rand && !slices.Contains(seeded, n.Sel.Name) {
				report(n, "%s uses the global %s.%s", r.dir, rand, n.Sel.Name)
			}
		}
		return true
	})
	return problems
}

func (r room) allows(target string, test bool) bool {
	if own, ok := strings.CutPrefix(target, module+"/"); ok {
		return withinAny(own, r.own) || test && (own == r.dir || within(own, testHelpers))
	}
	if test || !r.pure {
		return true
	}
	if host, _, _ := strings.Cut(target, "/"); strings.Contains(host, ".") {
		return withinAny(target, r.modules)
	}
	return target == "math/rand/v2" || !withinAny(target, world)
}

func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

func withinAny(p string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return within(p, dir) })
}
