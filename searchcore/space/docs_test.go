package space

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestDocs checks docs/spaces.md: it explains every key once, and its examples
// are the presets.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../docs/spaces.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, key := range tomlKeys() {
		if n := strings.Count(text, "\n| `"+key+"` |"); n != 1 {
			t.Errorf("%s is explained %d times", key, n)
		}
	}
	examples := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(examples) != len(presets()) {
		t.Fatalf("%d examples for %d presets", len(examples), len(presets()))
	}
	for i, want := range presets() {
		if got, err := ParseTOML([]byte(examples[i][1])); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("example %d is %+v (%v), want the preset %+v", i+1, got, err, want)
		}
	}
}
