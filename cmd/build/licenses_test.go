package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestLicenses(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{
		"one/LICENSE": "\n  first  \n", "one/NOTICE.txt": "second", "one/license.go": "code", "one/licenses/LICENSE-d3": "third",
		"two/COPYING": "fourth", "two/sub/LICENSE": "not its own", "two/THIRD_PARTY_LICENSES/A": "fifth", "two/LICENCES/x": "a folder",
		"none/README": "free",
	} {
		write(t, text, dir, filepath.FromSlash(file))
	}
	two, one := folder{"b.org/two", filepath.Join(dir, "two")}, folder{"one", filepath.Join(dir, "one")}
	got, err := licenses([]folder{two, one})
	const want = "== b.org/two/COPYING\n\nfourth\n\n== b.org/two/THIRD_PARTY_LICENSES/A\n\nfifth\n\n" +
		"== one/LICENSE\n\nfirst\n\n== one/NOTICE.txt\n\nsecond\n\n== one/licenses/LICENSE-d3\n\nthird\n\n"
	if err != nil || string(got) != want {
		t.Errorf("licenses: %v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := licenses([]folder{one, {"c.org/none", filepath.Join(dir, "none")}}); err == nil || !strings.Contains(err.Error(), "c.org/none") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without a license: %v; want one line that names c.org/none", err)
	}
}

// TestCollectLicenses compares with the modules that the programs themselves say
// they were built from.
func TestCollectLicenses(t *testing.T) {
	for _, s := range scripts {
		scriptDir(t, s.dir)
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	built := artefacts{}
	if err := collectLicenses(root, built); err != nil {
		t.Fatal(err)
	}
	text := string(built["LICENSES"])
	var titles []string
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(line, "== "); ok {
			titles = append(titles, strings.TrimSpace(title))
		}
	}
	if sorted := slices.Compact(slices.Sorted(slices.Values(titles))); len(sorted) != len(titles) {
		t.Errorf("a text is there twice: %q", titles)
	}
	for _, want := range []string{"go/LICENSE", "gonum.org/v1/gonum/THIRD_PARTY_LICENSES/Cephes-LICENSE", "echarts/LICENSE", "echarts/NOTICE", "zrender/LICENSE", "tslib/LICENSE.txt", "@nats-io/nats-core/LICENSE", "tweetnacl/LICENSE"} {
		if !slices.Contains(titles, want) {
			t.Errorf("LICENSES lacks %s", want)
		}
	}
	for _, want := range []string{"The Go Authors", "Apache License", "BSD 3-Clause"} {
		if !strings.Contains(text, want) {
			t.Errorf("LICENSES lacks %q", want)
		}
	}
	if testing.Short() {
		return
	}
	if err := compileWasm(root, built); err != nil {
		t.Fatal(err)
	}
	dep := regexp.MustCompile(`(?m)^dep\t(\S+)\t`)
	for _, p := range programs {
		found := dep.FindAllSubmatch(built[p.artefact], -1)
		if len(found) == 0 {
			t.Errorf("%s does not say what it was built from", p.artefact)
		}
		for _, m := range found {
			module := string(m[1])
			if !slices.ContainsFunc(titles, func(title string) bool { return strings.HasPrefix(title, module+"/") }) {
				t.Errorf("LICENSES lacks those of %s, which is in %s", module, p.artefact)
			}
		}
	}
}
