package view

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write ../static/vugu.js")

const helperHead = `// The DOM helper of github.com/vugu/vugu, as its package domrender has it, but that it
// leaves alone what has not changed: attributes, texts, and content that is one text.
// MIT License, Copyright (c) 2019 vugu.
`

// helperChanges are what makes it do so: upstream's text, each there once, and ours.
// Content comes as vugu escapes it, and is compared as browsers do.
var helperChanges = []string{
	`e.setAttribute(t,n),`, `e.getAttribute(t)!==n&&e.setAttribute(t,n),`,
	`document.createTextNode(e);x.el.parentNode.replaceChild(t,x.el),x.el=t}else x.el.textContent=e;`,
	`document.createTextNode(e);x.el.parentNode.replaceChild(t,x.el),x.el=t}else x.el.textContent!==e&&(x.el.textContent=e);`,
	`x.el.innerHTML=(x.bufferedInnerHTML||"")+e,`,
	`let t=(x.bufferedInnerHTML||"")+e;x.el.innerHTML!==t.replaceAll("&#34;",'"').replaceAll("&#39;","'")&&(x.el.innerHTML=t),`,
}

// vugu.js is the script that vugu would evaluate at its start, which the page's
// security policy forbids. It has to be that of the version in go.mod, with our changes.
func TestHelperIsCurrent(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/vugu/vugu").Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "domrender", "renderer-js-script.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && spec.Names[0].Name == "jsHelperScript" {
			script, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(helperChanges); i += 2 {
				if n := strings.Count(script, helperChanges[i]); n != 1 {
					t.Fatalf("vugu's helper has %q %d times", helperChanges[i], n)
				}
			}
			want = helperHead + strings.NewReplacer(helperChanges...).Replace(script) + "\n"
		}
		return true
	})
	if want == "" {
		t.Fatal("vugu's helper script is no longer where it was")
	}
	name := filepath.Join("..", "static", "vugu.js")
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale; run go test ./ui/view -run TestHelperIsCurrent -update", name)
	}
}
