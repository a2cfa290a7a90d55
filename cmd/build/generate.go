package main

import (
	"bytes"
	"fmt"
	"go/format"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// code is generated Go files by their path in the module.
type code map[string][]byte

const generatedSuffix = "_gen.go"

// generate returns the Go code of all *.vugu files below ui. vugugen works on a
// copy: it reads the whole package, and takes an external test for a second one.
func generate(root string) (code, error) {
	tmp, err := os.MkdirTemp("", "litefront-generate-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	packages, err := vuguPackages(root)
	if err != nil {
		return nil, err
	}
	generated := code{}
	for _, pkg := range packages {
		copied := filepath.Join(tmp, pkg)
		if err := copySources(filepath.Join(root, pkg), copied); err != nil {
			return nil, err
		}
		if _, err := goTool("", nil, "tool", "vugugen", "-skip-go-mod", "-skip-main", copied); err != nil {
			return nil, err
		}
		names, err := filepath.Glob(filepath.Join(copied, "*"+generatedSuffix))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			source, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			// vugugen prints as gofmt would not.
			file := path.Join(pkg, filepath.Base(name))
			if generated[file], err = format.Source(source); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return generated, nil
}

// vuguPackages lists the folders below ui that have *.vugu files.
func vuguPackages(root string) ([]string, error) {
	found := map[string]bool{}
	err := fs.WalkDir(os.DirFS(root), "ui", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "node_modules":
			return fs.SkipDir
		case path.Ext(name) == ".vugu":
			found[path.Dir(name)] = true
		}
		return nil
	})
	return slices.Sorted(maps.Keys(found)), err
}

// copySources copies what vugugen reads.
func copySources(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		source := path.Ext(name) == ".vugu" || path.Ext(name) == ".go" && !strings.HasSuffix(name, generatedSuffix) && !strings.HasSuffix(name, "_test.go")
		if !source || !entry.Type().IsRegular() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// check fails if the files in the module are others than generated.
func (c code) check(root string) error {
	stale, err := c.left(root)
	if err != nil {
		return err
	}
	for name, want := range c {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || !bytes.Equal(got, want) {
			stale = append(stale, name)
		}
	}
	if len(stale) > 0 {
		slices.Sort(stale)
		return fmt.Errorf("stale: %s; run go run ./cmd/build", strings.Join(stale, ", "))
	}
	return nil
}

// write makes the files in the module what was generated.
func (c code) write(root string) error {
	left, err := c.left(root)
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			return err
		}
	}
	for name, content := range c {
		if err := replace(filepath.Join(root, name), content); err != nil {
			return err
		}
	}
	return nil
}

// left lists generated files below ui that nothing generates any more.
func (c code) left(root string) (names []string, err error) {
	err = fs.WalkDir(os.DirFS(root), "ui", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "node_modules":
			return fs.SkipDir
		case strings.HasSuffix(name, generatedSuffix) && c[name] == nil:
			names = append(names, name)
		}
		return nil
	})
	return names, err
}
