package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image"
	"image/png"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The service worker lists what the page consists of, and its build's name changes
// with each of these files and with nothing else.
func TestListOffline(t *testing.T) {
	list := func(changed string) (build string, files map[string]string) {
		t.Helper()
		built := artefacts{offlineScript: []byte("const BUILD = '';\nconst FILES = {};\n")}
		for _, name := range []string{"index.html", "page.wasm", "boot.js", "style.css", "icon.svg", "icon-192.png", "manifest.webmanifest", edgeGuest, fleetScript, "LICENSES"} {
			built[name] = []byte(name)
		}
		if changed != "" {
			built[changed] = []byte("changed")
		}
		if err := listOffline(built); err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`(?s)^const BUILD = '([0-9a-f]{12})';\nconst FILES = (\{.*\});\n$`).FindSubmatch(built[offlineScript])
		if m == nil {
			t.Fatalf("it says\n%s", built[offlineScript])
		}
		if err := json.Unmarshal(m[2], &files); err != nil {
			t.Fatal(err)
		}
		for name, hash := range files {
			if want := sha256.Sum256(built[name]); hash != "sha256-"+base64.StdEncoding.EncodeToString(want[:]) {
				t.Errorf("%s has the hash %s", name, hash)
			}
		}
		return string(m[1]), files
	}
	build, files := list("")
	want := []string{"boot.js", "icon-192.png", "icon.svg", "index.html", "manifest.webmanifest", "page.wasm", "style.css"}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("it keeps %q; want %q", got, want)
	}
	for _, name := range append(want, edgeGuest, fleetScript, "LICENSES") {
		again, _ := list(name)
		if changes := again != build; changes != slices.Contains(want, name) {
			t.Errorf("%s changed: the build is %s after %s", name, again, build)
		}
	}
	if err := listOffline(artefacts{offlineScript: []byte("const FILES = {};")}); err == nil || !strings.Contains(err.Error(), "BUILD") {
		t.Errorf("without a place for the build: %v", err)
	}
}

// The manifest lists the icons that are drawn, and each is a picture of its size with
// the mark in the middle.
func TestIcons(t *testing.T) {
	built := artefacts{}
	if err := drawIcons("", built); err != nil {
		t.Fatal(err)
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Icons []struct{ Src, Sizes, Type string }
	}
	if err := json.Unmarshal([]byte(read(t, root, "ui", "static", "manifest.webmanifest")), &manifest); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, icon := range manifest.Icons {
		listed[icon.Src] = true
		content := built[icon.Src]
		if filepath.Ext(icon.Src) == ".svg" {
			if err := xml.Unmarshal(content, &struct{}{}); err != nil || icon.Type != "image/svg+xml" {
				t.Errorf("%s of type %s: %v", icon.Src, icon.Type, err)
			}
			continue
		}
		picture, err := png.Decode(bytes.NewReader(content))
		if err != nil {
			t.Fatalf("%s: %v", icon.Src, err)
		}
		side := picture.Bounds().Dx()
		if got := fmt.Sprintf("%dx%d", side, picture.Bounds().Dy()); got != icon.Sizes || icon.Type != "image/png" {
			t.Errorf("%s of type %s is %s; want %s", icon.Src, icon.Type, got, icon.Sizes)
		}
		for at, mark := range map[image.Point]bool{{1, 1}: false, {side * 7 / 10, side * 3 / 10}: true, {side * 3 / 10, side * 3 / 10}: false, {side * 3 / 10, side * 7 / 10}: true, {side * 8 / 10, side / 2}: false} {
			if r, _, _, _ := picture.At(at.X, at.Y).RGBA(); (r == 0xffff) != mark {
				t.Errorf("%s at %v: mark %v", icon.Src, at, r == 0xffff)
			}
		}
	}
	for _, name := range built.names() {
		if !listed[name] {
			t.Errorf("the manifest lacks %s", name)
		}
	}
}
