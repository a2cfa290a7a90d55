package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"

	"github.com/andybalholm/brotli"
	"golang.org/x/sync/errgroup"
)

// fetched are the kinds of files that browsers fetch and that become smaller. The
// edge guest is none of theirs.
var fetched = map[string]bool{".css": true, ".html": true, ".js": true, ".svg": true, ".wasm": true, ".webmanifest": true}

// variants are the encodings, by the suffix that they add to a file's name.
var variants = map[string]func(io.Writer) io.WriteCloser{
	".br": func(w io.Writer) io.WriteCloser {
		return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: 24})
	},
	".gz": func(w io.Writer) io.WriteCloser {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			panic(err) // only for an unknown level
		}
		return z // whose header has no name and no time
	},
}

// compress adds the variants of what browsers fetch. It takes them from the
// folder before if the list there says that they belong to the same source: the
// strongest brotli takes seconds.
func compress(built artefacts, before string) error {
	known := readSums(before)
	type result struct {
		name    string
		content []byte
	}
	var results []*result
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, name := range built.names() {
		source := built[name]
		if name == edgeGuest || !fetched[path.Ext(name)] {
			continue
		}
		for suffix, encoder := range variants {
			r := &result{name: name + suffix}
			results = append(results, r)
			group.Go(func() (err error) {
				if known[name] == sum(source) {
					old, err := os.ReadFile(filepath.Join(before, r.name))
					if err == nil && known[r.name] == sum(old) {
						r.content = old
						return nil
					}
				}
				r.content, err = encode(encoder, source)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, r := range results {
		built[r.name] = r.content
	}
	return nil
}

func encode(encoder func(io.Writer) io.WriteCloser, source []byte) ([]byte, error) {
	var b bytes.Buffer
	w := encoder(&b)
	if _, err := w.Write(source); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
