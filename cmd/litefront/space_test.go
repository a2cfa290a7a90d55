package main

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"litefront/searchcore/graph"
	"litefront/searchcore/space"
	"litefront/searchcore/space/survey"
	"litefront/searchcore/trial"
)

// checked is a space of which everything is known by hand: no d_inner goes with
// d_model 100 and 7 heads divide none, 12 leaves d_inner 16 and 24, 16 leaves 24
// and 32. So at each of two widths there are 2 + 2² stacks.
const checked = `
name = "checked"
arch_type = "gpt2"
vocab_size = 100
max_sequence_length = 64
n_layer = [1, 2]
d_model = [12, 16, 100]
d_inner = [8, 16, 24, 32, 64]
n_head = [2, 7]
inner_ratio = 1
max_inner_ratio = 2
`

func TestSpaceCheck(t *testing.T) {
	s := newSandbox(t)
	s.write("checked.toml", checked)
	var got survey.Survey
	if err := json.Unmarshal([]byte(s.must("space", "check", "checked.toml", "--json", "--prompt", "32", "--context", "48")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Size.String() != "12" || got.Bounded {
		t.Errorf("size %v, bounded %v, want 12, false", got.Size, got.Bounded)
	}
	want := []survey.Gene{
		{Name: "n_layer", Values: space.Choices{1, 2}},
		{Name: "d_model", Values: space.Choices{12, 16}, Dead: space.Choices{100}},
		{Name: "d_inner", Values: space.Choices{16, 24, 32}, Dead: space.Choices{8, 64}},
		{Name: "n_head", Values: space.Choices{2}, Dead: space.Choices{7}},
		{Name: "div_val", Values: space.Choices{1}},
	}
	if !slices.EqualFunc(got.Genes, want, func(a, b survey.Gene) bool {
		return a.Name == b.Name && slices.Equal(a.Values, b.Values) && slices.Equal(a.Dead, b.Dead)
	}) {
		t.Errorf("genes %+v, want %+v", got.Genes, want)
	}
	// 4d² + 9d + 2dD + D a layer, and 2d; the embedding and positions on top.
	params := func(d, inner, layers int64) int64 { return layers*(4*d*d+9*d+2*d*inner+inner) + 2*d }
	decoder := survey.Extent{Min: params(12, 16, 1), Max: params(16, 32, 2), Exact: true}
	if got.DecoderParams != decoder {
		t.Errorf("decoder parameters %+v, want %+v", got.DecoderParams, decoder)
	}
	if want := (survey.Extent{Min: decoder.Min + 164*12, Max: decoder.Max + 164*16, Exact: true}); got.TotalParams != want {
		t.Errorf("total parameters %+v, want %+v", got.TotalParams, want)
	}

	text := s.must("space", "check", "checked.toml", "--prompt", "32", "--context", "48")
	for _, want := range []string{"architectures       12\n", "warning: no member has d_model 100\n", "warning: no member has d_inner 8, 64\n", "warning: no member has n_head 7\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, want := range []string{"about 1.87e+34 at most", "~ 6000768 to", "no member has d_inner 128, 192\n"} {
		if text := s.must("space", "check", "lts-gpt2"); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestSpaceCheckMemory compares the peak memory with that of members drawn until
// all of a small space must have come.
func TestSpaceCheckMemory(t *testing.T) {
	s := newSandbox(t)
	small := strings.NewReplacer("{min = 16, max = 128, step = 16}", "[48, 96, 128]", "{min = 16, max = 256, step = 16}", "[256, 512]").Replace(tinySpace)
	for name, text := range map[string]string{
		"each layer its own": small,
		"bounded and shared": small + "shared = true\nmin_decoder_params = 60_000\nmax_decoder_params = 350_000\n",
		"relative":           strings.NewReplacer(`"gpt2"`, `"transformer-xl"`, "max_sequence_length = 64", "mem_len = 7").Replace(small),
	} {
		t.Run(name, func(t *testing.T) {
			s.write("small.toml", text)
			var got survey.Survey
			if err := json.Unmarshal([]byte(s.must("space", "check", "small.toml", "--json", "--prompt", "32", "--context", "48")), &got); err != nil {
				t.Fatal(err)
			}
			sp, err := space.ParseTOML([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			var peaks []int64
			r := rand.New(rand.NewPCG(1, 2))
			for range 3000 {
				a, err := sp.Sample(r)
				if err != nil {
					t.Fatal(err)
				}
				g, err := graph.Build(a, trial.Workload{PromptLen: 32, Context: 48, Precision: trial.F32, Threads: 1})
				if err != nil {
					t.Fatal(err)
				}
				peaks = append(peaks, g.Memory.TotalBytes)
			}
			if want := survey.ExtentOf(peaks, true); got.PeakBytes == nil || *got.PeakBytes != want {
				t.Errorf("peak memory %+v, members have %+v", got.PeakBytes, want)
			}
		})
	}
}

func TestSpaceShow(t *testing.T) {
	s := newSandbox(t)
	for _, name := range space.Presets() {
		text := s.must("space", "show", name)
		want, err := space.Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := space.ParseTOML([]byte(text)); err != nil || !equal(got, want) {
			t.Errorf("%s: shown as\n%s\nwhich reads back as %+v (%v)", name, text, got, err)
		}
	}
}
