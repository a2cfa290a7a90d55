package arch

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// table reads a CSV file of testdata: one map from column to text a row.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, column := range records[0] {
			row[column] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// whole reads an integer, which the tables may write with a ".0".
func whole(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSuffix(text, ".0"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wholes(t *testing.T, text string) []int {
	t.Helper()
	var list []int
	for _, word := range strings.Split(text, "|") {
		list = append(list, whole(t, word))
	}
	return list
}

// recorded builds the architecture of a row of the authors' logs.
func recorded(t *testing.T, row map[string]string) Architecture {
	t.Helper()
	a := Architecture{
		Backbone: GPT2,
		Vocab:    whole(t, row["n_token"]),
		DModel:   whole(t, row["d_model"]),
		DEmbed:   max(whole(t, row["d_embed"]), 0),
		DivVal:   whole(t, row["div_val"]),
		MaxLen:   whole(t, row["tgt_len"]),
		Layers:   makeLayers(wholes(t, row["d_inner"]), wholes(t, row["n_head"])),
	}
	if strings.Contains(row["exp"], "TransXL") {
		a.Backbone, a.MaxLen, a.MemLen = TransformerXL, 0, whole(t, row["mem_len"])
	}
	for _, cut := range wholes(t, row["cutoffs"]) {
		if cut != a.Vocab { // the logs end the list with it, in no order
			a.Cutoffs = append(a.Cutoffs, cut)
		}
	}
	if err := a.Validate(); err != nil {
		t.Fatal(err)
	}
	if len(a.Layers) != whole(t, row["n_layer"]) {
		t.Fatalf("%d layers, want %s", len(a.Layers), row["n_layer"])
	}
	return a
}

func TestRecordedParams(t *testing.T) {
	for _, file := range []struct {
		name string
		rows map[Backbone]int
	}{
		{"lts_random_wt103.csv", map[Backbone]int{GPT2: 200, TransformerXL: 200}},
		{"lts_pareto_lm1b.csv", map[Backbone]int{GPT2: 77, TransformerXL: 75}},
	} {
		t.Run(file.name, func(t *testing.T) {
			rows := map[Backbone]int{}
			for _, row := range table(t, file.name) {
				a := recorded(t, row)
				rows[a.Backbone]++
				name := row["exp"] + " " + row["id"]
				if got, want := a.DecoderParams(), int64(whole(t, row["nonembedding"])); got != want {
					t.Errorf("%s: %d decoder parameters, recorded %d", name, got, want)
				}
				// AdaEmb is embeddings, projections and learned positions.
				positions := int64(a.MaxLen) * int64(a.DModel)
				if got, want := a.embeddingParams()+positions, int64(whole(t, row["AdaEmb"])); got != want {
					t.Errorf("%s: %d embedding parameters, recorded %d", name, got, want)
				}
				if got, want := a.TotalParams()+untied(a, row["exp"]), int64(whole(t, row["total"])); got != want {
					t.Errorf("%s: %d parameters in total, recorded %d", name, got, want)
				}
			}
			if fmt.Sprint(rows) != fmt.Sprint(file.rows) {
				t.Errorf("read %v rows, want %v", rows, file.rows)
			}
		})
	}
}

// untied counts what the authors' models have beyond ours: an adaptive softmax
// also for a single cluster, and output projections of their own: the first
// cluster's, in the Transformer-XL frontier every cluster's.
func untied(a Architecture, experiment string) int64 {
	var extra int64
	if a.Backbone == GPT2 && len(a.Clusters()) == 1 {
		extra += int64(a.Vocab)
	}
	if a.Projected() {
		for i, c := range a.Clusters() {
			if i == 0 || strings.HasPrefix(experiment, "pareto_TransXL") {
				extra += int64(c.Width) * int64(a.DModel)
			}
		}
	}
	return extra
}

func TestGalleryParams(t *testing.T) {
	rows := table(t, "archai_gpt2_gallery.csv")
	if len(rows) != 10 {
		t.Fatalf("%d rows, want 10", len(rows))
	}
	for _, row := range rows {
		// The gallery's own files have these keys.
		a, err := Parse(fmt.Appendf(nil, `{"arch_type": "gpt2", "d_inner": %s, "d_model": %s, "dropatt": %s,
			"max_sequence_length": %s, "n_head": %s, "n_layer": %s, "vocab_size": %s}`,
			row["d_inner"], row["d_model"], row["dropatt"], row["max_seq"], row["n_head"], row["n_layer"], row["vocab_size"]))
		if err != nil {
			t.Fatal(err)
		}
		got := a.DecoderParams()
		if want := int64(whole(t, row["decoder_params_formula"])); got != want {
			t.Errorf("%s: %d decoder parameters, want %d", row["model"], got, want)
		}
		if printed := fmt.Sprintf("%.2f", float64(got)/1e6); printed != row["README_nonembedding_M"] {
			t.Errorf("%s: prints as %s M, want %s", row["model"], printed, row["README_nonembedding_M"])
		}
	}
}

// TestPaperBaselines checks the sizes that the paper's baselines are known by.
func TestPaperBaselines(t *testing.T) {
	gpt2 := Architecture{Backbone: GPT2, DModel: 1024, Layers: layersOf(16, Layer{Heads: 16, DInner: 2048})}
	xl := Architecture{Backbone: TransformerXL, DModel: 512, Layers: layersOf(16, Layer{Heads: 8, DInner: 2048})}
	for _, test := range []struct {
		arch Architecture
		want string
	}{{gpt2, "134.4"}, {xl, "54.6"}} {
		if got := fmt.Sprintf("%.1f", float64(test.arch.DecoderParams())/1e6); got != test.want {
			t.Errorf("%v: %s M decoder parameters, want %s", test.arch, got, test.want)
		}
	}
}

func layersOf(n int, l Layer) []Layer {
	layers := make([]Layer, n)
	for i := range layers {
		layers[i] = l
	}
	return layers
}

// TestTotalParamsByHand counts one model with every kind of tensor.
func TestTotalParamsByHand(t *testing.T) {
	a := smallXL() // vocabulary 100+400+500, widths 32, 8, 2
	embeddings := 100*32 + 400*8 + 500*2
	projections := (32 + 8 + 2) * 64
	head := 1000 + 2*(32+1)
	if got, want := a.TotalParams()-a.DecoderParams(), int64(embeddings+projections+head); got != want {
		t.Errorf("adaptive: %d, want %d", got, want)
	}
	a.DivVal = 1 // one matrix, one projection
	if got, want := a.TotalParams()-a.DecoderParams(), int64(1000*32+32*64+head); got != want {
		t.Errorf("shared: %d, want %d", got, want)
	}
	b := small() // plain: no bias in the output
	if got, want := b.TotalParams()-b.DecoderParams(), int64(1000*64+128*64); got != want {
		t.Errorf("plain: %d, want %d", got, want)
	}
}

func TestParamsDoNotOverflow(t *testing.T) {
	for _, backbone := range []Backbone{GPT2, TransformerXL} {
		a := Architecture{
			Backbone: backbone, Vocab: maxVocab, DModel: maxDModel, DEmbed: maxDModel, DivVal: 2,
			Layers: layersOf(maxLayers, Layer{Heads: 1, DInner: maxDInner}),
		}
		matrices := 5.0
		if backbone == GPT2 {
			a.MaxLen, matrices = maxMaxLen, 4
		}
		if err := a.Validate(); err != nil {
			t.Fatal(err)
		}
		d, inner := float64(maxDModel), float64(maxDInner)
		want := maxLayers*(matrices*d*d+2*d*inner) + maxVocab*d + d*d + float64(a.MaxLen)*d // all but vectors
		if got := float64(a.TotalParams()); math.Abs(got/want-1) > 1e-4 {
			t.Errorf("%s: %g parameters, want about %g", backbone, got, want)
		}
	}
}
