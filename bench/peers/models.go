//go:build !wasm

package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"litefront/bench/programs"
	"litefront/searchcore/arch"
)

const galleryLarge = "gallery large"

// model is what all engines run.
type model struct {
	name   string
	arch   arch.Architecture
	tokens int // of the prompt; decoding is the one after them
}

func (m model) String() string {
	return fmt.Sprintf("%s: %v, vocabulary of %d, %d tokens", m.name, m.arch, m.arch.Vocab, m.tokens)
}

// allModels are the reference, and a small, a middle and a large one of archai's
// gallery at the length that LiteTransformerSearch measures.
func allModels() ([]model, error) {
	gallery, err := readGallery(filepath.Join("searchcore", "arch", "testdata", "archai_gpt2_gallery.csv"))
	if err != nil {
		return nil, err
	}
	return []model{
		{"reference", programs.Reference(), 128},
		{"gallery small", gallery[0], 192},
		{"gallery middle", gallery[len(gallery)/2], 192},
		{galleryLarge, gallery[len(gallery)-1], 192},
	}, nil
}

// readGallery reads the architectures in the order of the file, which is that of
// their size.
func readGallery(path string) (list []arch.Architecture, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) < 2 {
		return nil, fmt.Errorf("%s: no gallery: %w", path, err)
	}
	for _, row := range rows[1:] {
		number := func(column string) int {
			i := slices.Index(rows[0], column)
			if i < 0 {
				err = fmt.Errorf("%s: no column %s", path, column)
				return 0
			}
			n, parseErr := strconv.Atoi(row[i])
			if parseErr != nil {
				err = fmt.Errorf("%s: %w", path, parseErr)
			}
			return n
		}
		a := arch.Architecture{Backbone: arch.GPT2, Vocab: number("vocab_size"), DModel: number("d_model"), MaxLen: number("max_seq")}
		a.Layers = slices.Repeat([]arch.Layer{{Heads: number("n_head"), DInner: number("d_inner")}}, number("n_layer"))
		if err == nil {
			err = a.Validate()
		}
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}
