package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// artefacts are files by name.
type artefacts map[string][]byte

func (a artefacts) names() []string { return slices.Sorted(maps.Keys(a)) }

// write makes the folder dir hold a and, besides hidden files, nothing else. What
// is there already stays untouched, so that whoever embeds it need not be built
// again.
func (a artefacts) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); a[name] == nil && name[0] != '.' {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for _, name := range a.names() {
		if err := replace(filepath.Join(dir, name), a[name]); err != nil {
			return err
		}
	}
	return nil
}

// replace writes a file that is not so already, complete or not at all.
func replace(name string, content []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, content) {
		return nil
	}
	part := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".part")
	if err := os.WriteFile(part, content, 0o644); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, name)
}

// sumsName is the list of all other artefacts, as sha256sum writes it.
const sumsName = "SHA256SUMS"

func (a artefacts) sums() []byte {
	var b bytes.Buffer
	for _, name := range a.names() {
		if name != sumsName {
			fmt.Fprintf(&b, "%s  %s\n", sum(a[name]), name)
		}
	}
	return b.Bytes()
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// readSums reads what sums wrote, by name. Without a list, or with one that
// cannot be read, nothing is known.
func readSums(dir string) map[string]string {
	list, err := os.ReadFile(filepath.Join(dir, sumsName))
	if err != nil {
		return nil
	}
	known := map[string]string{}
	for line := range strings.Lines(string(list)) {
		if sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  "); ok {
			known[name] = sum
		}
	}
	return known
}

// copyStatic takes the files of ui/static.
func copyStatic(root string, built artefacts) error {
	dir := filepath.Join(root, "ui", "static")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s: only files are expected here", filepath.Join(dir, entry.Name()))
		}
		if built[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// stamp writes into index.html which version of the code the page runs: a hash
// of all that decides what it measures.
func stamp(built artefacts) error {
	code := artefacts{}
	for _, name := range []string{"engine.js", "gpu.js", "page.wasm", "thread.js", "worker.js"} {
		code[name] = built[name]
	}
	return fillIn(built, "index.html", `data-code=""`, fmt.Sprintf(`data-code="%.12s"`, sum(code.sums())))
}

// fillIn writes a text into the one place in a file that waits for it.
func fillIn(built artefacts, name, place, text string) error {
	if n := bytes.Count(built[name], []byte(place)); n != 1 {
		return fmt.Errorf("%s has %s %d times; want it once", name, place, n)
	}
	built[name] = bytes.Replace(built[name], []byte(place), []byte(text), 1)
	return nil
}

// table prints how large the artefacts are, and how many bytes browsers fetch.
func table(w io.Writer, built artefacts) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "bytes\tgzip\tbrotli\t  \t")
	for _, name := range built.names() {
		if compressed(name) {
			continue
		}
		size := func(name string) string {
			if content, ok := built[name]; ok {
				return fmt.Sprint(len(content))
			}
			return ""
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t  %s\n", size(name), size(name+".gz"), size(name+".br"), name)
	}
	return t.Flush()
}

func compressed(name string) bool { return variants[path.Ext(name)] != nil }
